//! The example `golden_path`, run as people run it: as a process of its own, killed, stopped, fed with mistakes and made
//! to fail. What it leaves is looked at from outside, with `git`, `openssl` and the list of processes.

mod claims;
mod example;
mod fakes;
mod faults;
mod full_disk;
mod input;
mod interactive;
mod jumps;
mod killed;
mod project;
mod store;
mod third_party;
mod undisturbed;
mod verify;

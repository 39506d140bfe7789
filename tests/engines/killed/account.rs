//! What workers do outside, in files that outlive them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The outside: what was done to it, and every try to do something. Each line has the key that it was done under, and the errand.
#[derive(Clone, Debug)]
pub(super) struct Account(PathBuf);

impl Account {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    pub(super) fn tries(&self, key: &str, errand: &str) {
        self.append("tries", key, errand);
    }

    /// Does it, unless it was done under this key: whoever acts looks first.
    pub(super) fn effect(&self, key: &str, errand: &str) {
        if !self.effects().contains(&format!("{key} {errand}")) {
            self.append("effects", key, errand);
        }
    }

    pub(super) fn effects(&self) -> Vec<String> {
        self.lines("effects")
    }

    /// How often an errand was tried, under whatever key.
    pub(super) fn tried(&self, errand: &str) -> usize {
        let of = |line: &String| line.split_once(' ').is_some_and(|(_, tried)| tried == errand);
        self.lines("tries").into_iter().filter(of).count()
    }

    /// Everything that was tried, once.
    pub(super) fn all_tried(&self) -> Vec<String> {
        let mut all = self.lines("tries");
        all.sort();
        all.dedup();
        all
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// In one write, which is there whole when its process is killed after it.
    fn append(&self, name: &str, key: &str, errand: &str) {
        let mut file = fs::File::options().create(true).append(true).open(self.0.join(name)).unwrap();
        file.write_all(format!("{key} {errand}\n").as_bytes()).unwrap();
    }
}

//! The disk runs full in the middle: it is said, and with room again the run goes on to its end.

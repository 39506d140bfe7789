//! What of a project Git has no place for, in a file beside its repository.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use git2::Repository;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::hosted::Hosted;

const FORMAT: u32 = 1;

impl Hosted {
    /// A project whose repository is there, with what was kept beside it; and the highest number in that.
    pub(super) fn open(git: &Path, id: u64, name: &str) -> (Self, u64) {
        let mut hosted = Self::of(Repository::open_bare(git).unwrap(), id, name);
        let file = git.with_extension("gitlab.json");
        let number = match fs::read(&file) {
            Ok(kept) => hosted.recall(&serde_json::from_slice(&kept).unwrap()),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => panic!("{}: {error}", file.display()),
        };
        hosted.file = Some(file);
        (hosted, number)
    }

    fn recall(&mut self, kept: &Value) -> u64 {
        fn part<T: DeserializeOwned>(kept: &Value, name: &str) -> T {
            serde_json::from_value(kept[name].clone()).unwrap()
        }
        assert_eq!(kept["format"], FORMAT, "another version kept this");
        self.pulls = part(kept, "pulls");
        self.statuses = part(kept, "statuses");
        self.protections = part(kept, "protections");
        self.said = part::<Vec<_>>(kept, "said").into_iter().collect();
        part(kept, "number")
    }

    /// Puts down what is to be found by a server that is started later: whole, or not at all. `number` is the last that was used.
    pub(super) fn keep(&self, number: u64) {
        let Some(file) = &self.file else { return };
        let said: Vec<_> = self.said.iter().collect();
        let kept = json!({
            "format": FORMAT, "number": number, "pulls": self.pulls, "statuses": self.statuses, "protections": self.protections,
            "said": said,
        });
        let new = file.with_extension("new");
        fs::write(&new, kept.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }
}

//! The folder of a run: whose it is, and that one run at a time uses it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pathops_core::RepoId;
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::{engine, git_host};

/// Says that a folder belongs to this example, and to which project.
const MARK: &str = "run.json";
/// Lies beside the mark until it is whole.
const NEW_MARK: &str = "run.json.new";
/// There once a run was carried to its end.
const FINISHED: &str = "finished";
const LOCK: &str = "lock";
/// The first kept ledger, blobs and keys apart.
const FORMAT: u32 = 2;

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    format: u32,
    project: PathBuf,
    #[serde(default, skip_serializing_if = "is_default")]
    scm: git_host::Choice,
    #[serde(default, skip_serializing_if = "is_default")]
    engine: engine::Choice,
}

fn is_default<T: Default + PartialEq>(choice: &T) -> bool {
    *choice == T::default()
}

/// A run that was in the folder before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// There was none.
    Nothing,
    /// It was stopped, and goes on now.
    Stopped,
    /// It was carried to its end, and has made room.
    Finished,
}

/// The folder, which no other run uses as long as this lives.
pub(crate) struct Place {
    pub(crate) root: PathBuf,
    /// What has become of the run that was there before.
    pub(crate) before: Before,
    _lock: File,
}

impl Place {
    /// Takes the folder for `project` on that Git host, with that engine. A run that was stopped goes on in it; one that was carried to its end makes room
    /// for a new one. A folder that belongs to anything else stays as it is.
    pub(crate) fn take(root: &Path, project: &Path, scm: git_host::Choice, engine: engine::Choice) -> Result<Self, Failure> {
        let wanted = Mark { format: FORMAT, project: fs::canonicalize(project)?, scm, engine };
        if !root.join(MARK).exists() && holds_other_things(root)? {
            return Err(foreign(root));
        }
        fs::create_dir_all(root).map_err(|error| format!("cannot make {}: {error}", root.display()))?;
        let lock = lock(root)?;
        let before = match mark(root)? {
            Some(mark) if root.join(FINISHED).exists() => {
                begin_anew(root, &wanted, &mark)?;
                Before::Finished
            }
            Some(mark) if mark.format != FORMAT => {
                let advice = "give another --state, or remove it";
                return Err(format!("{} holds an unfinished run of an earlier version; {advice}", root.display()).into());
            }
            Some(mark) if mark.scm != scm => {
                let advice = "give the same --scm, another --state, or remove it";
                return Err(format!("{} holds an unfinished run on another Git host; {advice}", root.display()).into());
            }
            Some(mark) if mark.engine != engine => {
                let advice = "give the same --engine, another --state, or remove it";
                return Err(format!("{} holds an unfinished run with another engine; {advice}", root.display()).into());
            }
            Some(mark) if mark != wanted => {
                let of = mark.project.display();
                let advice = "give another --state, or remove it";
                return Err(format!("{} holds an unfinished run of another project, {of}; {advice}", root.display()).into());
            }
            Some(_) => Before::Stopped,
            None => {
                write(root, &wanted)?;
                Before::Nothing
            }
        };
        Ok(Self { root: fs::canonicalize(root)?, before, _lock: lock })
    }

    /// The folder of the repositories.
    pub(crate) fn forge(&self) -> PathBuf {
        self.root.join("forge")
    }

    /// A bare repository in it.
    pub(crate) fn repository(&self, repo: &RepoId) -> PathBuf {
        self.forge().join(format!("{repo}.git"))
    }

    /// The store of evidence.
    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// Notes that the run was carried to its end.
    pub(crate) fn finish(&self) -> io::Result<()> {
        fs::write(self.root.join(FINISHED), "")
    }
}

fn foreign(root: &Path) -> Failure {
    format!("{} is not empty and not a run of this example; give another --state", root.display()).into()
}

fn holds_other_things(root: &Path) -> Result<bool, Failure> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(format!("{} is no folder; give another --state", root.display()).into());
        }
        entries => entries.map_err(|error| format!("cannot read {}: {error}", root.display()))?,
    };
    for entry in entries {
        // What a run makes before its mark.
        let name = entry?.file_name();
        if name != LOCK && name != NEW_MARK {
            return Ok(true);
        }
    }
    Ok(false)
}

fn lock(root: &Path) -> Result<File, Failure> {
    let file = File::create(root.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(format!("{} is in use by another run; stop that one, or give another --state", root.display()).into())
        }
        Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", root.display()).into()),
    }
}

/// The mark of the folder, or `None` where it has none yet.
fn mark(root: &Path) -> Result<Option<Mark>, Failure> {
    let text = match fs::read(root.join(MARK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| format!("cannot read {}: {error}", root.join(MARK).display()))?,
    };
    let mark: Option<Mark> = serde_json::from_slice(&text).ok();
    mark.filter(|mark| (1..=FORMAT).contains(&mark.format)).map(Some).ok_or_else(|| foreign(root))
}

/// Empties the folder. What says that it may be emptied goes last.
fn begin_anew(root: &Path, wanted: &Mark, before: &Mark) -> Result<(), Failure> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if [MARK, NEW_MARK, FINISHED, LOCK].iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let path = entry.path();
        let removed = if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| format!("cannot remove {}, of an earlier run: {error}", path.display()))?;
    }
    if wanted != before {
        write(root, wanted)?;
    }
    Ok(fs::remove_file(root.join(FINISHED))?)
}

/// Writes the mark: whole, or not at all.
fn write(root: &Path, mark: &Mark) -> Result<(), Failure> {
    let new = root.join(NEW_MARK);
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec(mark)?)?;
    file.sync_all()?;
    Ok(fs::rename(&new, root.join(MARK))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (state, project) = (folder.path().join("state"), folder.path().join("project"));
        fs::create_dir(&project).unwrap();
        (folder, state, project)
    }

    fn take(state: &Path, project: &Path) -> Result<Place, Failure> {
        Place::take(state, project, git_host::Choice::Local, engine::Choice::Embedded)
    }

    #[test]
    fn of_an_earlier_version_only_what_came_to_its_end_makes_room() {
        let (_folder, state, project) = folders();
        fs::create_dir(&state).unwrap();
        write(
            &state,
            &Mark {
                format: 1,
                project: project.canonicalize().unwrap(),
                scm: git_host::Choice::Local,
                engine: engine::Choice::Embedded,
            },
        )
        .unwrap();
        let refused = take(&state, &project).err().unwrap().to_string();
        assert!(refused.contains("an unfinished run of an earlier version"), "{refused}");
        fs::write(state.join(FINISHED), "").unwrap();
        assert_eq!(take(&state, &project).unwrap().before, Before::Finished);
        assert_eq!(take(&state, &project).unwrap().before, Before::Stopped);
    }

    #[test]
    fn a_stopped_run_goes_on_and_a_finished_one_makes_room() {
        let (_folder, state, project) = folders();
        let place = take(&state, &project).unwrap();
        assert_eq!(place.before, Before::Nothing);
        drop(place);
        fs::write(state.join("kept"), "").unwrap();
        let place = take(&state, &project).unwrap();
        assert_eq!(place.before, Before::Stopped);
        assert!(state.join("kept").exists());
        place.finish().unwrap();
        drop(place);
        assert_eq!(take(&state, &project).unwrap().before, Before::Finished);
        assert!(!state.join("kept").exists() && !state.join(FINISHED).exists());
    }

    #[test]
    fn a_crash_while_making_room_loses_nothing() {
        let (folder, state, project) = folders();
        take(&state, &project).unwrap().finish().unwrap();
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        // As far as it had come: the mark is the new one, and the end of the old run is still noted.
        write(
            &state,
            &Mark { format: FORMAT, project: other.clone(), scm: git_host::Choice::Local, engine: engine::Choice::Embedded },
        )
        .unwrap();
        drop(take(&state, &other).unwrap());
        assert!(!state.join(FINISHED).exists());
    }

    #[test]
    fn a_stopped_run_goes_on_only_on_its_own_git_host() {
        let (_folder, state, project) = folders();
        drop(Place::take(&state, &project, git_host::Choice::GitHub, engine::Choice::Embedded).unwrap());
        let refused = take(&state, &project).err().unwrap().to_string();
        assert!(refused.contains("an unfinished run on another Git host"), "{refused}");
        Place::take(&state, &project, git_host::Choice::GitHub, engine::Choice::Embedded).unwrap().finish().unwrap();
        drop(take(&state, &project).unwrap());
        assert_eq!(take(&state, &project).unwrap().before, Before::Stopped);
    }

    #[test]
    fn a_stopped_run_goes_on_only_with_its_own_engine() {
        let (_folder, state, project) = folders();
        let on_temporal = || Place::take(&state, &project, git_host::Choice::Local, engine::Choice::Temporal);
        drop(on_temporal().unwrap());
        let refused = take(&state, &project).err().unwrap().to_string();
        assert!(refused.contains("an unfinished run with another engine"), "{refused}");
        assert_eq!(on_temporal().unwrap().before, Before::Stopped);
    }

    #[test]
    fn one_run_at_a_time() {
        let (_folder, state, project) = folders();
        let first = take(&state, &project).unwrap();
        first.finish().unwrap();
        let second = take(&state, &project).err().map(|error| error.to_string());
        assert!(second.is_some_and(|error| error.contains("in use")));
        drop(first);
        take(&state, &project).unwrap();
    }
}

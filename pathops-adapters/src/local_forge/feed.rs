//! The feed of events: one file of JSON lines for the whole forge.
//!
//! A cursor is the place in that file right behind an event's line, so reading on from one costs nothing for what lies
//! before it. An event is in the feed at least once; one that a crash interrupted may be there twice.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use pathops_core::adapter::{EventCursor, ScmEvent, ScmEventKind};
use pathops_core::{ErrorKind, RepoId, Result};
use serde::{Deserialize, Serialize};

use super::attempt::Attempt;
use super::store;

#[derive(Serialize, Deserialize)]
struct Line {
    repo: RepoId,
    kind: ScmEventKind,
}

#[derive(Debug)]
pub(super) struct Feed {
    path: PathBuf,
}

impl Feed {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Adds events to the end, durably.
    pub(super) fn append(&self, attempt: &Attempt, repo: &RepoId, events: &[ScmEventKind]) -> Result<()> {
        let mut lines = Vec::new();
        for kind in events {
            let line = store::encode(attempt, &Line { repo: repo.clone(), kind: kind.clone() })?;
            lines.extend(line.to_string().into_bytes());
            lines.push(b'\n');
        }
        self.append_lines(&lines).map_err(|e| attempt.io(&self.path, e))
    }

    fn append_lines(&self, lines: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        file.lock()?;
        let end = end_of_whole_lines(&mut file)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        file.write_all(lines)?;
        file.sync_data()
    }

    /// At most `limit` events after `after`, oldest first.
    pub(super) fn read(&self, attempt: &Attempt, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        let mut file = match File::open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && after == EventCursor::default() => return Ok(Vec::new()),
            opened => opened.map_err(|e| attempt.io(&self.path, e))?,
        };
        if !is_line_start(&mut file, after.0).map_err(|e| attempt.io(&self.path, e))? {
            return Err(attempt
                .error(ErrorKind::Invalid, "this cursor is not from this forge")
                .advise("begin with the first one"));
        }
        self.read_lines(attempt, BufReader::new(file), after, limit)
    }

    fn read_lines(
        &self,
        attempt: &Attempt,
        mut file: BufReader<File>,
        after: EventCursor,
        limit: usize,
    ) -> Result<Vec<ScmEvent>> {
        let mut events = Vec::new();
        let mut place = after.0;
        let mut text = Vec::new();
        while events.len() < limit {
            text.clear();
            file.read_until(b'\n', &mut text).map_err(|e| attempt.io(&self.path, e))?;
            if text.last() != Some(&b'\n') {
                break; // The end, or a line that is being written.
            }
            let Line { repo, kind } = store::decode(attempt, &format!("{}, byte {place}", self.path.display()), &text)?;
            place = place.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
            events.push(ScmEvent { cursor: EventCursor(place), repo, kind });
        }
        Ok(events)
    }
}

/// Whether a line can begin at `place`. Leaves the file there.
fn is_line_start(file: &mut File, place: u64) -> io::Result<bool> {
    let mut before = [b'\n'];
    if let Some(last) = place.checked_sub(1) {
        if last >= file.metadata()?.len() {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(last))?;
        file.read_exact(&mut before)?;
    }
    Ok(before == [b'\n'])
}

/// Where the last whole line ends: a crash may have left a part of one behind it.
fn end_of_whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while !is_line_start(file, end)? {
        end = end.saturating_sub(1);
    }
    Ok(end)
}

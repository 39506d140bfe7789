//! Small JSON files that survive a crash: written beside, synced, renamed over.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// Reads a file of this format, or `None` where there is none.
///
/// # Errors
/// `InvalidData` for another format or a damaged file; its name is part of the message.
pub(super) fn read<T: DeserializeOwned>(file: &Path, format: u32) -> io::Result<Option<T>> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", file.display()));
    let found: Format = serde_json::from_slice(&bytes).map_err(|e| invalid(e.to_string()))?;
    if found.format != format {
        return Err(invalid(format!("has format {}, and this version reads format {format}", found.format)));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|e| invalid(e.to_string()))
}

/// Replaces a file at once: a reader sees the old content or the new one, also after a crash.
pub(super) fn write<T: Serialize>(file: &Path, content: &T) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let beside = file.with_extension("json.new");
    let mut new = File::create(&beside)?;
    new.write_all(&serde_json::to_vec_pretty(content)?)?;
    new.sync_all()?;
    fs::rename(&beside, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Content {
        format: u32,
        text: String,
    }

    #[test]
    fn reads_what_it_wrote_and_no_other_format() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b.json");
        assert_eq!(read::<Content>(&file, 1).unwrap(), None);
        let content = Content { format: 1, text: "x".to_owned() };
        write(&file, &content).unwrap();
        assert_eq!(read(&file, 1).unwrap(), Some(content));
        let error = read::<Content>(&file, 2).unwrap_err().to_string();
        assert!(error.contains("b.json") && error.contains("format 1"), "{error}");
    }
}

//! Answers that GitLab gave, and what the fake's have that they have not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::world::Fake;

/// Where they lie, beside the workspace. Another folder may be named instead.
const FOLDER: &str = "../../shared/data/gitlab/api";
const OTHER: &str = "PATHOPS_GITLAB_ANSWERS";
/// Fields that GitLab's documentation has, and the answers that were recorded are too old for.
const LATER: [&str; 10] = [
    "authored_date",
    "committed_date",
    "created_at",
    "draft",
    "extended_trailers",
    "merge_user",
    "squash_commit_sha",
    "trailers",
    "web_url",
    "locked",
];

static RECORDED: LazyLock<Option<BTreeMap<String, Value>>> = LazyLock::new(|| {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let folder: PathBuf = std::env::var_os(OTHER).map_or(beside, Into::into);
    let Ok(files) = std::fs::read_dir(&folder) else {
        assert!(std::env::var_os("PATHOPS_NEEDS_DATA").is_none(), "recorded answers of GitLab are missing: {}", folder.display());
        eprintln!("skipped: answers are not held against GitLab's, for there is no {}", folder.display());
        return None;
    };
    let read = |file: std::fs::DirEntry| {
        let name = file.path().file_stem()?.to_str()?.to_owned();
        Some((name, serde_json::from_slice(&std::fs::read(file.path()).unwrap()).ok()?))
    };
    Some(files.filter_map(|file| read(file.unwrap())).collect())
});

/// Where an answer was not as GitLab's are, this is a failed test.
pub(crate) fn check(fake: &Fake) {
    let Some(recorded) = RECORDED.as_ref() else { return };
    for (kind, answer) in std::mem::take(&mut fake.state().answers) {
        let mut differences = Vec::new();
        compare(&recorded[kind], &answer, kind, &mut differences);
        assert!(differences.is_empty(), "not as GitLab answers: {differences:#?}");
    }
}

/// Each field must be there in what was recorded, and of the same type.
fn compare(recorded: &Value, answer: &Value, at: &str, differences: &mut Vec<String>) {
    match (recorded, answer) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(recorded), Value::Object(answer)) => {
            for (name, value) in answer {
                match recorded.get(name) {
                    Some(recorded) => compare(recorded, value, &format!("{at}/{name}"), differences),
                    None if LATER.contains(&name.as_str()) => {}
                    None => differences.push(format!("{at}/{name} is unknown")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(answer)) => {
            let first = recorded.first().unwrap_or(&Value::Null);
            answer.iter().for_each(|one| compare(first, one, at, differences));
        }
        (recorded, answer) if std::mem::discriminant(recorded) == std::mem::discriminant(answer) => {}
        (recorded, answer) => differences.push(format!("{at} is {answer}, and was {recorded}")),
    }
}

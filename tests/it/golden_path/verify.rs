//! The command that the example prints for checking a piece of evidence, run exactly as it is printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::example::{Example, files, installed};
use super::project::SmallProject;

/// What stands before the command in the account.
const LABEL: &str = "check one yourself";

#[test]
fn the_command_that_is_printed_finds_each_changed_byte() {
    let project = SmallProject::new("feature");
    // A name that a shell takes apart where the command does not quote it.
    let mut example = Example::in_folder("it's the state", &["--project", project.path().to_str().unwrap()]);
    let run = example.run();
    run.assert_held();
    let line = run.account.lines().find_map(|line| line.trim_start().strip_prefix(LABEL));
    let line = line.unwrap_or_else(|| panic!("no command is printed in:\n{}", run.account)).trim();
    let report = fs::read_to_string(example.state.join("report.html")).unwrap();
    assert!(report.contains("openssl dgst"), "the report shows it too");
    if !installed("openssl") {
        return;
    }
    assert_eq!(verified(line), (true, "Verified OK\n".to_owned()), "{line}");
    for end in ["signature", "signed"] {
        let file = checked(line, &example.state, end);
        let whole = fs::read(&file).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1;
            }
            fs::write(&file, changed).unwrap();
            let (well, said) = verified(line);
            assert!(!well && !said.contains("Verified OK"), "byte {at} of {} was changed: {said}", file.display());
        }
        fs::write(&file, whole).unwrap();
    }
    assert!(verified(line).0, "it is whole again");
}

/// Whether a shell says that the command went well, and what the command printed.
fn verified(line: &str) -> (bool, String) {
    let output = Command::new("sh").args(["-c", line]).current_dir("/").output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// The file of that kind that the command names.
fn checked(line: &str, state: &Path, end: &str) -> PathBuf {
    let mut named = files(&state.join("evidence")).into_iter().filter(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.ends_with(&format!(".{end}")) && line.contains(name)
    });
    named.next().unwrap_or_else(|| panic!("`{line}` names no file `*.{end}`"))
}

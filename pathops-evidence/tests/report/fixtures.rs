//! The fixtures: small reports in the shape of each format, below the folder with its name. A name says what is in it:
//! `good…` speaks for what was tested, `bad…` against it, and `quiet…` says nothing.

use std::path::{Path, PathBuf};

use pathops_evidence::report::{Content, Format, parse_as};

pub(crate) struct Fixture {
    pub(crate) format: Format,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Fixture {
    /// The format as far as it can be recognised: text of a pod is never.
    pub(crate) fn recognisable(&self) -> bool {
        self.format != Format::PodLog
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.name.starts_with("bad")
    }
}

pub(crate) fn all() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/report");
    let mut fixtures = Vec::new();
    for folder in sorted(&root) {
        let format: Format = folder.file_name().unwrap().to_str().unwrap().parse().unwrap();
        for path in sorted(&folder) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            fixtures.push(Fixture { format, name, bytes: std::fs::read(path).unwrap() });
        }
    }
    fixtures
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a fixture says.
pub(crate) fn content(format: Format, name: &str) -> Content {
    let fixture = all().into_iter().find(|fixture| fixture.format == format && fixture.name.starts_with(name));
    let fixture = fixture.unwrap_or_else(|| panic!("there is no fixture `{name}` of {format}"));
    parse_as(format, &fixture.bytes).unwrap_or_else(|error| panic!("{name}: {error}")).content
}

#[test]
fn every_format_has_a_fixture() {
    let all = all();
    for format in Format::ALL {
        assert!(all.iter().any(|fixture| fixture.format == *format), "{format} has none");
    }
}

#[test]
fn a_short_name_names_one_format() {
    for format in Format::ALL {
        assert_eq!(format.id().parse(), Ok(*format));
        assert!(format.media_type().contains('/') && !format.title().is_empty());
    }
    assert!("JUNIT".parse::<Format>().unwrap_err().to_string().contains("write one of junit, tap"));
}

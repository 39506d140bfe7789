//! Promotions on which the evaluator and the plain rule once differed, or whose decision was not what every decision is, made as
//! small as is simple.

use std::path::{Path, PathBuf};

use crate::base::layers;
use crate::compare::is_faulty;
use crate::generate::{Case, Dice, generated};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/policy_spec/corpus")
}

/// Every case, with its name.
pub(crate) fn all() -> Vec<(String, Case)> {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(&path))).collect()
}

fn read(path: &Path) -> Case {
    let case = serde_json::from_slice(&std::fs::read(path).unwrap());
    case.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes a case small and writes it below the build's folder. Gives the path, and where to put the file so that it is tried
/// from then on.
pub(crate) fn keep(case: &Case, name: &str) -> String {
    let small = smallest(case.clone());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&small).unwrap())).unwrap();
    format!("written to {}; move it to {}, under a name that says what it shows", path.display(), folder().display())
}

#[test]
fn what_is_kept_is_what_the_corpus_reads() {
    let case = generated(&mut Dice::new(1), &layers());
    let told = keep(&case, "kept");
    let path = told.strip_prefix("written to ").and_then(|told| told.split_once(';')).unwrap().0;
    assert_eq!(read(Path::new(path)), case);
    std::fs::remove_file(path).unwrap();
}

/// Takes away one thing after another, as long as something still is wrong with it.
fn smallest(mut case: Case) -> Case {
    while let Some(smaller) = smaller(&case).into_iter().find(is_faulty) {
        case = smaller;
    }
    case
}

/// The case with one thing less, in every way.
fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    let mut but = |change: &dyn Fn(&mut Case)| {
        let mut less = case.clone();
        change(&mut less);
        if less != *case {
            all.push(less);
        }
    };
    for layer in 0..case.layers.len() {
        but(&|it| drop(it.layers.remove(layer)));
        but(&|it| it.layers[layer].break_glass = None);
        for requirement in 0..case.layers[layer].requirements.len() {
            but(&|it| drop(it.layers[layer].requirements.remove(requirement)));
        }
    }
    for place in 0..case.facts.evidence.len() {
        but(&|it| drop(it.facts.evidence.remove(place)));
    }
    for place in 0..case.facts.readings.proposal.as_ref().map_or(0, |it| it.reviews.len()) {
        but(&|it| drop(it.facts.readings.proposal.as_mut().map(|it| it.reviews.remove(place))));
    }
    but(&|it| it.facts.readings.source_reviews.clear());
    but(&|it| it.facts.readings.incidents.clear());
    but(&|it| it.facts.readings.stops.clear());
    but(&|it| it.facts.readings.dependencies.clear());
    but(&|it| it.facts.readings.strangers.clear());
    but(&|it| it.facts.readings.accounts.clear());
    but(&|it| it.facts.readings.authors.clear());
    but(&|it| it.facts.rejected.clear());
    all
}

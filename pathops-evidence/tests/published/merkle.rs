//! transparency-dev's vectors of inclusion and consistency, of which the crate `sigstore-merkle` has a copy.

use pathops_core::Digest;
use pathops_core::evidence::Checkpoint;
use pathops_evidence::ledger::is_consistent;

use super::*;

/// The hash in a field; `None` where it has another length, so that no checkpoint and no proof can hold it.
fn hash(value: &Value) -> Option<Digest> {
    decoded(value).try_into().ok().map(Digest::from_bytes)
}

fn path(vector: &Value) -> Option<Vec<Digest>> {
    vector["proof"].as_array().map_or(Some(Vec::new()), |hashes| hashes.iter().map(hash).collect())
}

fn is_included(vector: &Value) -> Option<bool> {
    let checkpoint = Checkpoint { size: vector["treeSize"].as_u64()?, root: hash(&vector["root"])? };
    Some(checkpoint.includes(&hash(&vector["leafHash"])?, vector["leafIdx"].as_u64()?, &path(vector)?))
}

fn extends(vector: &Value) -> Option<bool> {
    let state = |size: &str, root: &str| Some((vector[size].as_u64()?, hash(&vector[root])?));
    Some(is_consistent(state("size1", "root1")?, state("size2", "root2")?, &path(vector)?))
}

/// What a vector is about, and how it is answered.
type Question<'q> = (&'q str, &'q dyn Fn(&Value) -> Option<bool>);

/// How many vectors hold, how many do not, and how many hold over what is no hash; fails unless we say the same of the others.
/// One where a hash has not 32 bytes is refused before it is a proof.
fn agreed(folder: &Path) -> [usize; 3] {
    let mut counts = [0; 3];
    let questions: [Question<'_>; 2] = [("inclusion", &is_included), ("consistency", &extends)];
    for (kind, holds) in questions {
        for file in files(&folder.join(kind), "json") {
            let vector = json(&file);
            let expected = !vector["wantErr"].as_bool().unwrap();
            let said = holds(&vector);
            assert!(said.is_none_or(|said| said == expected), "{}: {}", file.display(), vector["desc"]);
            counts[if expected && said.is_none() { 2 } else { usize::from(!expected) }] += 1;
        }
    }
    let [held, refused, others] = counts;
    eprintln!("{held} proofs hold, {refused} do not, and we say so; {others} are over what is no hash");
    counts
}

#[test]
fn proofs_are_accepted_and_refused_as_the_copy_in_a_crate_says() {
    let Some(source) = source_of("sigstore-merkle") else { return };
    assert_eq!(agreed(&source.join("test-data/merkle/testdata")), [11, 182, 2]);
}

#[test]
fn proofs_are_accepted_and_refused_as_the_repository_says() {
    let Some(clone) = clone_of("transparency-dev/merkle") else { return };
    let [held, refused, others] = agreed(&clone.join("testdata"));
    assert!(held >= 11 && refused >= 184 && others <= 2, "{held}, {refused}, {others}");
}

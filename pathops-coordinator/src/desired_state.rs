//! What PathOps writes into desired-state repositories, and how one environment's folder is compared with another's.
//!
//! A folder holds what is moved between environments (`deployment.yaml`, `artifact.yaml` and whatever lies beside
//! them) and what belongs to its environment and is never moved: [`SETTINGS`].

use pathops_core::adapter::{FileChange, SourceFile, SourceTree};
use pathops_core::{CommitId, Digest, IdError, RepoId, RepoPath};

/// The file that belongs to its environment: ports, log levels. Promotion leaves it alone.
pub const SETTINGS: &str = "settings.yaml";
/// The file that names the artifact to run.
pub const ARTIFACT: &str = "artifact.yaml";
/// The file that says how to run it.
pub const DEPLOYMENT: &str = "deployment.yaml";

/// The content of [`ARTIFACT`].
#[must_use]
pub fn artifact_reference(digest: &Digest, repo: &RepoId, commit: &CommitId) -> SourceFile {
    let text = format!(
        "# Written by PathOps; changed by pull request only.\napiVersion: pathops.dev/v1alpha1\nkind: ArtifactReference\nspec:\n  digest: {digest}\n  repository: {repo}\n  commit: \"{commit}\"\n"
    );
    SourceFile { bytes: text.into_bytes(), executable: false }
}

/// The digest that an [`ARTIFACT`] file names.
#[must_use]
pub fn artifact_digest(file: &SourceFile) -> Option<Digest> {
    let text = std::str::from_utf8(&file.bytes).ok()?;
    text.lines()
        .find_map(|line| line.trim().strip_prefix("digest:"))
        .and_then(|digest| digest.trim().trim_matches('"').parse().ok())
}

/// The file called `name` in `folder`.
#[must_use]
pub fn file<'t>(tree: &'t SourceTree, folder: &RepoPath, name: &str) -> Option<&'t SourceFile> {
    folder.join(name).ok().and_then(|path| tree.get(&path))
}

/// What has to change in `current` (the folder `to` of an environment) so that it asks for what `tested` (the folder
/// `from` of another) asks for, apart from the environment's own settings.
///
/// # Errors
/// [`IdError`] where a path does not fit below the other folder.
pub fn promotion(tested: &SourceTree, from: &RepoPath, current: &SourceTree, to: &RepoPath) -> Result<Vec<FileChange>, IdError> {
    let mut wanted = SourceTree::new();
    for (name, file) in moved(tested, from) {
        wanted.insert(to.join(name)?, file.clone());
    }
    let settings = to.join(SETTINGS)?;
    let own = current.iter().filter(|(path, _)| **path == settings).map(|(path, file)| (path.clone(), file.clone()));
    wanted.extend(own);
    Ok(difference(current, &wanted))
}

/// The changes that make `wanted` out of `current`, in the order of the paths.
#[must_use]
pub fn difference(current: &SourceTree, wanted: &SourceTree) -> Vec<FileChange> {
    let written = wanted.iter().filter(|(path, file)| current.get(*path) != Some(file));
    let deleted = current.keys().filter(|path| !wanted.contains_key(*path));
    let mut changes: Vec<FileChange> = written
        .map(|(path, file)| FileChange { path: path.clone(), file: Some(file.clone()) })
        .chain(deleted.map(|path| FileChange { path: path.clone(), file: None }))
        .collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// The files of a folder that are moved between environments, and go back with them: all but its own settings.
#[must_use]
pub fn movable(tree: &SourceTree, folder: &RepoPath) -> SourceTree {
    let settings = folder.join(SETTINGS).ok();
    let own = |path: &RepoPath| Some(path) == settings.as_ref();
    tree.iter()
        .filter(|(path, _)| path.is_within(folder) && !own(path))
        .map(|(path, file)| (path.clone(), file.clone()))
        .collect()
}

/// The files of a folder that are moved between environments, by their names in it.
fn moved<'t>(tree: &'t SourceTree, folder: &'t RepoPath) -> impl Iterator<Item = (&'t str, &'t SourceFile)> {
    let below = move |path: &'t RepoPath| path.as_str().strip_prefix(folder.as_str()).map(|name| name.trim_start_matches('/'));
    tree.iter()
        .filter(|(path, _)| path.is_within(folder))
        .filter_map(move |(path, file)| Some((below(path)?, file)))
        .filter(|(name, _)| *name != SETTINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> SourceTree {
        let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
        files.iter().map(|(path, text)| (RepoPath::parse(*path).unwrap(), file(text))).collect()
    }

    fn apply(mut tree: SourceTree, changes: Vec<FileChange>) -> SourceTree {
        for change in changes {
            match change.file {
                Some(file) => tree.insert(change.path, file),
                None => tree.remove(&change.path),
            };
        }
        tree
    }

    #[test]
    fn promotion_moves_all_but_the_settings() {
        let (from, to) = (RepoPath::parse("e/pre").unwrap(), RepoPath::parse("e/prod").unwrap());
        let tested = tree(&[
            ("e/pre/deployment.yaml", "new"),
            ("e/pre/artifact.yaml", "2"),
            ("e/pre/settings.yaml", "debug"),
            ("e/pre/x/a", "a"),
        ]);
        let current = tree(&[("e/prod/deployment.yaml", "old"), ("e/prod/settings.yaml", "info"), ("e/prod/gone", "")]);
        let changes = promotion(&tested, &from, &current, &to).unwrap();
        let after = apply(current.clone(), changes);
        assert_eq!(
            after,
            tree(&[
                ("e/prod/deployment.yaml", "new"),
                ("e/prod/artifact.yaml", "2"),
                ("e/prod/settings.yaml", "info"),
                ("e/prod/x/a", "a")
            ])
        );
        assert!(promotion(&tested, &from, &after, &to).unwrap().is_empty());
    }

    /// What is promoted is what goes back: only the one file that is the environment's own stays.
    #[test]
    fn whatever_is_promoted_goes_back() {
        let folder = RepoPath::parse("e/pre").unwrap();
        let names = ["e/pre/settings.yaml", "e/pre/x-settings.yaml", "e/pre/x/settings.yaml", "e/pre/deployment.yaml", "e/other"];
        let all = tree(&names.map(|name| (name, "")));
        let movable: Vec<_> = movable(&all, &folder).into_keys().map(|path| path.to_string()).collect();
        assert_eq!(movable, ["e/pre/deployment.yaml", "e/pre/x-settings.yaml", "e/pre/x/settings.yaml"]);
        let promoted: Vec<_> = moved(&all, &folder).map(|(name, _)| format!("e/pre/{name}")).collect();
        assert_eq!(promoted, movable);
    }

    #[test]
    fn the_artifact_file_reads_back() {
        let digest = Digest::of(b"x");
        let file = artifact_reference(&digest, &"shop/web-src".parse().unwrap(), &"0".repeat(40).parse().unwrap());
        assert_eq!(artifact_digest(&file), Some(digest));
        assert_eq!(artifact_digest(&SourceFile { bytes: b"digest: nonsense".to_vec(), executable: false }), None);
    }
}

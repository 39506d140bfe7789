//! Importing a project from a folder into the forge, once.

use std::fs;
use std::path::Path;

use pathops_adapters::local_forge::LocalForge;
use pathops_core::adapter::{BranchProtection, SourceFile, SourceTree};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{Project, load};
use pathops_core::{BranchName, Principal, RepoId, RepoPath};

use crate::Failure;

/// Reads the project's declaration from `folder/meta`. Every mistake in it is reported at once.
pub(crate) fn read(folder: &Path) -> Result<(Project, SourceTree), Failure> {
    let meta = folder.join("meta");
    if !meta.is_dir() {
        let advice = "a project is a folder with `meta/` and the repositories of its apps; see examples/shop/README.md";
        return Err(format!("{} has no folder `meta`: {advice}", folder.display()).into());
    }
    let files = read_folder(&meta)?;
    let name = files
        .get(&RepoPath::parse("project.yaml")?)
        .and_then(|file| project_name(&file.bytes))
        .unwrap_or_else(|| "project".to_owned());
    let repo = RepoId::parse(format!("{name}/meta"))?;
    match load(&files, repo) {
        Ok(project) => Ok((project, files)),
        Err(findings) => Err(format!("the project in {} cannot be used:\n{findings}", folder.display()).into()),
    }
}

/// The project's name, just to name its repository: `load` checks it.
fn project_name(yaml: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(yaml).ok()?;
    let at = text.find("name:")?;
    let name: String = text.get(at + 5..)?.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    (!name.is_empty()).then_some(name)
}

/// Makes the repositories that are not there yet, and protects their branches.
pub(crate) async fn import(forge: &LocalForge, folder: &Path, project: &Project) -> Result<(), Failure> {
    let main = BranchName::parse("main")?;
    repository(forge, &project.meta_repo, &folder.join("meta"), std::slice::from_ref(&main)).await?;
    let environments = [&project.environments.preflight, &project.environments.production];
    let branches = environments.map(|target| target.branch.clone());
    for unit in project.units.values() {
        if let Some(source) = unit.source() {
            repository(forge, source, &folder.join(name(source)), std::slice::from_ref(&main)).await?;
            let rules = BranchProtection { required_checks: vec!["ci/build".parse()?], required_approvals: 1 };
            forge.protect(source, &main, rules).await?;
        }
        let repo = &unit.desired_state;
        repository(forge, repo, &folder.join(name(repo)), &branches).await?;
        forge.protect(repo, &project.environments.preflight.branch, BranchProtection::default()).await?;
        let rules = BranchProtection { required_checks: vec![PROMOTION_CONTEXT.parse()?], required_approvals: 1 };
        forge.protect(repo, &project.environments.production.branch, rules).await?;
    }
    Ok(())
}

fn name(repo: &RepoId) -> &str {
    repo.as_str().split_once('/').map_or(repo.as_str(), |(_, name)| name)
}

async fn repository(forge: &LocalForge, repo: &RepoId, from: &Path, branches: &[BranchName]) -> Result<(), Failure> {
    if forge.repository_path(repo).exists() {
        return Ok(());
    }
    if !from.is_dir() {
        return Err(format!("the repository {repo} is declared, and there is no folder {}", from.display()).into());
    }
    if from.join(".git").exists() {
        return Ok(forge.import_repository(repo, from).await?);
    }
    let mut trees = Vec::new();
    for branch in branches {
        // One branch: the folder is its content. Several: a folder each.
        let folder = if branches.len() == 1 { from.to_owned() } else { from.join(branch.as_str()) };
        let tree = if folder.is_dir() { read_folder(&folder)? } else { SourceTree::new() };
        trees.push((branch.clone(), tree));
    }
    let default = branches.first().ok_or("a repository needs a branch")?;
    Ok(forge.create_repository(repo, default, &trees, "Import", &Principal::System).await?)
}

fn read_folder(folder: &Path) -> Result<SourceTree, Failure> {
    let mut tree = SourceTree::new();
    let mut open = vec![(folder.to_owned(), RepoPath::root())];
    while let Some((folder, path)) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))? {
            let entry = entry?;
            let name =
                entry.file_name().into_string().map_err(|name| format!("{name:?} in {} is not UTF-8", folder.display()))?;
            if name == ".git" {
                continue;
            }
            let path = path.join(&name)?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), path));
            } else if kind.is_file() {
                let executable = std::os::unix::fs::PermissionsExt::mode(&entry.metadata()?.permissions()) & 0o111 != 0;
                tree.insert(path, SourceFile { bytes: fs::read(entry.path())?, executable });
            }
        }
    }
    Ok(tree)
}

//! Importing a project from a folder into the forge, once.

use std::fs;
use std::path::Path;

use pathops_adapters::local_forge::LocalForge;
use pathops_core::adapter::{BranchProtection, SourceFile, SourceTree};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{Project, Role, load};
use pathops_core::{BranchName, Principal, RepoId, RepoPath};

use crate::Failure;
use crate::git_host::GitHost;

/// Reads the project's declaration from `folder/meta`. Every mistake in it is reported at once.
pub(crate) fn read(folder: &Path) -> Result<(Project, SourceTree), Failure> {
    let meta = folder.join("meta");
    if !meta.is_dir() {
        let advice = "a project is a folder with `meta/` and the repositories of its apps; see examples/shop/README.md";
        let wrong = if folder.is_dir() { "has no folder `meta`" } else { "is no folder" };
        return Err(format!("{} {wrong}: {advice}", folder.display()).into());
    }
    let files = read_folder(&meta)?;
    let name = files
        .get(&RepoPath::parse("project.yaml")?)
        .and_then(|file| project_name(&file.bytes))
        .unwrap_or_else(|| "project".to_owned());
    let repo = RepoId::parse(format!("{name}/meta"))?;
    let unusable = |problems: &str| format!("the project in {} cannot be used:\n{problems}", folder.display());
    let project = load(&files, repo).map_err(|findings| unusable(&findings.to_string()))?;
    let problems = problems(folder, &project)?;
    if problems.is_empty() { Ok((project, files)) } else { Err(unusable(&problems.join("\n")).into()) }
}

/// Repositories that are declared and have no folder, and folders in them that would be left out without a word.
fn problems(folder: &Path, project: &Project) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for (repo, branches) in repositories(project)? {
        let from = folder.join(name(repo));
        if !from.is_dir() {
            problems.push(format!("the repository {repo} is declared, and there is no folder {}", from.display()));
        } else if branches.len() > 1 && !is_git(&from) {
            let folders: Vec<&str> = branches.iter().filter_map(|branch| branch.as_str().split('/').next()).collect();
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                if !folders.iter().any(|name| entry.file_name() == *name) {
                    let advice = format!("it has a folder for each: {}", folders.join(", "));
                    problems.push(format!("{} is no branch of {repo}; {advice}", entry.path().display()));
                }
            }
        }
    }
    problems.sort();
    Ok(problems)
}

/// The repositories of a project, each with its branches, the default one first.
pub(crate) fn repositories(project: &Project) -> Result<Vec<(&RepoId, Vec<BranchName>)>, Failure> {
    let main = vec![BranchName::parse("main")?];
    let environments = [&project.environments.preflight, &project.environments.production];
    let environments = environments.map(|target| target.branch.clone()).to_vec();
    let mut repositories = vec![(&project.meta_repo, main.clone())];
    for unit in project.units.values() {
        repositories.extend(unit.source().map(|source| (source, main.clone())));
        repositories.push((&unit.desired_state, environments.clone()));
    }
    Ok(repositories)
}

fn is_git(folder: &Path) -> bool {
    folder.join(".git").exists() || (folder.join("HEAD").is_file() && folder.join("objects").is_dir())
}

/// The project's name, just to name its repository: `load` checks it.
fn project_name(yaml: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(yaml).ok()?;
    let at = text.find("name:")?;
    let name: String = text.get(at + 5..)?.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    (!name.is_empty()).then_some(name)
}

/// Makes the repositories that are not there yet.
pub(crate) async fn import(forge: &LocalForge, folder: &Path, project: &Project) -> Result<(), Failure> {
    // Who owns the project has declared it; the rest was there before.
    let owner = project.people.iter().find(|(_, roles)| roles.contains(&Role::Owner));
    let owner = owner.map_or(Principal::System, |(person, _)| Principal::Human(person.clone()));
    for (repo, branches) in repositories(project)? {
        let author = if *repo == project.meta_repo { &owner } else { &Principal::System };
        repository(forge, repo, &folder.join(name(repo)), &branches, author).await?;
    }
    Ok(())
}

/// Protects the branches that changes come to by pull request.
pub(crate) async fn protect(host: &dyn GitHost, project: &Project) -> Result<(), Failure> {
    let main = BranchName::parse("main")?;
    for unit in project.units.values() {
        if let Some(source) = unit.source() {
            let rules =
                BranchProtection { required_checks: vec!["ci/build".parse()?], required_approvals: 1, merge_queue: false };
            host.protect(source, &main, rules).await?;
        }
        let repo = &unit.desired_state;
        host.protect(repo, &project.environments.preflight.branch, BranchProtection::default()).await?;
        let rules =
            BranchProtection { required_checks: vec![PROMOTION_CONTEXT.parse()?], required_approvals: 1, merge_queue: false };
        host.protect(repo, &project.environments.production.branch, rules).await?;
    }
    Ok(())
}

fn name(repo: &RepoId) -> &str {
    repo.as_str().split_once('/').map_or(repo.as_str(), |(_, name)| name)
}

async fn repository(
    forge: &LocalForge,
    repo: &RepoId,
    from: &Path,
    branches: &[BranchName],
    author: &Principal,
) -> Result<(), Failure> {
    if forge.repository_path(repo).exists() {
        return Ok(());
    }
    if is_git(from) {
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
    Ok(forge.create_repository(repo, default, &trees, "Import", author).await?)
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

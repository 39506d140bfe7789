//! From what a folder says to what is to run. Pure: nothing is fetched or started here.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use pathops_core::{CommitId, Digest, RepoPath, TreeId, UnitId};

use super::artifact::Artifacts;
use super::document::{self, Deployment, Executable, HttpPath, Run, Settings};
use super::git::Snapshot;
use super::http;
use super::job::{self, Job};
use super::ports::{Addresses, Place};
use super::process::Start;
use super::{ReconcilerConfig, Watched};

/// What is to run for one desired state.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) commit: CommitId,
    pub(super) tree: TreeId,
    /// The artifact that has to be unpacked before.
    pub(super) artifact: Option<Digest>,
    pub(super) port: u16,
    pub(super) health: HttpPath,
    pub(super) jobs: Vec<Job>,
    pub(super) start: Start,
}

impl Plan {
    /// Whether a process that was started for `other` is what this one asks for.
    pub(super) fn same_process(&self, other: &Plan) -> bool {
        self.tree == other.tree && self.start == other.start
    }
}

/// What a plan is made from, besides what the folder says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) config: &'a ReconcilerConfig,
    pub(super) artifacts: &'a Artifacts,
    pub(super) watched: &'a Watched,
    pub(super) addresses: &'a Addresses,
}

/// The port that the environment's settings declare. Settings that cannot be read declare none: applying them fails.
pub(super) fn declared_port(snapshot: &Snapshot, folder: &RepoPath) -> Option<u16> {
    settings(snapshot, folder).ok()?.port.map(u16::from)
}

/// What is to run, or `None` where nothing is declared: no folder, no `deployment.yaml`, or no artifact yet.
///
/// # Errors
/// Why it cannot be applied, in words for people.
pub(super) fn plan(snapshot: &Snapshot, around: Surroundings<'_>) -> Result<Option<Plan>, String> {
    let folder = &around.watched.target.path;
    let (Some(tree), Some(text)) = (&snapshot.tree, file(snapshot, DEPLOYMENT)?) else { return Ok(None) };
    let deployment = document::deployment(&format!("{folder}/{DEPLOYMENT}"), text)?;
    let settings = settings(snapshot, folder)?;
    let artifact = match (&deployment.run.what, file(snapshot, ARTIFACT)?) {
        (Executable::Program(_), _) => None,
        (Executable::Artifact(_), None) => return Ok(None),
        (Executable::Artifact(_), Some(text)) => Some(document::artifact(&format!("{folder}/{ARTIFACT}"), text)?.digest),
    };
    let place = (around.watched.target.environment.clone(), around.watched.unit.clone());
    let port = *around.addresses.get(&place).ok_or("it has no port")?;
    let environment = environment(&deployment, &settings, around, port)?;
    let start = start(&deployment.run, artifact.as_ref(), environment, around)?;
    let jobs = job::read(&deployment.jobs, &deployment.health.path, snapshot)?;
    let (commit, tree, health) = (snapshot.commit.clone(), tree.clone(), deployment.health.path);
    Ok(Some(Plan { commit, tree, artifact, port, health, jobs, start }))
}

const DEPLOYMENT: &str = "deployment.yaml";
const SETTINGS: &str = "settings.yaml";
const ARTIFACT: &str = "artifact.yaml";

fn file<'s>(snapshot: &'s Snapshot, name: &str) -> Result<Option<&'s [u8]>, String> {
    snapshot.files.as_ref().map(|files| files.get(name).map(Vec::as_slice)).map_err(Clone::clone)
}

fn settings(snapshot: &Snapshot, folder: &RepoPath) -> Result<Settings, String> {
    let text = file(snapshot, SETTINGS)?;
    text.map_or_else(|| Ok(Settings::default()), |text| document::settings(&format!("{folder}/{SETTINGS}"), text))
}

fn start(
    run: &Run,
    artifact: Option<&Digest>,
    environment: Vec<(String, OsString)>,
    around: Surroundings<'_>,
) -> Result<Start, String> {
    let data = around.config.data_folder(around.watched);
    match (&run.what, artifact) {
        (Executable::Artifact(path), Some(digest)) => {
            let folder = around.artifacts.path(digest);
            Ok(Start { executable: folder.join(path.as_str()), args: run.args.clone(), environment, folder })
        }
        (Executable::Artifact(path), None) => Err(format!("`{path}` is part of an artifact, and there is none")),
        (Executable::Program(name), _) => {
            let programs = &around.config.programs;
            let program = programs
                .get(name)
                .ok_or_else(|| format!("this machine provides no program `{name}`; it provides {}", listed(programs.keys())))?;
            let args = program.args.iter().chain(&run.args).cloned().collect();
            Ok(Start { executable: program.executable.clone(), args, environment, folder: data })
        }
    }
}

/// All variables of the process, sorted. The environment's settings go before the deployment.
fn environment(
    deployment: &Deployment,
    settings: &Settings,
    around: Surroundings<'_>,
    port: u16,
) -> Result<Vec<(String, OsString)>, String> {
    let mut variables: BTreeMap<String, OsString> = BTreeMap::from([
        ("PORT".to_owned(), port.to_string().into()),
        ("DATA_DIR".to_owned(), around.config.data_folder(around.watched).into()),
        ("PATH".to_owned(), around.config.path.clone()),
    ]);
    let given: BTreeSet<String> = variables.keys().cloned().collect();
    for (name, value) in deployment.environment.iter().chain(&settings.environment) {
        if given.contains(name) {
            return Err(format!("variable `{name}` is given by the reconciler; use another name"));
        }
        let first = |b: u8| b.is_ascii_alphabetic() || b == b'_';
        if !name.bytes().next().is_some_and(first) || !name.bytes().all(|b| first(b) || b.is_ascii_digit()) {
            return Err(format!("`{name}` is no name of a variable: use letters, digits and `_`, and no digit first"));
        }
        let value = with_urls(value, around).map_err(|reason| format!("variable `{name}`: {reason}"))?;
        variables.insert(name.clone(), value.into());
    }
    Ok(variables.into_iter().collect())
}

/// Replaces each `${url.<unit>}` by where that unit answers in the same environment, whether or not it is up.
fn with_urls(value: &str, around: Surroundings<'_>) -> Result<String, String> {
    if value.contains('\0') {
        return Err("its value holds a NUL character".to_owned());
    }
    let mut parts = value.split("${");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once('}').ok_or("`${` is not closed")?;
        let unit =
            reference.strip_prefix("url.").ok_or_else(|| format!("`${{{reference}}}` is unknown: use `${{url.<unit>}}`"))?;
        text.push_str(&url_of(unit, around)?);
        text.push_str(rest);
    }
    Ok(text)
}

fn url_of(unit: &str, around: Surroundings<'_>) -> Result<String, String> {
    let here = &around.watched.target.environment;
    let unit = UnitId::parse(unit).map_err(|e| e.to_string())?;
    let place: Place = (here.clone(), unit);
    around.addresses.get(&place).map(|port| http::url(*port)).ok_or_else(|| {
        let known = around.addresses.keys().filter(|(environment, _)| environment == here).map(|(_, unit)| unit);
        format!("no unit `{}` is deployed to `{here}`; there are {}", place.1, listed(known))
    })
}

fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::Notes;
use crate::id::{BranchName, ProjectId, RepoPath};
use crate::project::document::{EnvironmentSpec, Field, ProjectSpec};
use crate::project::{EnvironmentKind, EnvironmentTarget, Environments};

const KINDS: [(EnvironmentKind, &str); 3] =
    [(EnvironmentKind::Preflight, "preflight"), (EnvironmentKind::Production, "production"), (EnvironmentKind::Agents, "agents")];

/// The environments: one of each kind, each with a branch and a place of its own.
pub(crate) fn environments(
    notes: &mut Notes<'_>,
    line: usize,
    spec: ProjectSpec,
    project: Option<&ProjectId>,
) -> Option<Environments> {
    const MEND: &str = "declare a preflight, a production and an agents environment";
    let (list, entries) = notes.required(spec.environments, line, "environments", MEND)?;
    let mut targets: Vec<(usize, EnvironmentTarget)> = Vec::new();
    let mut kinds: BTreeMap<EnvironmentKind, usize> = BTreeMap::new();
    let mut unread = false;
    for entry in entries {
        let Some((line, mut entry)) = notes.optional(Some(entry), "environments") else {
            unread = true;
            continue;
        };
        let kind = notes.required(entry.kind.take(), line, "kind", "say whether it is preflight, production or agents");
        match kind {
            Some((_, kind)) => *kinds.entry(kind).or_default() += 1,
            None => unread = true,
        }
        let target = target(notes, line, entry, kind.map(|(_, kind)| kind), project);
        targets.extend(target.map(|target| (line, target)));
    }
    for (kind, name) in KINDS {
        match kinds.get(&kind) {
            None if !unread => notes.note(list, format!("there is no environment of the kind {name}"), MEND),
            None | Some(1) => (),
            Some(count) => notes.note(list, format!("{count} environments are of the kind {name}"), "keep one of each kind"),
        }
    }
    apart(notes, &targets);
    let one = |kind| targets.iter().find(|(_, target)| target.kind == kind).map(|(_, target)| target.clone());
    Some(Environments {
        preflight: one(EnvironmentKind::Preflight)?,
        production: one(EnvironmentKind::Production)?,
        agents: one(EnvironmentKind::Agents)?,
    })
}

fn target(
    notes: &mut Notes<'_>,
    line: usize,
    spec: EnvironmentSpec,
    kind: Option<EnvironmentKind>,
    project: Option<&ProjectId>,
) -> Option<EnvironmentTarget> {
    let (_, environment) = notes.required(spec.name, line, "name", "name the environment")?;
    let mut text = |field: Option<Field<String>>, name: &str, default: String| match field {
        Some(field) => notes.text(Some(field), line, name, "leave it out for the default"),
        None => Some(default),
    };
    let cluster = text(spec.cluster, "cluster", "local".to_owned());
    let namespace = text(
        spec.namespace,
        "namespace",
        project.map_or_else(|| environment.to_string(), |project| format!("{project}-{environment}")),
    );
    let branch = match spec.branch {
        Some(field) => notes.optional(Some(field), "branch").map(|(_, branch)| branch),
        None => BranchName::parse(environment.as_str()).ok(),
    };
    let path = match spec.path {
        Some(field) => notes.optional(Some(field), "path").map(|(_, path)| path),
        None => RepoPath::parse(format!("environments/{environment}")).ok(),
    };
    let kind = kind?;
    Some(EnvironmentTarget { environment, kind, branch: branch?, path: path?, cluster: cluster?, namespace: namespace? })
}

/// What one environment follows or fills, no other does.
fn apart(notes: &mut Notes<'_>, targets: &[(usize, EnvironmentTarget)]) {
    for (index, (line, target)) in targets.iter().enumerate() {
        for (_, earlier) in targets.iter().take(index) {
            let (name, other) = (&target.environment, &earlier.environment);
            if name == other {
                notes.note(*line, format!("there are two environments `{name}`"), "give each a name of its own");
            } else if target.branch == earlier.branch {
                let what = format!("`{name}` follows the branch `{}`, as `{other}` does", target.branch);
                notes.note(*line, what, "give each environment a branch of its own");
            } else if (&target.cluster, &target.namespace) == (&earlier.cluster, &earlier.namespace) {
                let what =
                    format!("`{name}` is in the namespace `{}` of `{}`, as `{other}` is", target.namespace, target.cluster);
                notes.note(*line, what, "give each environment a namespace of its own");
            }
        }
    }
}

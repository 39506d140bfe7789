//! A project of many apps in memory: what is around a host, which is itself as it would be, on SQLite and the clock of this machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::sqlite::SqliteJournal;
use pathops_adapters::system::{SystemClock, SystemIds};
use pathops_coordinator::change_set::ChangeSet;
use pathops_coordinator::{ControlPlane, Pace};
use pathops_core::adapter::{
    AgentCapabilities, BranchProtection, NotifierCapabilities, SignalCapabilities, SourceFile, SourceTree,
};
use pathops_core::flow::Observer;
use pathops_core::memory::{
    MemoryAgent, MemoryBlobs, MemoryBucket, MemoryCi, MemoryForge, MemoryGitOps, MemoryNotifier, MemorySignals, MemorySigner,
};
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, FeatureRequest, UnitChange};
use pathops_core::{BranchName, Principal, RepoId, RepoPath, UnitId};

/// How often a promotion is looked at where nobody says that it moved: that is for what nobody tells.
const LONGEST: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) forge: MemoryForge,
    gitops: MemoryGitOps,
}

impl World {
    /// A project of so many apps, of which the first `changed` have repositories.
    pub(crate) fn new(apps: usize, changed: usize) -> Self {
        let forge = MemoryForge::new(Arc::new(SystemClock));
        let gitops = MemoryGitOps::new(forge.scm(Principal::System), Arc::new(SystemClock));
        let world = Self { forge, gitops };
        world.repo("shop/meta", [("main", meta(apps))]);
        (0..changed).for_each(|app| world.app(app));
        world
    }

    fn repo<const N: usize>(&self, name: &str, branches: [(&str, SourceTree); N]) {
        let branches: BTreeMap<_, _> = branches.into_iter().map(|(name, files)| (branch(name), files)).collect();
        self.forge.create_repo(&repo(name), &branches).expect("a repository");
    }

    fn app(&self, app: usize) {
        let name = app_name(app);
        let source = [("ci/run", "#!/bin/sh\n".to_owned()), ("src/main", name.clone())];
        self.repo(&format!("shop/{name}-src"), [("main", tree(source))]);
        let head = |kind: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nspec: {{}}\n");
        let preflight = [
            ("environments/preflight/settings.yaml", head("Settings")),
            ("environments/preflight/deployment.yaml", head("Deployment")),
        ];
        let production = [("environments/production/settings.yaml", head("Settings"))];
        let gitops = format!("shop/{name}-gitops");
        self.repo(&gitops, [("preflight", tree(preflight)), ("production", tree(production))]);
        let context = PROMOTION_CONTEXT.parse().expect("a context");
        let rules = BranchProtection { required_checks: vec![context], required_approvals: 1, merge_queue: false };
        self.forge.protect(&repo(&gitops), &branch("production"), rules).expect("a branch");
        for target in [target(EnvironmentKind::Preflight), target(EnvironmentKind::Production)] {
            self.gitops.manage(&unit(app), &target, &repo(&gitops));
        }
    }

    pub(crate) fn plane(&self, journal: SqliteJournal, observer: Observer<ChangeSet>) -> ControlPlane {
        let (scm, blobs) = (self.forge.scm(Principal::System), Arc::new(MemoryBlobs::new()));
        let mut patches = AgentCapabilities::default();
        patches.patch = true;
        let agent = MemoryAgent::new("patch".parse().expect("a name"), |task, files| {
            let bytes = task.patch.clone().unwrap_or_default().into_bytes();
            files.insert(path("src/feature"), SourceFile { bytes, executable: false });
            Ok("done".to_owned())
        });
        ControlPlane::builder()
            .name("bench")
            .meta_repo(repo("shop/meta"))
            .scm(scm.clone())
            .merge(self.forge.merger(Principal::System))
            .ci(Arc::new(MemoryCi::new(scm, blobs.clone(), Arc::new(SystemClock))))
            .gitops(Arc::new(self.gitops.clone()))
            .signals(Arc::new(MemorySignals::new(SignalCapabilities::default())))
            .blobs(blobs)
            .streams(Arc::new(MemoryBucket::new()))
            .journal(Arc::new(journal))
            .signer(Arc::new(MemorySigner::from_seed(1).expect("a key")))
            .agent(Arc::new(agent.with_capabilities(patches)))
            .notifier(Arc::new(MemoryNotifier::new(NotifierCapabilities::default())))
            .clock(Arc::new(SystemClock))
            .ids(Arc::new(SystemIds))
            .pace(Pace { longest: LONGEST, ..Pace::default() })
            .observer(observer)
            .build()
            .expect("a control plane")
    }
}

/// A feature of one app.
pub(crate) fn feature(app: usize) -> FeatureRequest {
    let (reason, patch) = ("It is to know it.".to_owned(), Some("better".to_owned()));
    FeatureRequest {
        title: format!("Show the delivery date in {}", app_name(app)),
        text: "At checkout.".to_owned(),
        requested_by: "alice".parse().expect("a name"),
        changes: vec![UnitChange { unit: unit(app), reason, contracts: [].into(), patch }],
    }
}

fn app_name(app: usize) -> String {
    format!("app-{app:05}")
}

fn unit(app: usize) -> UnitId {
    app_name(app).parse().expect("a name")
}

fn repo(name: &str) -> RepoId {
    name.parse().expect("a name")
}

fn branch(name: &str) -> BranchName {
    name.parse().expect("a name")
}

fn path(name: &str) -> RepoPath {
    RepoPath::parse(name).expect("a path")
}

fn tree<'n>(files: impl IntoIterator<Item = (&'n str, String)>) -> SourceTree {
    let file = |text: String| SourceFile { bytes: text.into_bytes(), executable: false };
    files.into_iter().map(|(name, text)| (path(name), file(text))).collect()
}

fn target(kind: EnvironmentKind) -> EnvironmentTarget {
    let name = if kind == EnvironmentKind::Preflight { "preflight" } else { "production" };
    let local = EnvironmentTarget::local(name.parse().expect("a name"), kind);
    EnvironmentTarget { namespace: format!("shop-{name}"), ..local }
}

/// What the project declares.
pub(crate) fn meta(apps: usize) -> SourceTree {
    let head =
        |kind: &str, name: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    let mut files = tree([
        ("project.yaml", format!("{}{ENVIRONMENTS}", head("Project", "shop"))),
        ("people.yaml", format!("{}{PEOPLE}", head("People", "people"))),
        ("policy.yaml", format!("{}{POLICY}", head("Policy", "shop"))),
    ]);
    for app in 0..apps {
        let (file, text) = (format!("apps/{}.yaml", app_name(app)), head("App", &app_name(app)) + APP);
        files.extend(tree([(file.as_str(), text)]));
    }
    files
}

const ENVIRONMENTS: &str = "  environments:
    - {name: preflight, kind: preflight}
    - {name: production, kind: production}
    - {name: agents, kind: agents}
";

const PEOPLE: &str = "  people:
    - {name: alice, roles: [owner]}
    - {name: bob, roles: [reviewer]}
    - {name: carol, roles: [reviewer]}
";

const APP: &str = "  owner: alice
  intent: It is wanted.
  boundaries: Only its own.
  lifecycle: path-ready
  rollback: revert
  checks: [health, smoke]
";

const POLICY: &str = "  preflightMerge: pathops
  requirements:
    - {id: unit-tests, reason: tests, covers: {kind: app}, asks: {tests: {run: build, suite: unit, minPassed: 1, accept: {maxAgeSeconds: 604800}}}}
    - {id: preflight-deployment, reason: it ran, covers: {}, asks: {deployment: {accept: {maxAgeSeconds: 86400}}}}
    - {id: preflight-health, reason: it was healthy, covers: {}, asks: {health: {settledSeconds: 1, accept: {maxAgeSeconds: 86400}}}}
    - {id: preflight-smoke, reason: it worked, covers: {}, asks: {tests: {run: preflight, suite: smoke, minPassed: 1, accept: {maxAgeSeconds: 86400}}}}
    - {id: approval, reason: people, covers: {}, asks: {approvals: {count: 1, roles: [owner, reviewer]}}}
";

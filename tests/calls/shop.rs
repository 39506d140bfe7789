//! A project of many apps on the fake of GitHub, the control plane before it, and people who act at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathops_adapters::github::{GitHub, GitHubConfig};
use pathops_adapters::system::SystemClock;
use pathops_coordinator::change_set::{ChangeSet, Command, End, PullRequestRef, Role, headline};
use pathops_coordinator::{ControlPlane, Pace};
use pathops_core::adapter::*;
use pathops_core::flow::{Observer, Progress};
use pathops_core::memory::*;
use pathops_core::policy::PROMOTION_CONTEXT;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, FeatureRequest, UnitChange};
use pathops_core::{IdempotencyKey, ProjectId};
use pathops_fakes::github::{Fake, Hosted, Who};

/// The credential of PathOps, and that of CI and of the GitOps controller, whose calls are their own.
const OURS: &str = "ghp_pathops";
const THEIRS: &str = "ghp_others";

/// More than is asked here in an hour: what a limit holds back is no part of this.
const LIMIT: u64 = 1_000_000;

/// What people are waited for to do.
#[derive(Debug)]
struct Call {
    pull_request: PullRequestRef,
    role: Role,
    merge: bool,
    is_approved: bool,
}

type Calls = Arc<Mutex<VecDeque<Call>>>;

pub(crate) struct Shop {
    fake: Fake<SystemClock>,
    plane: ControlPlane,
    calls: Calls,
    pub(crate) apps: Vec<String>,
}

impl Shop {
    /// A project of so many apps, none of which is anywhere yet.
    pub(crate) async fn of(apps: usize) -> Self {
        let fake = Fake::start(SystemClock, None).await;
        let apps: Vec<String> = (0..apps).map(|n| format!("app-{n:03}")).collect();
        host(&fake, &apps);
        let [ours, theirs] = [OURS, THEIRS].map(|token| {
            let config = GitHubConfig::token(token).at(fake.web()).projects(|_| Some(project()));
            GitHub::new(config, Arc::new(SystemClock)).unwrap()
        });
        let calls = Calls::default();
        let plane = plane(&ours, &theirs, &apps, observer(calls.clone()));
        Self { fake, plane, calls, apps }
    }

    /// Takes a change of an app to production, in a change set of its own. People do what they are waited for.
    pub(crate) async fn promote(&self, app: &str, text: &str) {
        let change = UnitChange {
            unit: app.parse().unwrap(),
            reason: "It is wanted".to_owned(),
            contracts: [].into(),
            patch: Some(text.to_owned()),
        };
        let request = FeatureRequest {
            title: "Show the delivery date".to_owned(),
            text: "At checkout.".to_owned(),
            requested_by: "alice".parse().unwrap(),
            changes: vec![change],
        };
        let key = IdempotencyKey::new(format!("{app}/{text}"));
        let change_set = self.plane.request_feature(request, Some(&key)).await.unwrap();
        let people = tokio::spawn(people(self.fake.clone(), self.calls.clone()));
        let state = self.plane.drive(&change_set).await.unwrap();
        people.abort();
        self.calls.lock().unwrap().clear();
        assert_eq!(state.end, Some(End::Live), "{app}: {}", headline(&state));
    }

    /// What PathOps has asked since the last look, as `GET /path 200`.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.fake.taken_by(OURS)
    }
}

fn project() -> ProjectId {
    "shop".parse().unwrap()
}

fn observer(calls: Calls) -> Observer<ChangeSet> {
    Arc::new(move |_, progress| {
        let Progress::Began { command, .. } = progress else { return };
        let (pull_request, role, merge) = match command {
            Command::AwaitMerge { pull_request, role, .. } => (pull_request, role, true),
            Command::Promote { pull_request, role, until_merged, .. } => (pull_request, role, *until_merged),
            _ => return,
        };
        let is_approved = merge && *role != Role::Source;
        calls.lock().unwrap().push_back(Call { pull_request: pull_request.clone(), role: *role, merge, is_approved });
    })
}

/// They try again what they cannot do yet.
async fn people(fake: Fake<SystemClock>, calls: Calls) {
    loop {
        let waiting: Vec<Call> = calls.lock().unwrap().drain(..).collect();
        for mut call in waiting {
            if !acted(&fake, &mut call) {
                calls.lock().unwrap().push_back(call);
            }
        }
        SystemClock.sleep(Duration::from_millis(2)).await;
    }
}

/// Whether nothing is left to do.
fn acted(fake: &Fake<SystemClock>, call: &mut Call) -> bool {
    let PullRequestRef { repo, number, head, .. } = &call.pull_request;
    if !call.is_approved {
        let reviewer = if call.role == Role::Source { "bob" } else { "carol" };
        fake.review(reviewer, repo.as_str(), number.0, head.as_str(), "APPROVED");
        call.is_approved = true;
    }
    !call.merge || fake.merge("bob", repo.as_str(), number.0, head.as_str()).is_ok()
}

/// Puts the repositories of the project there.
fn host(fake: &Fake<SystemClock>, apps: &[String]) {
    let mut state = fake.state();
    (state.limit, state.left) = (LIMIT, LIMIT);
    for (token, login) in [(OURS, "pathops-bot"), (THEIRS, "others-bot")] {
        state.tokens.insert(token.to_owned(), Who { login: login.to_owned(), is_app: false, only: None });
    }
    let meta = meta(apps);
    let meta: Vec<(&str, &str)> = meta.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut all = vec![Hosted::new(1, "shop/meta", &meta)];
    for (id, app) in (2..).step_by(2).zip(apps) {
        all.extend([source(id, app), desired_state(id + 1, app)]);
    }
    state.repos.extend(all.into_iter().map(|hosted| (hosted.name.clone(), hosted)));
}

fn source(id: u64, app: &str) -> Hosted {
    let mut hosted = Hosted::new(id, &format!("shop/{app}-src"), &[("ci/run", "#!/bin/sh\n"), ("src/main", app)]);
    let rules =
        BranchProtection { required_checks: vec!["ci/build".parse().unwrap()], required_approvals: 1, merge_queue: false };
    hosted.protections.insert("main".to_owned(), rules);
    hosted
}

/// Each environment has a branch of its own, into which people and PathOps only get by pull request.
fn desired_state(id: u64, app: &str) -> Hosted {
    let document = |kind: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nspec: {{}}\n");
    let (settings, deployment) = (document("Settings"), document("Deployment"));
    let files = [
        ("environments/preflight/settings.yaml", settings.as_str()),
        ("environments/preflight/deployment.yaml", deployment.as_str()),
        ("environments/production/settings.yaml", settings.as_str()),
    ];
    let mut hosted = Hosted::new(id, &format!("shop/{app}-gitops"), &files);
    let promoted =
        BranchProtection { required_checks: vec![PROMOTION_CONTEXT.parse().unwrap()], required_approvals: 1, merge_queue: false };
    for (branch, rules) in [("preflight", BranchProtection::default()), ("production", promoted)] {
        let start = hosted.branch("main").unwrap();
        hosted.point(branch, start);
        hosted.protections.insert(branch.to_owned(), rules);
    }
    hosted
}

fn meta(apps: &[String]) -> Vec<(String, String)> {
    let head =
        |kind: &str, name: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n");
    let environments = "  environments:
    - {name: preflight, kind: preflight}
    - {name: production, kind: production}
    - {name: agents, kind: agents}
";
    let people = "  people:
    - {name: alice, roles: [owner]}
    - {name: bob, roles: [reviewer]}
    - {name: carol, roles: [reviewer]}
";
    let policy = "  preflightMerge: pathops
  requirements:
    - {id: unit-tests, reason: tests, covers: {kind: app}, asks: {tests: {run: build, suite: unit, minPassed: 1, accept: {maxAgeSeconds: 604800}}}}
    - {id: preflight-deployment, reason: it ran, covers: {}, asks: {deployment: {accept: {maxAgeSeconds: 86400}}}}
    - {id: preflight-smoke, reason: it worked, covers: {}, asks: {tests: {run: preflight, suite: smoke, minPassed: 1, accept: {maxAgeSeconds: 86400}}}}
    - {id: approval, reason: people, covers: {}, asks: {approvals: {count: 1, roles: [owner, reviewer]}}}
";
    let app = "  owner: alice
  intent: It is wanted.
  boundaries: Only its own.
  lifecycle: path-ready
  rollback: revert
  checks: [health, smoke]
";
    let file = |path: &str, kind: &str, name: &str, spec: &str| (path.to_owned(), format!("{}{spec}", head(kind, name)));
    let mut files = vec![
        file("project.yaml", "Project", "shop", environments),
        file("people.yaml", "People", "people", people),
        file("policy.yaml", "Policy", "shop", policy),
    ];
    files.extend(apps.iter().map(|name| file(&format!("apps/{name}.yaml"), "App", name, app)));
    files
}

fn plane(ours: &GitHub, theirs: &GitHub, apps: &[String], observer: Observer<ChangeSet>) -> ControlPlane {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let blobs = Arc::new(MemoryBlobs::new());
    let gitops = MemoryGitOps::new(theirs.scm(), clock.clone());
    for (app, (name, kind)) in apps.iter().flat_map(|app| {
        [("preflight", EnvironmentKind::Preflight), ("production", EnvironmentKind::Production)]
            .map(|environment| (app, environment))
    }) {
        let local = EnvironmentTarget::local(name.parse().unwrap(), kind);
        let target = EnvironmentTarget { namespace: format!("shop-{name}"), ..local };
        gitops.manage(&app.parse().unwrap(), &target, &format!("shop/{app}-gitops").parse().unwrap());
    }
    let mut patch = AgentCapabilities::default();
    patch.patch = true;
    let agent = MemoryAgent::new("patch".parse().unwrap(), |task: &AgentTask, files: &mut SourceTree| {
        let bytes = task.patch.clone().unwrap_or_default().into_bytes();
        files.insert("src/feature".parse().unwrap(), SourceFile { bytes, executable: false });
        Ok("done".to_owned())
    });
    ControlPlane::builder()
        .name("calls")
        .meta_repo("shop/meta".parse().unwrap())
        .scm(ours.scm())
        .merge(ours.merger())
        .ci(Arc::new(MemoryCi::new(theirs.scm(), blobs.clone(), clock.clone())))
        .gitops(Arc::new(gitops))
        .signals(Arc::new(MemorySignals::new(SignalCapabilities::default())))
        .blobs(blobs)
        .streams(Arc::new(MemoryBucket::new()))
        .journal(Arc::new(MemoryJournal::new()))
        .evidence(Arc::new(MemoryEvidenceIndex::new()))
        .signer(Arc::new(MemorySigner::from_seed(1).unwrap()))
        .agent(Arc::new(agent.with_capabilities(patch)))
        .notifier(Arc::new(MemoryNotifier::new(NotifierCapabilities::default())))
        .clock(clock)
        .ids(Arc::new(SeededIds::new(1)))
        .pace(Pace { shortest: Duration::from_millis(10), longest: Duration::from_millis(100), ..Pace::default() })
        .observer(observer)
        .build()
        .unwrap()
}

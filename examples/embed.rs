//! The smallest host: what a team writes to run PathOps inside a service of its own.
//!
//! `cargo run --example embed` asks for one feature of a project with a single component, goes on until people are
//! needed, says why it waits, and stops. Everything is in memory, so nothing is left behind; with adapters that last in
//! the same places, the next `run` would go on from there.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::patch_agent::PatchAgent;
use pathops_adapters::system::{SystemClock, SystemIds};
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::headline;
use pathops_core::adapter::{Importance, Notice, Notifier, NotifierCapabilities};
use pathops_core::memory::{MemoryBlobs, MemoryCi, MemoryJournal, MemorySignals, MemorySigner};
use pathops_core::{OpContext, Principal};
use tokio::sync::mpsc;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    let blobs = Arc::new(MemoryBlobs::new());
    let forge = sample::forge(clock.clone())?;
    let scm = forge.scm(Principal::System);
    let (chat, mut notices) = mpsc::unbounded_channel();

    let plane = ControlPlane::builder()
        .name("embed")
        .meta_repo("demo/meta".parse()?)
        .scm(scm.clone())
        .merge(forge.merger(Principal::System))
        .ci(Arc::new(MemoryCi::new(scm.clone(), blobs.clone(), clock.clone())))
        .gitops(sample::controller(scm, clock.clone())?)
        .signals(Arc::new(MemorySignals::default()))
        .blobs(blobs)
        .journal(Arc::new(MemoryJournal::new()))
        .signer(Arc::new(MemorySigner::from_seed(1)?))
        .agent(Arc::new(PatchAgent::new("patch".parse()?)))
        .notifier(Arc::new(Chat(chat)))
        .clock(clock)
        .ids(Arc::new(SystemIds))
        .build()?;

    let change_set = plane.request_feature(sample::request()?, None).await?;
    let people_are_needed = async {
        while let Some(notice) = notices.recv().await {
            println!("chat: {}", notice.text);
            if notice.importance == Importance::ActionNeeded {
                return;
            }
        }
    };
    plane.run(people_are_needed).await?;

    let state = plane.state(&change_set).await?.ok_or("the journal has lost the change set")?;
    println!("\n{change_set}: {}", headline(&state));
    for decided in state.units.values().filter_map(|unit| unit.first.as_ref()) {
        println!("{}", decided.decision.to_text());
    }
    Ok(())
}

/// How this host tells people something. An adapter like any other: a trait with three methods.
#[derive(Debug)]
struct Chat(mpsc::UnboundedSender<Notice>);

#[async_trait]
impl Notifier for Chat {
    fn name(&self) -> &'static str {
        "chat"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities::default()
    }

    async fn notify(&self, _: &OpContext, notice: &Notice) -> pathops_core::Result<()> {
        // Nobody reads along any more once the host stops.
        let _ = self.0.send(notice.clone());
        Ok(())
    }
}

/// What a team has already: a Git host with repositories, a GitOps controller, and a wish.
mod sample {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use pathops_core::adapter::{BranchProtection, Clock, Scm, SourceFile, SourceTree};
    use pathops_core::memory::{MemoryForge, MemoryGitOps};
    use pathops_core::policy::PROMOTION_CONTEXT;
    use pathops_core::project::{EnvironmentKind, EnvironmentTarget, FeatureRequest, UnitChange};
    use pathops_core::{BranchName, RepoPath};

    use super::Failure;

    /// The documents of the meta repository: where, of which kind, whose name, and what they say.
    const META: [(&str, &str, &str, &str); 4] = [
        ("project.yaml", "Project", "demo", PROJECT),
        ("people.yaml", "People", "demo", "{people: [{name: alice, roles: [owner]}, {name: bob, roles: [reviewer]}]}"),
        ("components/cache.yaml", "Component", "cache", CACHE),
        ("policy.yaml", "Policy", "demo", POLICY),
    ];

    const PROJECT: &str = r"
  environments:
    - {name: preflight, kind: preflight}
    - {name: production, kind: production}
    - {name: agents, kind: agents}";

    const CACHE: &str = "{type: key-value-store, owner: alice, lifecycle: path-ready, rollback: revert, checks: [smoke]}";

    const POLICY: &str = r"
  preflightMerge: pathops
  requirements:
    - id: smoke
      reason: It works.
      asks: {tests: {run: preflight, suite: smoke, minPassed: 1, accept: {maxAgeSeconds: 3600}}}";

    const PATCH: &str = "\
diff --git a/environments/preflight/deployment.yaml b/environments/preflight/deployment.yaml
new file mode 100644
--- /dev/null
+++ b/environments/preflight/deployment.yaml
@@ -0,0 +1,1 @@
+replicas: 1
";

    fn target(kind: EnvironmentKind, name: &str) -> Result<EnvironmentTarget, Failure> {
        Ok(EnvironmentTarget::local(name.parse()?, kind))
    }

    fn meta() -> Result<SourceTree, Failure> {
        let document = |(path, kind, name, spec): (&str, &str, &str, &str)| {
            let text = format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n");
            Ok((RepoPath::parse(path)?, SourceFile { bytes: text.into_bytes(), executable: false }))
        };
        META.into_iter().map(document).collect()
    }

    /// A Git host with the meta repository and the component's desired state; people alone merge into production.
    pub(crate) fn forge(clock: Arc<dyn Clock>) -> Result<MemoryForge, Failure> {
        let (preflight, production) = (BranchName::parse("preflight")?, BranchName::parse("production")?);
        let forge = MemoryForge::new(clock);
        forge.create_repo(&"demo/meta".parse()?, &BTreeMap::from([("main".parse()?, meta()?)]))?;
        let empty = BTreeMap::from([(preflight, SourceTree::new()), (production.clone(), SourceTree::new())]);
        forge.create_repo(&"demo/cache-gitops".parse()?, &empty)?;
        let rules = BranchProtection { required_checks: vec![PROMOTION_CONTEXT.parse()?], required_approvals: 1 };
        forge.protect(&"demo/cache-gitops".parse()?, &production, rules)?;
        Ok(forge)
    }

    /// A controller that makes both environments what their branches say.
    pub(crate) fn controller(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>) -> Result<Arc<MemoryGitOps>, Failure> {
        let controller = MemoryGitOps::new(scm, clock);
        for (kind, name) in [(EnvironmentKind::Preflight, "preflight"), (EnvironmentKind::Production, "production")] {
            controller.manage(&"cache".parse()?, &target(kind, name)?, &"demo/cache-gitops".parse()?);
        }
        Ok(Arc::new(controller))
    }

    /// What alice wants, and the diff for the agent that does it in her name.
    pub(crate) fn request() -> Result<FeatureRequest, Failure> {
        let reason = "Pages wait for the database.".to_owned();
        let unit = UnitChange { unit: "cache".parse()?, reason, contracts: [].into(), patch: Some(PATCH.to_owned()) };
        Ok(FeatureRequest {
            title: "Answer from a cache".to_owned(),
            text: "Pages should come at once.".to_owned(),
            requested_by: "alice".parse()?,
            changes: vec![unit],
        })
    }
}

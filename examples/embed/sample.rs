//! What a team has already: a Git host with repositories, a GitOps controller, and a wish.

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

const CACHE: &str = "{type: key-value-store, owner: alice, intent: keep answers, boundaries: nobody else reads it, lifecycle: path-ready, rollback: revert, checks: [smoke]}";

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
    let rules = BranchProtection { required_checks: vec![PROMOTION_CONTEXT.parse()?], required_approvals: 1, merge_queue: false };
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

//! What the linter says of the sample, with places.

use pathops_core::adapter::SourceTree;
use pathops_core::policy::LintContext;
use pathops_core::project::{lint_policy, lint_units, load};
use pathops_core::{RepoId, UnixMillis};

use super::{path, shop, source};

/// 2026-11-20T12:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_176_000_000);

const HEAD: &str = "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: shop}\nspec:\n";

fn said_of(files: &SourceTree) -> Vec<String> {
    let project = load(files, RepoId::parse("shop/meta").unwrap()).unwrap_or_else(|findings| panic!("{findings}"));
    let told = lint_policy(files, &project.policy, &LintContext::of(&project, AT));
    told.into_iter().chain(lint_units(files, &project)).map(|(finding, level)| format!("{level}: {finding}")).collect()
}

#[test]
fn the_sample_project_has_nothing_to_mend() {
    assert_eq!(said_of(&shop(None)), [""; 0]);
}

#[test]
fn notes_have_the_file_and_line_of_what_they_are_about() {
    let mut files = shop(None);
    let policy = files.get_mut(&path("policy.yaml")).unwrap();
    policy.bytes = String::from_utf8(policy.bytes.clone()).unwrap().replace("suite: smoke", "suite: load").into_bytes();
    let line =
        String::from_utf8(policy.bytes.clone()).unwrap().lines().position(|line| line.contains("id: preflight-smoke")).unwrap()
            + 1;
    let layer =
        format!("{HEAD}  layer: {{class: web}}\n  requirements:\n    - {{id: it, reason: why, asks: {{incidents: {{}}}}}}\n");
    files.insert(path("policies/web.yaml"), source(&layer));
    let told = said_of(&files);
    let [web, smoke] = told.as_slice() else { panic!("{told:#?}") };
    assert!(web.starts_with("warning: policies/web.yaml:5: no app or component is of the class `web`;"), "{web}");
    assert!(smoke.starts_with(&format!("error: policy.yaml:{line}: `preflight-smoke` asks for the job `load`")), "{smoke}");
    assert!(smoke.contains("(for catalog, orders, store, web)"), "{smoke}");
}

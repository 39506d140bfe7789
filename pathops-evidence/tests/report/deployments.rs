//! How far deployments are, and what a desired state asks for.

use pathops_evidence::report::DeploymentPhase::{self, Failed, Gone, Settled, UnderWay, Unknown};
use pathops_evidence::report::{Content, DeploymentReport, Fault, Format, Unrecognised, parse_as, recognise};

use crate::fixtures::content;
use crate::{read, refuse};

fn deployments(content: Content) -> Vec<DeploymentReport> {
    let Content::Deployments(deployments) = content else { panic!("{content:?}") };
    deployments
}

fn phases(content: Content) -> Vec<DeploymentPhase> {
    deployments(content).iter().map(|deployment| deployment.phase).collect()
}

#[test]
fn argo_cd_is_as_bad_as_the_worst_it_says() {
    let good = deployments(content(Format::ArgoCd, "good"));
    assert_eq!((good[0].name.as_str(), good[0].phase), ("argocd/orders", Settled));
    assert_eq!((good[0].revisions.len(), good[0].images.len()), (1, 1));
    assert_eq!(phases(content(Format::ArgoCd, "bad-hook")), [Failed]);
    assert_eq!(phases(content(Format::ArgoCd, "bad-list")), [Failed, UnderWay, Failed]);
    let app = |more: &str, status: &str| {
        let text = format!(
            r#"{{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {{"name": "a"}}{more}, "status": {{{status}}}}}"#
        );
        phases(read(Format::ArgoCd, &text))
    };
    let fine = r#""sync": {"status": "Synced"}, "health": {"status": "Healthy"}"#;
    assert_eq!(app("", fine), [Settled]);
    assert_eq!(app("", ""), [Unknown]);
    assert_eq!(app(r#", "operation": {"sync": {}}"#, fine), [UnderWay]);
    for (phase, expected) in [("Running", UnderWay), ("Error", Failed), ("Succeeded", Settled), ("Odd", Unknown)] {
        assert_eq!(app("", &format!(r#"{fine}, "operationState": {{"phase": "{phase}"}}"#)), [expected], "{phase}");
    }
    for (health, expected) in
        [("Progressing", UnderWay), ("Missing", UnderWay), ("Suspended", UnderWay), ("Odd", Unknown), ("Degraded", Failed)]
    {
        assert_eq!(app("", &fine.replace("Healthy", health)), [expected], "{health}");
    }
    assert_eq!(app("", &fine.replace("Synced", "Unknown")), [Unknown]);
}

#[test]
fn argo_cd_lists_that_are_not_whole_or_of_something_else() {
    let list = |rest: &str| format!(r#"{{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationList", {rest}}}"#);
    refuse(Format::ArgoCd, &list(r#""metadata": {"continue": "x"}, "items": []"#), Fault::Paged, "the list goes on");
    let other = r#""metadata": {}, "items": [{"kind": "Pod", "metadata": {"name": "a"}}]"#;
    refuse(Format::ArgoCd, &list(other), Fault::Malformed, "`/items/0`: it is a `Pod`");
    refuse(Format::ArgoCd, &list(r#""metadata": {}"#), Fault::Malformed, "is no Application");
}

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: orders
  namespace: argocd
spec:
  project: default
status:
  health:
    status: Degraded
  operationState:
    phase: Failed
    message: 'one or more objects failed to apply'
  sync:
    status: OutOfSync
";

/// Documents as items of a list.
fn listed(documents: &[&str]) -> String {
    let indented = |document: &&str| format!("- {}\n", document.trim_end().replace('\n', "\n  "));
    let items: String = documents.iter().map(indented).collect();
    format!("apiVersion: v1\nitems:\n{items}kind: List\nmetadata:\n  resourceVersion: \"\"\n")
}

#[test]
fn argo_cd_in_yaml_is_no_desired_state() {
    let healthy = APPLICATION.replace("Degraded", "Healthy").replace("Failed", "Succeeded").replace("OutOfSync", "Synced");
    for (text, expected) in [
        (APPLICATION.to_owned(), vec![Failed]),
        (healthy.clone(), vec![Settled]),
        (format!("---\n{healthy}---\n{APPLICATION}"), vec![Settled, Failed]),
        (listed(&[APPLICATION]), vec![Failed]),
        (listed(&[&healthy, APPLICATION]), vec![Settled, Failed]),
    ] {
        assert_eq!(recognise(text.as_bytes()), Ok(Format::ArgoCd), "{text}");
        assert_eq!(phases(read(Format::ArgoCd, &text)), expected, "{text}");
        assert!(parse_as(Format::Kustomize, text.as_bytes()).is_err(), "{text}");
    }
    let one = deployments(read(Format::ArgoCd, APPLICATION));
    assert_eq!(
        (one[0].name.as_str(), one[0].reason.as_str()),
        ("argocd/orders", "operation Failed: one or more objects failed to apply")
    );
    refuse(Format::Kustomize, APPLICATION, Fault::Malformed, "`/0`: `Application` tells what is");
    refuse(Format::ArgoCd, APPLICATION.trim_end(), Fault::Truncated, "the last line has no end");
    refuse(Format::ArgoCd, "apiVersion: v1\nkind: [\n", Fault::Malformed, "no YAML");
    let next = listed(&[APPLICATION]).replace("resourceVersion: \"\"", "continue: abc");
    refuse(Format::ArgoCd, &next, Fault::Paged, "the list goes on");
}

#[test]
fn an_application_that_is_asked_for_is_a_resource() {
    let (asked, _) = APPLICATION.split_once("status:").unwrap();
    for text in [asked.to_owned(), format!("{asked}status: {{}}\n"), APPLICATION.replace("argoproj.io/", "example.org/")] {
        assert_eq!(recognise(text.as_bytes()), Ok(Format::Kustomize), "{text}");
        let Content::Resources(found) = read(Format::Kustomize, &text) else { panic!() };
        assert_eq!((found.resources.len(), found.resources[0].name.as_str()), (1, "orders"));
    }
    // What a cluster has and has not looked at yet is told by it.
    let fresh = asked.replace("  name: orders\n", "  name: orders\n  uid: 5d4a0a6e\n");
    assert_eq!(phases(read(Format::ArgoCd, &fresh)), [Unknown]);
    assert_eq!(recognise(fresh.as_bytes()), Ok(Format::ArgoCd));
}

#[test]
fn yaml_of_several_kinds_is_ambiguous() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: orders\n";
    let event = "apiVersion: v1\nkind: Event\nmetadata:\n  name: e\ntype: Warning\ninvolvedObject:\n  kind: Pod\n  name: p\n";
    for (text, candidates) in [
        (format!("{APPLICATION}---\n{config}"), vec![Format::ArgoCd, Format::Kustomize]),
        (listed(&[config, APPLICATION]), vec![Format::ArgoCd, Format::Kustomize]),
        (format!("{config}---\n{event}"), vec![Format::KubernetesEvents, Format::Kustomize]),
        (format!("{event}---\n{APPLICATION}"), vec![Format::KubernetesEvents, Format::ArgoCd]),
    ] {
        for candidate in &candidates {
            assert!(parse_as(*candidate, text.as_bytes()).is_err(), "{candidate} keeps silent about the rest of {text}");
        }
        assert_eq!(recognise(text.as_bytes()), Err(Unrecognised::Ambiguous { candidates }), "{text}");
    }
}

#[test]
fn helm_releases() {
    let good = deployments(content(Format::HelmStatus, "good"));
    assert_eq!(
        (good[0].name.as_str(), good[0].phase, good[0].revisions.as_slice()),
        ("shop/orders", Settled, &["3".to_owned()][..])
    );
    assert_eq!(phases(content(Format::HelmStatus, "bad")), [Failed]);
    assert_eq!(phases(content(Format::HelmList, "good")), [Settled]);
    assert_eq!(phases(content(Format::HelmList, "bad")), [Settled, Failed, UnderWay, Unknown]);
    assert_eq!(deployments(read(Format::HelmList, "[]")), []);
    let superseded = r#"{"name": "a", "version": 1, "info": {"status": "superseded"}}"#;
    assert_eq!(phases(read(Format::HelmStatus, superseded)), [Gone]);
}

#[test]
fn github_deployments() {
    let good = deployments(content(Format::GithubDeployment, "good"));
    assert_eq!((good[0].name.as_str(), good[0].phase, good[0].revisions.len()), ("production", Settled, 1));
    assert_eq!(phases(content(Format::GithubDeployment, "bad")), [Failed, UnderWay]);
    let odd = r#"[{"state": "odd", "deployment_url": "u"}, {"state": "inactive", "deployment_url": "u"}]"#;
    assert_eq!(phases(read(Format::GithubDeployment, odd)), [Unknown, Gone]);
}

#[test]
fn kustomize_lists_resources_and_images() {
    let Content::Resources(good) = content(Format::Kustomize, "good") else { panic!() };
    let shown: Vec<_> = good.resources.iter().map(|it| (it.kind.as_str(), it.name.as_str(), it.namespace.as_deref())).collect();
    assert_eq!(
        shown,
        [("ConfigMap", "orders-c4h2mb", Some("shop")), ("Deployment", "orders", Some("shop")), ("Namespace", "shop", None)]
    );
    assert_eq!(good.images.len(), 2);
}

#[test]
fn kustomize_reads_what_is_in_a_list() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: orders\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: orders-1\nspec:\n  containers:\n  - image: orders:1\n";
    let list = listed(&[config, pod]);
    for (text, names) in
        [(list.clone(), vec!["orders", "orders-1"]), (format!("{config}---\n{list}"), vec!["orders", "orders", "orders-1"])]
    {
        assert_eq!(recognise(text.as_bytes()), Ok(Format::Kustomize), "{text}");
        let Content::Resources(found) = read(Format::Kustomize, &text) else { panic!() };
        assert_eq!(found.resources.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(found.images, ["orders:1"]);
    }
    refuse(Format::Kustomize, &list.replace("resourceVersion: \"\"", "continue: abc"), Fault::Paged, "the list goes on");
    refuse(
        Format::Kustomize,
        "apiVersion: v1\nkind: List\nitems: []\n",
        Fault::Malformed,
        "`/0`: the resource has no `metadata/name`",
    );
    let nameless = listed(&[pod, "apiVersion: v1\nkind: Pod\n"]);
    refuse(Format::Kustomize, &nameless, Fault::Malformed, "`/1`: the resource has no `metadata/name`");
}

#[test]
fn kustomize_that_is_no_list_of_resources() {
    refuse(Format::Kustomize, "apiVersion: v1\nkind: A\n", Fault::Malformed, "`/0`: the resource has no `metadata/name`");
    refuse(Format::Kustomize, "apiVersion: v1\nkind: A\nmetadata: {name: a}", Fault::Truncated, "the last line has no end");
    refuse(Format::Kustomize, "apiVersion: v1\nkind: A\nmetadata: {name: a\n", Fault::Malformed, "");
    refuse(Format::Kustomize, "apiVersion: v1\napiVersion: v2\nkind: A\n", Fault::Malformed, "");
    refuse(Format::Kustomize, "---\n---\n", Fault::Empty, "it holds no resource");
    refuse(Format::Kustomize, "{\"apiVersion\": \"v1\"}\n", Fault::Malformed, "it is JSON or XML");
    let level = |n: u32| format!("l{}: &l{} [{}]\n", n + 1, n + 1, format!("*l{n}, ").repeat(10));
    let bomb = format!("apiVersion: v1\nkind: Bomb\nl0: &l0 [x]\n{}", (0..9).map(level).collect::<String>());
    refuse(Format::Kustomize, &bomb, Fault::TooLarge, "no YAML");
    // Each of these is short, and only the second comes to much.
    let used = |times: usize| {
        let anchor = format!("l: &l [{}x]\n", "x, ".repeat(1_999));
        format!("apiVersion: v1\nkind: A\nmetadata: {{name: a}}\n{anchor}m: [{}x]\n", "*l, ".repeat(times))
    };
    let Content::Resources(few) = read(Format::Kustomize, &used(4)) else { panic!() };
    assert_eq!(few.resources.len(), 1);
    refuse(Format::Kustomize, &used(50), Fault::TooLarge, "alias replay limit exceeded");
}

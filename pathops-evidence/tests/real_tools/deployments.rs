//! helm and kubectl.

use pathops_evidence::report::DeploymentPhase::{Failed, Settled};

use super::*;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec: {containers: [{name: orders, image: 'registry.example/orders:4.5.6'}]}
";

const RELEASES: &str = "
- name: orders
  namespace: shop
  version: 3
  info: {status: deployed, last_deployed: '2026-11-25T09:00:00Z', description: Upgrade complete}
  chart: {metadata: {name: orders, version: 1.2.3, appVersion: 4.5.6, apiVersion: v2}}
- name: store
  namespace: shop
  version: 2
  info: {status: failed, last_deployed: '2026-11-25T09:00:00Z', description: timed out}
  chart: {metadata: {name: store, version: 0.1.0, apiVersion: v2}}
";

#[track_caller]
fn resources(report: &[u8]) -> (Vec<String>, Vec<String>) {
    let Content::Resources(found) = content(Format::Kustomize, report) else { panic!() };
    let resources = found.resources.iter().map(|it| format!("{} {}", it.kind, it.name)).collect();
    (resources, found.images)
}

#[test]
fn rendered_charts_and_kustomizations() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("chart/Chart.yaml", "apiVersion: v2\nname: orders\nversion: 1.2.3\n");
    tools.write("chart/templates/deployment.yaml", DEPLOYMENT);
    let rendered = run(tools.tool("layer/helm/helm").args(["template", "orders", "chart"]), 0);
    let image = |tag: &str| vec![format!("registry.example/orders:{tag}")];
    assert_eq!(resources(&rendered), (vec!["Deployment orders".to_owned()], image("4.5.6")));

    tools.write("base/deployment.yaml", DEPLOYMENT);
    tools.write("base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: orders}\nspec: {ports: [{port: 80}]}\n");
    tools.write(
        "base/kustomization.yaml",
        "resources: [deployment.yaml, service.yaml]\nimages: [{name: registry.example/orders, newTag: 4.5.7}]\n",
    );
    let built = run(tools.tool("layer/kubectl/kubectl").args(["kustomize", "base"]), 0);
    let (mut found, images) = resources(&built);
    found.sort();
    assert_eq!((found, images), (vec!["Deployment orders".to_owned(), "Service orders".to_owned()], image("4.5.7")));
}

#[test]
fn releases_of_helm() {
    let Some(tools) = Tools::installed() else { return };
    let releases = tools.write("releases.yaml", RELEASES);
    let helm = |arguments: &[&str]| {
        let mut helm = tools.tool("layer/helm/helm");
        helm.env("HELM_DRIVER", "memory").env("HELM_MEMORY_DRIVER_DATA", &releases);
        run(helm.args(arguments).args(["--namespace", "shop", "--output", "json"]), 0)
    };
    let phases = |format, report: &[u8]| {
        let Content::Deployments(found) = content(format, report) else { panic!("{format}") };
        found.into_iter().map(|it| (it.name, it.phase)).collect::<Vec<_>>()
    };
    let (orders, store) = (("shop/orders".to_owned(), Settled), ("shop/store".to_owned(), Failed));
    assert_eq!(phases(Format::HelmList, &helm(&["list"])), [orders.clone(), store.clone()]);
    assert_eq!(phases(Format::HelmStatus, &helm(&["status", "orders"])), [orders]);
    assert_eq!(phases(Format::HelmStatus, &helm(&["status", "store"])), [store]);
}

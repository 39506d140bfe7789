//! What happens while the adapter reads.

use std::time::Duration;

use libtest_mimic::Trial;
use pathops_core::ErrorKind;
use pathops_core::adapter::{GitOps as _, NotYet, Readiness};
use serde_json::json;

use crate::desired_state::cx;
use crate::scene::{Scene, ago};
use crate::trial;
use crate::world::{Way, place, source};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_changes_while_it_is_read_makes_nobody_act", what_changes_while_it_is_read_makes_nobody_act),
        trial("an_outage_is_an_error_and_no_verdict", an_outage_is_an_error_and_no_verdict),
        trial("what_is_no_object_of_flux_is_unexpected", what_is_no_object_of_flux_is_unexpected),
    ]
}

async fn what_changes_while_it_is_read_makes_nobody_act() {
    let scene = Scene::new().await;
    let kustomizations = scene.servers.objects.kustomizations.clone();
    // Workloads take longer to be read than it takes until something happens.
    scene.servers.objects.deployments.faults().delay = Duration::from_millis(50);
    let happening = tokio::spawn(async move {
        loop {
            kustomizations.edit(&place(), |object| object["metadata"]["labels"] = json!({"at": ago(0)}));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert_eq!(scene.observe().await.readiness, Readiness::NotYet(NotYet::Looking));
    happening.abort();
    let _ended = happening.await;
    assert_eq!(scene.observe().await.readiness, Readiness::Ready);
}

async fn an_outage_is_an_error_and_no_verdict() {
    let scene = Scene::new().await;
    let flux = scene.flux(Way::Interval);
    for (status, kind) in [(500, ErrorKind::Unavailable), (429, ErrorKind::RateLimited), (403, ErrorKind::Denied)] {
        scene.servers.objects.sources.faults().answers.push_back((status, None));
        assert_eq!(flux.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), kind);
    }
    scene.servers.objects.kustomizations.delete(&place());
    assert_eq!(flux.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), ErrorKind::NotFound);
}

async fn what_is_no_object_of_flux_is_unexpected() {
    let scene = Scene::new().await;
    scene.servers.objects.sources.edit(&source(), |object| object["status"]["conditions"] = json!("Ready"));
    let error = scene.flux(Way::Interval).observe(&cx(), &scene.expected()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unexpected);
    assert!(error.to_string().contains("GitRepository flux-system/desired"), "{error}");
}

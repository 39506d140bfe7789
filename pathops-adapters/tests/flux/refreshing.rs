//! Flux is asked to look at Git by annotation, where the host wants that, and nothing else is ever written.

use libtest_mimic::Trial;
use pathops_core::ErrorKind;
use pathops_core::adapter::{GitOps as _, NotYet, Readiness};
use serde_json::{Value, json};

use crate::desired_state::{cx, target, unit};
use crate::scene::Scene;
use crate::trial;
use crate::world::{Way, place, source};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("flux_is_asked_once_until_it_has_looked", flux_is_asked_once_until_it_has_looked),
        trial("nothing_is_written_without_the_hosts_leave", nothing_is_written_without_the_hosts_leave),
    ]
}

fn writes(scene: &Scene) -> Vec<String> {
    let written = |call: &String| !call.starts_with("GET ");
    scene.servers.objects.calls().into_iter().filter(written).collect()
}

fn asked(object: &Value) -> &Value {
    &object["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"]
}

async fn flux_is_asked_once_until_it_has_looked() {
    let scene = Scene::new().await;
    let flux = scene.flux(Way::Annotation);
    let objects = &scene.servers.objects;
    let before = [objects.kustomizations.get(&place()).unwrap(), objects.sources.get(&source()).unwrap()];
    for _ in 0..3 {
        flux.refresh(&cx(), &unit(), &target()).await.unwrap();
    }
    assert_eq!(writes(&scene).len(), 2, "the Kustomization and its source, once each");
    let after = [objects.kustomizations.get(&place()).unwrap(), objects.sources.get(&source()).unwrap()];
    for (mut before, mut after) in before.into_iter().zip(after.clone()) {
        assert!(asked(&after).is_string(), "{after}");
        for object in [&mut before, &mut after] {
            object["metadata"] = object["metadata"]["generation"].take();
        }
        assert_eq!(before, after, "nothing but the annotation has changed");
    }
    assert_eq!(scene.observe().await.readiness, Readiness::NotYet(NotYet::Looking));
    objects.kustomizations.edit(&place(), |object| object["status"]["lastHandledReconcileAt"] = asked(&after[0]).clone());
    objects.sources.edit(&source(), |object| object["status"]["lastHandledReconcileAt"] = asked(&after[1]).clone());
    assert_eq!(scene.observe().await.readiness, Readiness::Ready);
    flux.refresh(&cx(), &unit(), &target()).await.unwrap();
    assert_eq!(writes(&scene).len(), 2);
}

async fn nothing_is_written_without_the_hosts_leave() {
    let scene = Scene::new().await;
    let flux = scene.flux(Way::Interval);
    assert!(!flux.capabilities().refresh);
    let error = flux.refresh(&cx(), &unit(), &target()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    scene.observe().await;
    scene.with(|object| object["spec"]["suspend"] = json!(true)).await;
    assert_eq!(writes(&scene), [""; 0]);
}

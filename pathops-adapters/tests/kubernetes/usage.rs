//! What is measured, where something measures. On the fake.

use libtest_mimic::Trial;
use pathops_core::adapter::RuntimeSignals as _;
use pathops_core::evidence::AbsenceKind;
use pathops_fakes::argocd::usage;

use crate::trial;
use crate::world::{INSTANCE, Scene, absent, ago, cx, present, query};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_containers_use_has_its_unit_in_its_name", what_containers_use_has_its_unit_in_its_name),
        trial("without_the_api_metrics_are_absent_and_it_is_told_why", without_the_api_metrics_are_absent_and_it_is_told_why),
    ]
}

async fn what_containers_use_has_its_unit_in_its_name() {
    let scene = Scene::new().await;
    let (pod, measured) = (scene.healthy("aaaaa"), ago(10));
    scene.servers.cluster.runs().measure(usage(
        &pod,
        INSTANCE,
        measured,
        &[("app", "1500000n", "64Mi"), ("proxy", "strange", "")],
    ));
    let other = scene.healthy("bbbbb");
    scene.servers.cluster.runs().measure(usage(&other, "another", measured, &[("app", "1", "1")]));
    let samples = present(scene.kubernetes.metrics(&cx(), &query("orders")).await.unwrap());
    let found: Vec<(&str, f64)> = samples.iter().map(|sample| (sample.metric.as_str(), sample.value)).collect();
    assert_eq!(
        found,
        [
            ("cpu_cores{pod=\"orders-7d9c5b-aaaaa\",container=\"app\"}", 0.0015),
            ("memory_bytes{pod=\"orders-7d9c5b-aaaaa\",container=\"app\"}", 67_108_864.0),
        ]
    );
    assert_eq!(samples[0].at.0, measured.0 - measured.0.rem_euclid(1000));
    scene.servers.cluster.runs().measure(usage(&pod, INSTANCE, ago(400), &[("app", "1", "1")]));
    assert!(
        absent(AbsenceKind::NothingThere, scene.kubernetes.metrics(&cx(), &query("orders")).await.unwrap())
            .contains("nothing was measured")
    );
}

async fn without_the_api_metrics_are_absent_and_it_is_told_why() {
    let scene = Scene::new().await;
    scene.healthy("aaaaa");
    let why = absent(AbsenceKind::NotConfigured, scene.kubernetes.metrics(&cx(), &query("orders")).await.unwrap());
    assert!(why.contains("the cluster has no API `metrics.k8s.io`"), "{why}");
}

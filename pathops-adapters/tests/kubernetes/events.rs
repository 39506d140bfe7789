//! Which events are the unit's, and what its pods tell. On the fake.

use libtest_mimic::Trial;
use pathops_core::adapter::{RuntimeEvent, RuntimeSignals as _};
use pathops_core::evidence::AbsenceKind;
use pathops_fakes::argocd::{self, container, event, key, series};
use serde_json::json;

use crate::trial;
use crate::world::{IMAGE, Scene, absent, ago, cx, pod, present, query, running, terminated, waiting};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("events_are_those_of_the_units_objects_and_no_others", events_are_those_of_the_units_objects_and_no_others),
        trial("both_forms_of_events_are_put_in_one_order", both_forms_of_events_are_put_in_one_order),
        trial(
            "a_container_tells_its_digest_its_restarts_and_how_it_ended",
            a_container_tells_its_digest_its_restarts_and_how_it_ended,
        ),
        trial("a_container_that_waits_tells_why", a_container_that_waits_tells_why),
        trial("a_rollout_tells_how_it_stands", a_rollout_tells_how_it_stands),
        trial("rollouts_that_cannot_be_read_leave_the_other_events", rollouts_that_cannot_be_read_leave_the_other_events),
        trial("an_object_that_makes_no_pod_is_heard_where_it_is_named", an_object_that_makes_no_pod_is_heard_where_it_is_named),
        trial("without_a_pod_nothing_is_guessed", without_a_pod_nothing_is_guessed),
        trial(
            "of_too_many_events_the_last_are_given_and_the_cut_is_told",
            of_too_many_events_the_last_are_given_and_the_cut_is_told,
        ),
        trial("foreign_words_are_cut_down_to_our_form", foreign_words_are_cut_down_to_our_form),
    ]
}

async fn events(scene: &Scene) -> Vec<RuntimeEvent> {
    present(scene.kubernetes.events(&cx(), &query("orders")).await.unwrap())
}

fn reasons(events: &[RuntimeEvent]) -> Vec<&str> {
    events.iter().map(|event| event.reason.as_str()).collect()
}

async fn events_are_those_of_the_units_objects_and_no_others() {
    let scene = Scene::new().await;
    scene.healthy("aaaaa");
    let object = |kind: &'static str, name: &str, reason: &str| {
        let told = event(&format!("{kind}-{name}").to_lowercase(), (kind, &key("shop", name)), reason, "said", ago(50), 1);
        scene.servers.cluster.runs().event(told);
    };
    object("Pod", "orders-7d9c5b-aaaaa", "OwnPod");
    object("ReplicaSet", "orders-7d9c5b", "OwnReplicaSet");
    object("Deployment", "orders", "OwnDeployment");
    object("ReplicaSet", "orders-555555", "EarlierReplicaSet");
    object("Pod", "orders-555555-zzzzz", "PodOfEarlierReplicaSet");
    object("Pod", "orders-7d9c5b-gone1", "PodThatIsGone");
    object("Deployment", "orders-api", "Strange");
    object("ReplicaSet", "orders-api-7d9c5b", "Strange");
    object("Pod", "orders-api-7d9c5b-aaaaa", "Strange");
    object("Pod", "orders-api", "Strange");
    object("Pod", "orders", "Strange");
    let elsewhere = event("elsewhere", ("Pod", &key("other", "orders-7d9c5b-aaaaa")), "Strange", "said", ago(50), 1);
    scene.servers.cluster.runs().event(elsewhere);
    let told = events(&scene).await;
    let mut found = reasons(&told);
    found.sort_unstable();
    let own =
        ["EarlierReplicaSet", "OwnDeployment", "OwnPod", "OwnReplicaSet", "PodOfEarlierReplicaSet", "PodThatIsGone", "Running"];
    assert_eq!(found, own);
    assert!(told.iter().any(|event| event.message == "Deployment/orders: said"), "{told:?}");
}

async fn both_forms_of_events_are_put_in_one_order() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    {
        let mut runs = scene.servers.cluster.runs();
        runs.event(event("c", ("Pod", &pod), "Third", "old form", ago(60), 4));
        // Its first time is before the window; its last is not.
        runs.event(series("a", ("Pod", &pod), "Fourth", "new form", (ago(900), ago(20))));
        runs.event(event("b", ("Pod", &pod), "Second", "old form", ago(90), 1));
        runs.event(series("d", ("Pod", &pod), "First", "new form", (ago(200), ago(100))));
        runs.event(event("e", ("Pod", &pod), "TooOld", "old form", ago(301), 1));
        runs.event(series("f", ("Pod", &pod), "TooOld", "new form", (ago(900), ago(310))));
    }
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["First", "Second", "Third", "Fourth", "Running"]);
    let name = &pod.1;
    assert_eq!(told[2].message, format!("Warning: Pod/{name}: old form (4 times)"));
    assert_eq!(told[3].message, format!("Pod/{name}: new form (7 times)"));
    assert_eq!(told[3].at.0.rem_euclid(1000), 123, "it is read to the millisecond");
}

async fn a_container_tells_its_digest_its_restarts_and_how_it_ended() {
    let scene = Scene::new().await;
    let ended = terminated("OOMKilled", 137, ago(30));
    let pod = scene.pod("aaaaa", &json!([container("app", IMAGE, 3, &running(ago(20)), &ended)]));
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["OOMKilled", "Running"]);
    assert_eq!(told[0].message, format!("Pod/{} container app ended with exit code 137, OOMKilled", pod.1));
    let now = &told[1].message;
    for part in [IMAGE, "3 restarts", ", ready", "before, it ended at", "exit code 137, OOMKilled"] {
        assert!(now.contains(part), "{part}: {now}");
    }
    // What was long ago is no event of this time, but still told with how it is now.
    scene.pod("aaaaa", &json!([container("app", IMAGE, 3, &running(ago(20)), &terminated("Error", 1, ago(400)))]));
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["Running"]);
    assert!(told[0].message.contains("exit code 1, Error"), "{told:?}");
}

async fn a_rollout_tells_how_it_stands() {
    let scene = Scene::with(|workload| workload.object("StatefulSet", "ledger").object("ConfigMap", "orders")).await;
    scene.healthy("aaaaa");
    let workload = |kind: &str, name: &str, status: serde_json::Value| {
        let object = json!({"kind": kind, "metadata": {"name": name, "namespace": "shop", "generation": 3}, "spec": {"replicas": 2},
            "status": status});
        scene.servers.cluster.runs().workload(object);
    };
    // That of another, which is not asked for.
    workload("Deployment", "orders-api", json!({}));
    workload("Deployment", "orders", json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 1}));
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["Progressing", "Running"]);
    assert_eq!(told[0].message, "Deployment/orders: 1 of 2 pods are new");
    let stuck = json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet has timed out"}]);
    workload("Deployment", "orders", json!({"observedGeneration": 3, "conditions": stuck}));
    workload(
        "StatefulSet",
        "ledger",
        json!({"observedGeneration": 3, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"}),
    );
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["Degraded", "Healthy", "Running"]);
    assert!(
        told[0].message.ends_with("ReplicaSet has timed out") && told[1].message.starts_with("StatefulSet/ledger: 2 pods"),
        "{told:?}"
    );
    let calls: Vec<_> = scene.servers.cluster.calls().into_iter().filter(|call| call.contains("/apis/apps/")).collect();
    assert!(calls.iter().all(|call| call.starts_with("GET ") && !call.contains("orders-api")), "{calls:?}");
    // A workload that nobody can read in the shape that it has is no rollout that stands well.
    workload("Deployment", "orders", json!({"observedGeneration": "three"}));
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["LeftOut", "Healthy", "Running"]);
    assert!(told[0].message.starts_with("how the rollout of Deployment/orders stands was not read: "), "{told:?}");
}

async fn rollouts_that_cannot_be_read_leave_the_other_events() {
    // As with a role from before rollouts were read.
    let scene = Scene::with(|workload| workload.object("Deployment", "web").object("StatefulSet", "ledger")).await;
    let pod = scene.healthy("aaaaa");
    scene.servers.cluster.runs().event(event("a", ("Pod", &pod), "Pulled", "the image is there", ago(50), 1));
    for right in ["get deployments.apps", "get statefulsets.apps"] {
        scene.servers.cluster.runs().forbid(right);
    }
    let told = events(&scene).await;
    let mut found = reasons(&told);
    found.sort_unstable();
    assert_eq!(found, ["LeftOut", "LeftOut", "Pulled", "Running"], "one for each right");
    for right in ["get deployments.apps", "get statefulsets.apps"] {
        let names = |event: &RuntimeEvent| event.message.contains(right) && event.message.contains("shipped role");
        assert!(told.iter().any(names), "{right}: {told:?}");
    }
}

async fn a_container_that_waits_tells_why() {
    let scene = Scene::new().await;
    let back_off = waiting("CrashLoopBackOff", "back-off 40s restarting failed container");
    let pull = waiting("ImagePullBackOff", "Back-off pulling image \"registry.example/none\"");
    scene.pod(
        "aaaaa",
        &json!([
            container("app", IMAGE, 5, &back_off, &terminated("Error", 2, ago(30))),
            container("proxy", "", 0, &pull, &json!({})),
        ]),
    );
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["Error", "CrashLoopBackOff", "ImagePullBackOff"]);
    assert!(told[1].message.contains("5 restarts") && told[1].message.contains("exit code 2"), "{told:?}");
    assert!(told[2].message.contains("not pulled") && told[2].message.contains("registry.example/none"), "{told:?}");
    // A pod that no node takes has no container yet.
    let mut pending = argocd::pod(&pod("bbbbb"), crate::world::INSTANCE, &json!([]));
    pending["status"] = json!({"phase": "Pending"});
    scene.servers.cluster.runs().pod(pending);
    assert!(reasons(&events(&scene).await).contains(&"Pending"));
}

async fn an_object_that_makes_no_pod_is_heard_where_it_is_named() {
    let scene = Scene::with(|workload| workload.object("Deployment", "orders")).await;
    let told = scene.kubernetes.events(&cx(), &query("orders")).await.unwrap();
    assert!(absent(AbsenceKind::NothingThere, told).contains("nothing happened"));
    let quota = event("a", ("ReplicaSet", &key("shop", "orders-7d9c5b")), "FailedCreate", "exceeded quota", ago(50), 1);
    scene.servers.cluster.runs().event(quota);
    assert_eq!(reasons(&events(&scene).await), ["FailedCreate"]);
}

async fn without_a_pod_nothing_is_guessed() {
    let scene = Scene::new().await;
    let why = absent(AbsenceKind::NothingThere, scene.kubernetes.events(&cx(), &query("orders")).await.unwrap());
    assert!(why.contains("no pod app.kubernetes.io/instance=orders-preflight in namespace shop of cluster main"), "{why}");
}

async fn of_too_many_events_the_last_are_given_and_the_cut_is_told() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    for number in 0..2_500 {
        let told = event(&format!("e{number:05}"), ("Pod", &pod), "Same", "said", ago(290 - number / 10), 1);
        scene.servers.cluster.runs().event(told);
    }
    let told = events(&scene).await;
    assert_eq!((told.len(), told[0].reason.as_str(), told[2_000].reason.as_str()), (2_001, "LeftOut", "Running"));
    assert_eq!(told[0].message, "501 earlier events are left out");
    assert!(told.is_sorted_by_key(|event| event.at));
}

async fn foreign_words_are_cut_down_to_our_form() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    let mut strange = event("a", ("Pod", &pod), "two words\n", &"é".repeat(5_000), ago(50), 1);
    scene.servers.cluster.runs().event(strange.clone());
    strange["metadata"]["name"] = json!("b");
    (strange["reason"], strange["message"]) = (json!(null), json!(null));
    scene.servers.cluster.runs().event(strange);
    let told = events(&scene).await;
    assert_eq!(reasons(&told), ["twowords", "Unnamed", "Running"]);
    assert!(told[0].message.len() < 1_010 && told[0].message.ends_with('…'), "{}", told[0].message.len());
}

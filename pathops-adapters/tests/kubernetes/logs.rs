//! How logs are shared and cut. On the fake.

use libtest_mimic::Trial;
use pathops_core::adapter::{Collected, RuntimeSignals as _, SignalQuery};
use pathops_fakes::argocd::container;
use serde_json::json;

use crate::trial;
use crate::world::{IMAGE, Scene, absent, ago, cx, log, present, query, running, terminated, waiting};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("each_log_says_whose_it_is_and_what_failed_comes_last", each_log_says_whose_it_is_and_what_failed_comes_last),
        trial("a_container_that_waits_to_start_again_has_one_log", a_container_that_waits_to_start_again_has_one_log),
        trial(
            "the_bytes_are_shared_fairly_and_what_is_not_needed_goes_on",
            the_bytes_are_shared_fairly_and_what_is_not_needed_goes_on,
        ),
        trial("half_a_line_is_left_out", half_a_line_is_left_out),
        trial("short_lines_are_asked_for_again", short_lines_are_asked_for_again),
        trial("of_very_many_logs_those_in_trouble_are_read", of_very_many_logs_those_in_trouble_are_read),
        trial("silence_is_explained", silence_is_explained),
    ]
}

async fn text(scene: &Scene, tail_bytes: usize) -> String {
    let asked = SignalQuery { tail_bytes, ..query("orders") };
    String::from_utf8(present(scene.kubernetes.logs(&cx(), &asked).await.unwrap())).unwrap()
}

async fn each_log_says_whose_it_is_and_what_failed_comes_last() {
    let scene = Scene::new().await;
    let restarted = json!([container("app", IMAGE, 1, &running(ago(20)), &terminated("Error", 1, ago(30)))]);
    let (failed, healthy) = (scene.pod("aaaaa", &restarted), scene.healthy("bbbbb"));
    scene.print(log(&healthy, "app", false), 50, "fine\n");
    scene.print(log(&failed, "app", true), 40, "panic: out of cheese\n");
    scene.print(log(&failed, "app", false), 10, "up again");
    let told = text(&scene, 1 << 20).await;
    assert_eq!(
        told,
        "==> orders-7d9c5b-bbbbb/app <==\nfine\n\
         ==> orders-7d9c5b-aaaaa/app, before its last restart <==\npanic: out of cheese\n\
         ==> orders-7d9c5b-aaaaa/app <==\nup again\n"
    );
    let calls = scene.servers.cluster.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("/log?") && call.contains("previous=true")).count(), 1, "{calls:?}");
    assert!(calls.iter().all(|call| call.starts_with("GET ")), "{calls:?}");
}

async fn a_container_that_waits_to_start_again_has_one_log() {
    let scene = Scene::new().await;
    let pod = scene.pod(
        "aaaaa",
        &json!([
            container("app", IMAGE, 4, &waiting("CrashLoopBackOff", "back-off"), &terminated("Error", 1, ago(30))),
            container("proxy", "", 0, &waiting("ImagePullBackOff", "back-off"), &json!({})),
        ]),
    );
    scene.print(log(&pod, "app", true), 40, "the last words\n");
    let told = text(&scene, 1 << 20).await;
    assert_eq!(
        told,
        "==> orders-7d9c5b-aaaaa/app, before its last restart <==\nthe last words\n\
         ==> orders-7d9c5b-aaaaa/proxy: not there: it waits: ImagePullBackOff <==\n"
    );
    let asked = scene.servers.cluster.calls().iter().filter(|call| call.contains("/log?")).count();
    assert_eq!(asked, 1);
}

async fn the_bytes_are_shared_fairly_and_what_is_not_needed_goes_on() {
    let scene = Scene::new().await;
    let (quiet, loud, also) = (scene.healthy("aaaaa"), scene.healthy("bbbbb"), scene.healthy("ccccc"));
    scene.print(log(&quiet, "app", false), 60, "quiet\n");
    for number in 0..20_000 {
        scene.print(log(&loud, "app", false), 50, format!("line {number:05} of the loud one, which has a lot to say\n"));
        scene.print(log(&also, "app", false), 50, format!("line {number:05} of the other one, which has as much to say\n"));
    }
    let told = text(&scene, 90_000).await;
    assert!(told.len() <= 90_000 && told.len() > 88_000, "{}", told.len());
    assert!(told.starts_with("==> orders-7d9c5b-aaaaa/app <==\nquiet\n"), "{}", &told[..200]);
    let count = |of: &str| told.matches(of).count();
    let (one, other) = (count("of the loud one"), count("of the other one"));
    assert!((one * 51).abs_diff(other * 54) < 200 && one > 700, "a third and half of what the quiet one left: {one} and {other}");
    assert!(
        told.contains("line 19999 of the loud one") && told.ends_with("line 19999 of the other one, which has as much to say\n")
    );
    let share =
        |call: &str| call.split("tailLines=").nth(1).and_then(|it| it.split('&').next()).map(|it| it.parse::<u64>().unwrap());
    let asked: Vec<u64> = scene.servers.cluster.calls().iter().filter_map(|call| share(call)).collect();
    assert!(asked.iter().all(|lines| *lines < 2_000), "no more is sent than may be needed: {asked:?}");
}

async fn half_a_line_is_left_out() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    for number in 0..100 {
        scene.print(log(&pod, "app", false), 50, format!("{number:03} {}\n", "x".repeat(1_000)));
    }
    let told = text(&scene, 8 << 10).await;
    let lines: Vec<&str> = told.lines().skip(1).collect();
    assert!(lines.len() == 8 && lines.iter().all(|line| line.len() == 1_004), "{told}");
    // A line that does not fit at all.
    let pod = scene.healthy("bbbbb");
    scene.print(log(&pod, "app", false), 50, format!("secret-{}\n", "y".repeat(100_000)));
    let told = text(&scene, 16 << 10).await;
    assert!(told.contains("bbbbb/app: not there: its last line is longer than") && !told.contains("yyy"), "{told}");
}

async fn short_lines_are_asked_for_again() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    for number in 0..50_000 {
        scene.print(log(&pod, "app", false), 50, format!("{}\n", number % 10));
    }
    let told = text(&scene, 20_000).await;
    assert!((19_990..=20_000).contains(&told.len()) && told.ends_with("8\n9\n"), "{}", told.len());
    assert_eq!(scene.servers.cluster.calls().iter().filter(|call| call.contains("/log?")).count(), 2);
}

async fn of_very_many_logs_those_in_trouble_are_read() {
    let scene = Scene::new().await;
    for number in 0..100 {
        let pod = scene.healthy(&format!("h{number:04}"));
        scene.print(log(&pod, "app", false), 50, "fine\n");
    }
    let failed = json!([container("app", IMAGE, 1, &running(ago(20)), &terminated("Error", 1, ago(30)))]);
    let pod = scene.pod("aaaaa", &failed);
    scene.print(log(&pod, "app", true), 50, "the last words\n");
    scene.print(log(&pod, "app", false), 10, "up again\n");
    let told = text(&scene, 1 << 20).await;
    assert!(told.starts_with("==> 42 more logs are left out <==\n") && told.contains("the last words\n"), "{}", &told[..300]);
    assert_eq!(scene.servers.cluster.calls().iter().filter(|call| call.contains("/log?")).count(), 60);
    // With room for two logs only, these are the ones.
    let told = text(&scene, 9_000).await;
    assert!(told.starts_with("==> 100 more") && told.contains("the last words\n") && told.ends_with("up again\n"), "{told}");
}

async fn silence_is_explained() {
    let scene = Scene::new().await;
    let logs = async || scene.kubernetes.logs(&cx(), &query("orders")).await.unwrap();
    assert!(absent(logs().await).contains("there is no pod"));
    let pod = scene.healthy("aaaaa");
    scene.print(log(&pod, "app", false), 301, "too early\n");
    let why = absent(logs().await);
    assert!(why.contains("orders-7d9c5b-aaaaa/app printed nothing since"), "{why}");
    // A pod that went away between the list and the log is an absence, too.
    scene.healthy("bbbbb");
    let why = absent(logs().await);
    assert!(why.contains("container \"app\" in pod \"orders-7d9c5b-bbbbb\" not found"), "{why}");
    assert_eq!(
        scene.kubernetes.logs(&cx(), &query("nobody")).await.unwrap(),
        Collected::Absent("no workload is configured for `nobody` in preflight".to_owned())
    );
}

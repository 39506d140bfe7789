//! How logs are shared and cut. On the fake.

use libtest_mimic::Trial;
use pathops_core::adapter::{Collected, LogExcerpt, RuntimeSignals as _, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_fakes::argocd::{container, key, pod as pod_of};
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
        trial("both_ends_of_each_log_are_kept_and_the_rest_is_counted", both_ends_of_each_log_are_kept_and_the_rest_is_counted),
        trial("half_a_line_is_left_out", half_a_line_is_left_out),
        trial("of_a_very_long_log_the_end_is_asked_for", of_a_very_long_log_the_end_is_asked_for),
        trial("of_very_many_logs_those_in_trouble_are_read", of_very_many_logs_those_in_trouble_are_read),
        trial("silence_is_explained", silence_is_explained),
        trial("what_a_job_printed_is_there_or_why_it_is_not", what_a_job_printed_is_there_or_why_it_is_not),
    ]
}

async fn text(scene: &Scene, tail_bytes: usize) -> String {
    String::from_utf8(ends(scene, 0, tail_bytes).await.bytes).unwrap()
}

async fn ends(scene: &Scene, head_bytes: usize, tail_bytes: usize) -> LogExcerpt {
    let asked = SignalQuery { head_bytes, tail_bytes, ..query("orders") };
    present(scene.kubernetes.logs(&cx(), &asked).await.unwrap())
}

/// Both parts, as text.
fn parts(log: &LogExcerpt) -> [String; 2] {
    let (head, tail) = log.bytes.split_at(log.cut_at.unwrap());
    [head, tail].map(|part| String::from_utf8(part.to_vec()).unwrap())
}

async fn both_ends_of_each_log_are_kept_and_the_rest_is_counted() {
    let scene = Scene::new().await;
    let restarted = json!([container("app", IMAGE, 1, &running(ago(20)), &terminated("Error", 1, ago(30)))]);
    let (failed, healthy) = (scene.pod("aaaaa", &restarted), scene.healthy("bbbbb"));
    scene.print(log(&healthy, "app", false), 50, "fine\n");
    for number in 0..10_000 {
        scene.print(log(&failed, "app", true), 40, format!("before {number:04}\n"));
        scene.print(log(&failed, "app", false), 10, format!("after {number:05}\n"));
    }
    let log = ends(&scene, 20_000, 60_000).await;
    let [head, tail] = parts(&log);
    assert!(head.len() <= 20_000 && head.len() > 19_000 && tail.len() <= 60_000 && tail.len() > 59_000, "{log:?} {}", head.len());
    assert!(head.starts_with("==> orders-7d9c5b-aaaaa/app, before its last restart <==\nbefore 0000\nbefore 0001\n"), "{head}");
    assert!(head.contains("\n==> orders-7d9c5b-aaaaa/app <==\nafter 00000\n"), "{head}");
    assert!(tail.starts_with("==> the ends of these logs <==\n==> orders-7d9c5b-bbbbb/app <==\nfine\n"), "{tail}");
    assert!(tail.contains("before 9999\n==> orders-7d9c5b-aaaaa/app, after ") && tail.ends_with("after 09999\n"), "{tail}");
    // Each line is in one of the parts, or counted; so it is of each log.
    let of = |word: &str| [&head, &tail].map(|part| part.matches(&format!("\n{word} ")).count()).iter().sum::<usize>();
    let (before, after) = (120_000 - of("before") * 12, 120_000 - of("after") * 12);
    assert!(tail.contains(&format!("before its last restart, after {before} bytes that are left out <==\nbefore ")), "{tail}");
    assert!(tail.contains(&format!("aaaaa/app, after {after} bytes that are left out <==\nafter ")), "{tail}");
    assert_eq!((log.left_out(), log.more), ((before + after) as u64, false));
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
    assert!(told.starts_with("==> the ends of these logs <==\n==> orders-7d9c5b-aaaaa/app <==\nquiet\n"), "{}", &told[..200]);
    let count = |of: &str| told.matches(of).count();
    let (one, other) = (count("of the loud one"), count("of the other one"));
    assert!((one * 51).abs_diff(other * 54) < 200 && one > 700, "a third and half of what the quiet one left: {one} and {other}");
    assert!(
        told.contains("line 19999 of the loud one") && told.ends_with("line 19999 of the other one, which has as much to say\n")
    );
    let sent =
        |call: &str| call.split("limitBytes=").nth(1).and_then(|it| it.split('&').next()).map(|it| it.parse::<u64>().unwrap());
    let asked: Vec<u64> = scene.servers.cluster.calls().iter().filter_map(|call| sent(call)).collect();
    assert!(asked.len() == 3 && asked[0] < 6 << 20 && asked.iter().all(|bytes| *bytes <= 16 << 20), "no more is sent: {asked:?}");
}

async fn half_a_line_is_left_out() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    for number in 0..100 {
        scene.print(log(&pod, "app", false), 50, format!("{number:03} {}\n", "x".repeat(1_000)));
    }
    let told = text(&scene, 8 << 10).await;
    let lines: Vec<&str> = told.lines().skip(2).collect();
    assert!(lines.len() == 7 && lines.iter().all(|line| line.len() == 1_004), "{told}");
    // A line that does not fit at all.
    let pod = scene.healthy("bbbbb");
    scene.print(log(&pod, "app", false), 50, format!("secret-{}\n", "y".repeat(100_000)));
    let told = text(&scene, 16 << 10).await;
    assert!(told.ends_with("bbbbb/app, after 100008 bytes that are left out <==\n") && !told.contains("yyy"), "{told}");
}

async fn of_a_very_long_log_the_end_is_asked_for() {
    let scene = Scene::new().await;
    let pod = scene.healthy("aaaaa");
    scene.print(log(&pod, "app", false), 60, b"the beginning\n".repeat(2 << 20));
    for number in 0..50_000 {
        scene.print(log(&pod, "app", false), 50, format!("{}\n", number % 10));
    }
    let log = ends(&scene, 1_000, 20_000).await;
    let [head, tail] = parts(&log);
    assert!(head.ends_with("the beginning\n") && head.len() <= 1_000, "{head}");
    assert!((19_500..=20_000).contains(&tail.len()) && tail.ends_with("8\n9\n"), "{}", tail.len());
    // What was sent is counted, and it is told that there is more.
    assert!(log.more && log.total_bytes >= 16 << 20 && tail.contains(" bytes and more that are left out <==\n"), "{log:?}");
    let calls: Vec<_> = scene.servers.cluster.calls().into_iter().filter(|call| call.contains("/log?")).collect();
    assert_eq!(calls.iter().filter(|call| call.contains("tailLines=")).count(), 2, "short lines are asked for again: {calls:?}");
    assert_eq!(calls.len(), 3);
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
    let log = ends(&scene, 0, 1 << 20).await;
    let [_, told] = parts(&log);
    assert!(told.starts_with("==> the ends of these logs <==\n==> 42 more logs are left out <==\n"), "{}", &told[..300]);
    assert!(told.contains("the last words\n") && told.ends_with("up again\n") && log.more, "{log:?}");
    assert_eq!(scene.servers.cluster.calls().iter().filter(|call| call.contains("/log?")).count(), 60);
    // With room for two logs only, these are the ones.
    let told = text(&scene, 160).await;
    assert!(told.contains("the last words\n") && told.ends_with("up again\n") && told.len() <= 160, "{told}");
}

async fn silence_is_explained() {
    let scene = Scene::new().await;
    let logs = async || scene.kubernetes.logs(&cx(), &query("orders")).await.unwrap();
    assert!(absent(AbsenceKind::NothingThere, logs().await).contains("there is no pod"));
    let pod = scene.healthy("aaaaa");
    scene.print(log(&pod, "app", false), 301, "too early\n");
    let why = absent(AbsenceKind::NothingThere, logs().await);
    assert!(why.contains("orders-7d9c5b-aaaaa/app printed nothing since"), "{why}");
    // A pod that went away between the list and the log is an absence, too.
    scene.healthy("bbbbb");
    let why = absent(AbsenceKind::NothingThere, logs().await);
    assert!(why.contains("container \"app\" in pod \"orders-7d9c5b-bbbbb\" not found"), "{why}");
    assert_eq!(
        scene.kubernetes.logs(&cx(), &query("nobody")).await.unwrap(),
        Collected::absent(AbsenceKind::NotConfigured, "no workload is configured for `nobody` in preflight")
    );
}

/// A post-deploy job is none of the pods that run: its logs are there as long as it is, and those of an earlier run are not its own.
async fn what_a_job_printed_is_there_or_why_it_is_not() {
    let scene = Scene::with(|workload| workload.job("orders-smoke")).await;
    let healthy = scene.healthy("aaaaa");
    scene.print(log(&healthy, "app", false), 50, "fine\n");
    let fine = "==> orders-7d9c5b-aaaaa/app <==\nfine\n";
    let missing = "==> Job/orders-smoke: not there: it has no pod: it did not run, or was deleted since <==\n";
    assert_eq!(text(&scene, 1 << 20).await, format!("{fine}{missing}"));
    let run = |name: &str, ended: &str, code: i64| {
        let at = key("shop", &format!("orders-smoke-{name}"));
        let mut pod = pod_of(&at, "another", &json!([container("smoke", "", 0, &terminated(ended, code, ago(30)), &json!({}))]));
        pod["metadata"]["labels"] = json!({"batch.kubernetes.io/job-name": "orders-smoke"});
        scene.servers.cluster.runs().pod(pod);
        at
    };
    // What it printed before the time that is asked for is of an earlier run.
    let earlier = run("xxxxx", "Completed", 0);
    scene.print(log(&earlier, "smoke", false), 400, "GET /checkout shows the delivery date\n");
    let told = text(&scene, 1 << 20).await;
    assert!(told.starts_with(&format!("{fine}==> orders-smoke-xxxxx/smoke: not there: it printed nothing since ")), "{told}");
    let this = run("yyyyy", "Error", 1);
    scene.print(log(&this, "smoke", false), 30, "GET /checkout: 500\n");
    let told = text(&scene, 1 << 20).await;
    assert!(told.ends_with("==> orders-smoke-yyyyy/smoke <==\nGET /checkout: 500\n"), "{told}");
    scene.servers.cluster.runs().stop(&healthy);
    let told = text(&scene, 1 << 20).await;
    assert!(told.contains("GET /checkout: 500") && !told.contains("fine"), "{told}");
}

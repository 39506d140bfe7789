//! What pods really run counts, whatever the summary says.

use super::*;

/// What is said where the summary names `told` and pods run `running`.
fn said(expected: &Expected, told: &[&str], running: &[&str]) -> Verdict {
    let state = Application::from_value(&put(ready(), "/status/summary/images", json!(told))).unwrap();
    let running = RunningImages::new(running.iter().copied());
    judge_with_pods(expected, &state, &running, &history(), at(30).parse().unwrap())
}

const GOOD: &str = "reg/app@sha256:good";
const OLD: &str = "reg/app@sha256:old";
const PROXY: &str = "reg/proxy@sha256:1";

#[test]
fn what_pods_run_counts_and_not_the_summary() {
    let missing = || NotYet::NoPod { expected: GOOD.to_owned() };
    let wrong = Failed::WrongImage { expected: GOOD.to_owned() };
    let beside = |running: &str| NotYet::OldImage { running: running.to_owned() };
    for (told, running, verdict) in [
        // The summary is late, or names what is gone.
        (&[OLD][..], &[GOOD, PROXY][..], Verdict::Ready),
        (&[], &[GOOD], Verdict::Ready),
        (&[GOOD, OLD], &[GOOD, GOOD], Verdict::Ready),
        // It is ahead of the pods, or lies.
        (&[GOOD], &[OLD, PROXY], Verdict::NotYet(missing())),
        (&[GOOD], &[], Verdict::NotYet(missing())),
        (&[GOOD], &[PROXY], Verdict::NotYet(missing())),
        (&[GOOD], &[GOOD, OLD], Verdict::NotYet(beside(OLD))),
        (&[GOOD], &["docker-pullable://reg/app@sha256:old", GOOD], Verdict::NotYet(beside(OLD))),
        // Nothing runs, whatever it is called: that may still come.
        (&[OLD], &[], Verdict::NotYet(missing())),
        (&[], &["sha256:good"], Verdict::NotYet(missing())),
        // Both say the same.
        (&[OLD], &[OLD], Verdict::Failed(wrong)),
    ] {
        assert_eq!(said(&expected(), told, running), verdict, "{told:?}, and {running:?} runs");
    }
}

#[test]
fn an_image_has_one_name() {
    let of = |reference: &str| {
        Expected::new(ExpectedSource::git(REPO, PATH, commit('b')), at(5).parse().unwrap()).image(image(reference))
    };
    for (wanted, running, is) in [
        ("nginx@sha256:1", "docker.io/library/nginx@sha256:1", true),
        ("shop/orders@sha256:1", "index.docker.io/shop/orders@sha256:1", true),
        ("docker.io/library/nginx@sha256:1", "nginx@sha256:1", true),
        ("reg.example:5000/nginx:1", "nginx:1@sha256:1", false),
        ("reg.example/library/nginx:1", "docker.io/library/nginx:1@sha256:1", false),
        ("library/a/b:1", "a/b:1@sha256:1", false),
        ("nginx:1", "docker.io/library/nginx:1@sha256:1", true),
        // A node may tell it by another name that it has for the same digest.
        ("reg/app@sha256:1", "mirror.example/reg/app@sha256:1", true),
        ("reg/app@sha256:1", "reg/worker@sha256:1", true),
        ("reg/app:v2", "reg/app:v2@sha256:9", true),
        ("reg/app:v2", "reg/app@sha256:9", false),
    ] {
        assert_eq!(said(&of(wanted), &[], &[running]).is_ready(), is, "{wanted} and {running}");
    }
}

#[test]
fn nothing_else_that_is_missing_is_made_up_for_by_pods() {
    let running = RunningImages::new([GOOD]);
    let now = at(30).parse().unwrap();
    for (pointer, value) in [
        ("/status/sync/status", json!("OutOfSync")),
        ("/status/health/status", json!("Progressing")),
        ("/status/reconciledAt", json!(at(10))),
        ("/status/sync/revision", json!(commit('a'))),
    ] {
        let state = Application::from_value(&put(ready(), pointer, value)).unwrap();
        let verdict = judge_with_pods(&expected(), &state, &running, &history(), now);
        assert!(!verdict.is_ready(), "{pointer}");
        assert_eq!(verdict, judge(&expected(), &state, &history(), now));
    }
}

//! Which images are told, by an Application or by pods.

use super::*;

#[test]
fn images_are_told_apart_by_digest_before_tag() {
    for (wanted, running, reason) in [
        ("reg:5000/app:1", json!(["reg:5000/app:1"]), "ready"),
        ("reg:5000/app:1", json!(["reg:5000/app:2"]), "failed wrong-image"),
        ("reg/app:1@sha256:good", json!(["reg/app:2@sha256:good"]), "ready"),
        ("reg/app:1@sha256:good", json!(["reg/app:1@sha256:other"]), "failed wrong-image"),
    ] {
        let expected = Expected::new(ExpectedSource::git(REPO, PATH, commit('b')), at(5).parse().unwrap()).image(image(wanted));
        let state = put(ready(), "/status/summary/images", running);
        assert_eq!(reason_of(&verdict(&expected, &state)), reason, "{wanted}");
    }
    for bad in ["", "reg/app", "reg:5000/app", "@sha256:a", "reg/app@", "reg/app:"] {
        let error = bad.parse::<Image>().unwrap_err();
        assert!(error.to_string().contains("names no one image"), "{bad}");
    }
}

const REPOSITORY: &str = "reg/app";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn of(repository: &str, digit: char) -> String {
    format!("{repository}@{}", digest(digit))
}

/// What is said where these are expected, and those are told of.
fn said(wanted: &[String], told: &[String]) -> String {
    let none = Expected::new(ExpectedSource::git(REPO, PATH, commit('b')), at(5).parse().unwrap());
    let expected = wanted.iter().fold(none, |expected, wanted| expected.image(image(wanted)));
    let by_summary = reason_of(&verdict(&expected, &put(ready(), "/status/summary/images", json!(told))));
    // Pods that run just that say the same.
    let state = Application::from_value(&put(ready(), "/status/summary/images", json!(told))).unwrap();
    let running = RunningImages::new(told.iter().cloned());
    let by_pods = judge_with_pods(&expected, &state, &running, &history(), at(30).parse().unwrap());
    assert_eq!(reason_of(&by_pods), by_summary, "{wanted:?} {told:?}");
    by_summary
}

/// A digest is the same image wherever it was copied to; what else is in that repository is known for another one all the same.
#[test]
fn a_digest_counts_by_whatever_name() {
    let own = |digit| of(REPOSITORY, digit);
    let copied = |digit| of("mirror.example/reg/app", digit);
    for (wanted, told, reason) in [
        (vec![own('1')], vec![copied('1')], "ready"),
        (vec![own('1')], vec![copied('1'), copied('2')], "not-yet old-image"),
        (vec![own('1')], vec![copied('1'), own('2')], "not-yet old-image"),
        (vec![own('1')], vec![copied('1'), "mirror.example/reg/app:v1".to_owned()], "not-yet old-image"),
        (vec![own('1')], vec![copied('1'), of("mirror.example/proxy", '2')], "ready"),
        (vec![own('1')], vec![own('2'), of("mirror.example/proxy", '1')], "not-yet old-image"),
        (vec![own('1')], vec![copied('2')], "not-yet no-pod"),
        // A tag says something in its own repository alone.
        (vec!["reg/app:v1".to_owned()], vec!["mirror.example/reg/app:v1".to_owned()], "not-yet no-pod"),
        // Two of one repository, both copied, and what runs under a name that another image is expected by.
        (vec![own('1'), own('2')], vec![copied('1'), copied('2')], "ready"),
        (vec![own('1'), of("reg/worker", '2')], vec![own('1'), own('2')], "not-yet old-image"),
        (vec![own('1'), of("reg/worker", '1')], vec![own('1'), of("reg/worker", '2')], "not-yet old-image"),
    ] {
        assert_eq!(said(&wanted, &told), reason, "{wanted:?} {told:?}");
    }
}

#[test]
fn a_digest_may_be_expected_alone() {
    for (told, reason) in [
        (vec![of(REPOSITORY, '1')], "ready"),
        (vec![of(REPOSITORY, '1'), of("reg/proxy", '2')], "ready"),
        (vec![of(REPOSITORY, '1'), of(REPOSITORY, '2')], "not-yet old-image"),
        (vec![of(REPOSITORY, '2')], "not-yet no-pod"),
        (vec![], "not-yet no-pod"),
    ] {
        assert_eq!(said(&[digest('1')], &told), reason, "{told:?}");
    }
    assert_eq!(said(&[digest('1'), "reg/app:v1".to_owned()], &[format!("reg/app:v1@{}", digest('1'))]), "ready");
}

/// What is told of no image of the repository may not run yet, or be told of later: only another one is wrong.
#[test]
fn an_image_that_is_not_told_of_is_waited_for() {
    for (told, reason) in [
        (json!(null), "not-yet no-pod"),
        (json!([]), "not-yet no-pod"),
        (json!(["reg/proxy@sha256:1"]), "not-yet no-pod"),
        (json!(["reg/app@sha256:other"]), "failed wrong-image"),
    ] {
        assert_eq!(reason_of(&with("/status/summary/images", told.clone())), reason, "{told}");
    }
}

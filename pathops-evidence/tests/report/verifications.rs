//! What tools of progressive delivery say they have verified, counted again.

use pathops_evidence::report::ExternalState::{self, Failed, Neutral, Passed, Pending};
use pathops_evidence::report::{Content, Fault, Format, Verification};
use serde_json::{Value, json};

use crate::fixtures::content;
use crate::{read, refuse};

fn verifications(content: Content) -> Vec<Verification> {
    let Content::Verifications(verifications) = content else { panic!("{content:?}") };
    verifications
}

fn states(content: Content) -> Vec<ExternalState> {
    verifications(content).iter().map(|it| it.state).collect()
}

fn run(spec: Value, status: Value) -> Value {
    let metadata = json!({"name": "orders-1", "namespace": "shop"});
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": metadata, "spec": spec, "status": status})
}

/// A result whose counters are right.
fn result(phases: &[&str], phase: &str) -> Value {
    let of = |wanted: &str| phases.iter().filter(|it| **it == wanted).count();
    let (successful, failed, inconclusive, error) = (of("Successful"), of("Failed"), of("Inconclusive"), of("Error"));
    json!({
        "name": "rate", "phase": phase, "measurements": phases.iter().map(|it| json!({"phase": it})).collect::<Vec<_>>(),
        "count": successful + failed + inconclusive, "successful": successful, "failed": failed, "inconclusive": inconclusive,
        "error": error, "consecutiveError": phases.iter().rev().take_while(|it| **it == "Error").count(),
    })
}

fn merged(mut one: Value, more: &Value) -> Value {
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

/// How a run of one metric stands, and why.
fn judged(metric: &Value, result: Value, phase: &str) -> (ExternalState, String) {
    let metric = merged(json!({"name": "rate", "interval": "1m"}), metric);
    let all = of(&run(json!({"metrics": [metric]}), json!({"phase": phase, "metricResults": [result]})));
    (all.iter().map(|it| it.state).max().unwrap(), all.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>().join(" | "))
}

fn of(run: &Value) -> Vec<Verification> {
    verifications(read(Format::ArgoRollouts, &run.to_string()))
}

const S: &str = "Successful";
const F: &str = "Failed";
const I: &str = "Inconclusive";
const E: &str = "Error";

#[test]
fn each_metric_of_an_analysis_is_counted_again() {
    let good = verifications(content(Format::ArgoRollouts, "good"));
    let told: Vec<_> = good.iter().map(|it| (it.name.as_str(), it.state, it.reason.as_str())).collect();
    let expected = [
        ("shop/orders-6b8f9c7d5-2-1: success-rate", Passed, "4 of 5 measurements succeeded"),
        ("shop/orders-6b8f9c7d5-2-1: smoke", Passed, "1 of 1 measurements succeeded"),
    ];
    assert_eq!(told, expected);
    assert!(good.iter().all(|it| it.of.is_empty() && it.by == "Argo Rollouts" && !it.failed_before));
    let bad = verifications(content(Format::ArgoRollouts, "bad.json"));
    assert_eq!((bad[0].state, bad[0].reason.as_str()), (Failed, "2 of 3 measurements failed, and 1 may"));
    assert_eq!(states(content(Format::ArgoRollouts, "bad-running-list")), [Passed, Passed, Pending]);
}

#[test]
fn what_a_run_is_called_does_not_make_it_better() {
    let called = verifications(content(Format::ArgoRollouts, "bad-called-successful"));
    let expected = "6 of 7 measurements failed, and 1 may; it is called `Successful`; the run is called `Successful`";
    assert_eq!((called[0].state, called[0].reason.as_str(), called.len()), (Failed, expected, 1));
    let limits = json!({"count": 3});
    for phase in [S, "Pending", "Running", "", I] {
        let (state, reason) = judged(&limits, result(&[S, F], phase), S);
        assert!(state == Failed && reason.starts_with("1 of 2 measurements failed, and 0 may"), "{phase}: {reason}");
    }
}

#[test]
fn what_a_run_is_called_makes_it_worse() {
    let fine = || result(&[S, S, S], S);
    let limits = json!({"count": 3});
    assert_eq!(judged(&limits, fine(), S), (Passed, "3 of 3 measurements succeeded".to_owned()));
    for (phase, expected) in [(F, Failed), (E, Failed), (I, Neutral), ("Running", Pending), ("", Pending), ("Odd", Failed)] {
        let (of_metric, why) = judged(&limits, result(&[S, S, S], phase), S);
        assert!(of_metric == expected && why.contains(&format!("it is called `{phase}`")), "{phase}: {why}");
        let (of_run, why) = judged(&limits, fine(), phase);
        assert!(of_run == expected && why.contains(&format!("it is called `{phase}`")), "{phase}: {why}");
    }
    for (summary, expected) in
        [(json!({"failed": 1}), Failed), (json!({"error": 1}), Failed), (json!({"inconclusive": 1}), Neutral)]
    {
        let metrics = json!({"metrics": [{"name": "rate", "interval": "1m", "count": 3}]});
        let all = of(&run(metrics, json!({"phase": S, "metricResults": [fine()], "runSummary": summary})));
        assert_eq!((all[0].state, all[1].state, all[1].name.as_str()), (Passed, expected, "shop/orders-1"));
    }
}

#[test]
fn limits_hold_as_rollouts_has_them() {
    let cases: [(Value, &[&str], ExternalState); 22] = [
        (json!({"count": 2}), &[S, S], Passed),
        (json!({"count": 2}), &[S, F], Failed),
        (json!({"count": 2, "failureLimit": 1}), &[S, F], Passed),
        (json!({"count": 2, "failureLimit": "1"}), &[S, F], Passed),
        // All that was asked for failed, and may: nothing shows that it works.
        (json!({"count": 2, "failureLimit": 2}), &[F, F], Neutral),
        (json!({"count": 2, "inconclusiveLimit": 1}), &[S, I], Passed),
        (json!({"count": 2}), &[S, I], Neutral),
        // Errors are made up for by further measurements, until there are too many in a row.
        (json!({"count": 2}), &[E, E, E, E, S, E, S], Passed),
        (json!({"count": 2}), &[E, E, E, E, E], Failed),
        (json!({"count": 2, "consecutiveErrorLimit": 0}), &[E, S, S], Failed),
        (json!({"count": 3}), &[S, S], Neutral),
        (json!({"count": 2}), &[S, "Running"], Pending),
        (json!({"count": 2}), &[S, "Odd"], Failed),
        (json!({"count": 2}), &[], Neutral),
        // Without a count it goes on until it is ended.
        (json!({}), &[S, S, S], Passed),
        (json!({"interval": null}), &[S], Passed),
        (json!({"count": 0}), &[S], Passed),
        (json!({"count": 9, "consecutiveSuccessLimit": 2, "failureLimit": -1}), &[F, F, F, S, S], Passed),
        (json!({"count": 3, "consecutiveSuccessLimit": 2, "failureLimit": -1}), &[S, F, S], Failed),
        (json!({"count": 3, "consecutiveSuccessLimit": 2, "failureLimit": 1}), &[S, F, S], Neutral),
        (json!({"count": 9, "consecutiveSuccessLimit": 2}), &[S], Neutral),
        // Switched off, with nothing in its place.
        (json!({"count": 2, "failureLimit": -1}), &[S, F], Failed),
    ];
    for (limits, phases, expected) in cases {
        let (state, reason) = judged(&limits, result(phases, S), S);
        assert_eq!(state, expected, "{limits} {phases:?}: {reason}");
    }
}

#[test]
fn what_has_not_ended_is_not_tested() {
    let running = "Running";
    for (limits, phases) in [(json!({"count": 3}), &[S, S][..]), (json!({}), &[S]), (json!({"count": 1}), &[])] {
        let (state, reason) = judged(&limits, result(phases, running), running);
        assert_eq!(state, Pending, "{limits} {phases:?}: {reason}");
    }
    let bare = of(&run(json!({"metrics": [{"name": "rate"}]}), Value::Null));
    assert_eq!((bare[0].state, bare[0].reason.as_str()), (Pending, "nothing was measured yet"));
    // Rollouts calls a run that was ended before it measured anything successful.
    let ended = of(&run(json!({"terminate": true, "metrics": [{"name": "rate"}]}), json!({"phase": S})));
    assert_eq!((ended[0].state, ended[0].reason.as_str()), (Neutral, "nothing was measured"));
    let nothing = of(&run(json!({}), json!({"phase": S})));
    assert_eq!((nothing[0].state, nothing[0].name.as_str()), (Neutral, "shop/orders-1"));
}

/// Rollouts keeps ten. Counters alone are no measurements, and may only make it worse.
#[test]
fn what_is_not_kept_cannot_be_counted_again() {
    let kept = verifications(content(Format::ArgoRollouts, "quiet-kept"));
    assert!(kept[0].state == Neutral && kept[0].reason.contains("10 of 25 measurements are kept"), "{kept:?}");
    let limits = json!({"count": 25, "failureLimit": 3});
    let told = merged(result(&[S; 10], S), &json!({"count": 25, "successful": 21, "failed": 4}));
    let (state, reason) = judged(&limits, told, S);
    assert!(state == Failed && reason.contains("by its counters, 4 of 25 measurements failed, and 3 may"), "{reason}");
    let errors = merged(result(&[S; 10], S), &json!({"error": 7, "consecutiveError": 7}));
    assert_eq!(judged(&json!({"count": 10}), errors, S).0, Failed);
}

#[test]
fn counters_that_contradict_the_measurements_have_not_passed() {
    let limits = json!({"count": 2, "failureLimit": 1});
    for (counters, says) in [
        (json!({"count": 1, "failed": 0}), "its counters tell of fewer than were measured"),
        (json!({"count": 7}), "its counters do not add up"),
        (json!({"count": 3, "successful": 2}), "2 of 3 measurements are kept"),
        (json!({"count": 18_446_744_073_709_551_615_u64}), "its counters do not add up"),
    ] {
        let (state, reason) = judged(&limits, merged(result(&[S, F], S), &counters), S);
        assert!(state == Neutral && reason.contains(says), "{counters}: {reason}");
    }
}

#[test]
fn a_dry_run_counts_for_nothing_where_both_sides_say_so() {
    let metrics = json!([{"name": "rate"}, {"name": "smoke"}]);
    let results = |dry: bool| {
        json!([merged(result(&[F], F), &json!({ "dryRun": dry })), merged(result(&[S], S), &json!({"name": "smoke"})),])
    };
    for (rule, dry, expected) in [
        ("ra.*", true, &[Passed][..]),
        // The pattern is a regular expression, which may match anywhere.
        ("t", true, &[Passed]),
        ("smoke.", true, &[Failed, Passed]),
        ("rate", false, &[Failed, Passed]),
        ("*", true, &[Failed, Passed]),
        ("(a{900}){900}|rate", true, &[Failed, Passed]),
    ] {
        let asked = json!({"metrics": metrics, "dryRun": [{"metricName": rule}]});
        let all = of(&run(asked, json!({"phase": S, "metricResults": results(dry)})));
        assert_eq!(all.iter().map(|it| it.state).collect::<Vec<_>>(), expected, "{rule} {dry}: {all:?}");
    }
    // Where nothing else is measured, nothing is.
    let only = json!({"metrics": [{"name": "rate"}], "dryRun": [{"metricName": "rate"}]});
    let all = of(&run(only, json!({"phase": S, "metricResults": [results(true)[0]]})));
    assert_eq!(
        all.iter().map(|it| (it.state, it.reason.as_str())).collect::<Vec<_>>(),
        [(Neutral, "it measures nothing that counts")]
    );
}

/// Rollouts calls a Job a success that it deletes because the run is ended.
#[test]
fn what_was_stopped_with_its_run_has_not_passed() {
    let stopped = |phases: &[&str], message: &str| {
        let mut result = result(phases, S);
        result["measurements"].as_array_mut().unwrap().last_mut().unwrap()["message"] = json!(message);
        result
    };
    let once = json!({"count": 1});
    assert_eq!(
        judged(&once, stopped(&[S], "Metric Terminated"), S),
        (Neutral, "it was stopped before it ended; it is called `Successful`".to_owned())
    );
    assert_eq!(judged(&once, stopped(&[S], "metric terminated"), S).0, Neutral);
    assert_eq!(judged(&once, stopped(&[S], "200 OK"), S).0, Passed);
    assert_eq!(judged(&json!({"count": 2}), stopped(&[S, S], "Metric Terminated"), S).0, Neutral);
    assert_eq!(judged(&json!({"count": 2, "failureLimit": 1}), stopped(&[F, S], "Metric Terminated"), S).0, Neutral);
    let in_a_row = json!({"count": 9, "consecutiveSuccessLimit": 2, "failureLimit": -1});
    assert_eq!(judged(&in_a_row, stopped(&[S, S], "Metric Terminated"), S).0, Neutral);
    assert_eq!(
        judged(&json!({}), stopped(&[S, S], "Metric Terminated"), S),
        (Passed, "1 of 1 measurements succeeded".to_owned())
    );
}

#[test]
fn arguments_are_put_in_for_limits_and_what_cannot_be_read_is_strict() {
    let judge = |metric: Value, phases: &[&str]| {
        let args =
            json!([{"name": "few", "value": "1"}, {"name": "secret", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]);
        let metric = merged(json!({"name": "rate", "interval": "1m"}), &metric);
        let status = json!({"phase": S, "metricResults": [result(phases, S)]});
        of(&run(json!({"metrics": [metric], "args": args}), status))[0].state
    };
    assert_eq!(judge(json!({"count": 2, "failureLimit": "{{args.few}}"}), &[S, F]), Passed);
    assert_eq!(judge(json!({"count": "{{ args.few }}"}), &[S]), Passed);
    for unreadable in ["{{args.secret}}", "{{args.none}}", "{{few}}", "half", "50%"] {
        assert_eq!(judge(json!({"count": 2, "failureLimit": unreadable}), &[S, F]), Failed, "{unreadable}");
        assert_eq!(judge(json!({"count": 2, "inconclusiveLimit": unreadable}), &[S, S, I]), Neutral, "{unreadable}");
        assert_eq!(judge(json!({"count": 2, "consecutiveErrorLimit": unreadable}), &[S, E, S]), Failed, "{unreadable}");
        assert_eq!(judge(json!({"count": unreadable}), &[S, S]), Neutral, "{unreadable}");
        assert_eq!(judge(json!({"count": 2, "consecutiveSuccessLimit": unreadable}), &[S, S]), Neutral, "{unreadable}");
    }
    assert_eq!(judge(json!({"count": -1}), &[S, S]), Neutral);
}

#[test]
fn a_metric_that_is_not_asked_for_or_stands_there_twice() {
    let unasked = of(&run(json!({"metrics": []}), json!({"phase": S, "metricResults": [result(&[S], S)]})));
    assert!(unasked[0].state == Neutral && unasked[0].reason.ends_with("the run does not ask for it"), "{unasked:?}");
    let twice = run(json!({"metrics": [{"name": "a"}, {"name": "a"}]}), json!({"phase": S}));
    refuse(Format::ArgoRollouts, &twice.to_string(), Fault::Inconsistent, "`/spec/metrics`: the metric `a` stands in it twice");
    let twice = run(json!({}), json!({"phase": S, "metricResults": [result(&[S], S), result(&[F], F)]}));
    refuse(Format::ArgoRollouts, &twice.to_string(), Fault::Inconsistent, "`/status/metricResults`");
}

#[test]
fn objects_of_other_kinds_groups_and_versions_are_refused() {
    let formats = [
        (Format::ArgoRollouts, "argoproj.io", "AnalysisRun", "good"),
        (Format::Kargo, "kargo.akuity.io", "Freight", "quiet-freight"),
        (Format::Kargo, "kargo.akuity.io", "Stage", "quiet-stage"),
        (Format::GitopsPromoter, "promoter.argoproj.io", "CommitStatus", "good"),
    ];
    for (format, group, kind, fixture) in formats {
        let fixture = crate::fixtures::all().into_iter().find(|it| it.format == format && it.name.starts_with(fixture)).unwrap();
        let good: Value = serde_json::from_slice(&fixture.bytes).unwrap();
        let list = |item: &Value| json!({"apiVersion": "v1", "kind": "List", "items": [item]}).to_string();
        assert_eq!(states(read(format, &list(&good))), states(read(format, &good.to_string())));
        let newer = merged(good.clone(), &json!({"apiVersion": format!("{group}/v1")}));
        for text in [newer.to_string(), list(&newer)] {
            refuse(format, &text, Fault::Unsupported, &format!("`{group}/v1` is not read, and v1alpha1 is"));
        }
        refuse(format, &json!({"apiVersion": "v1", "kind": "Pod"}).to_string(), Fault::Malformed, "`Pod` is no");
        let other = merged(good.clone(), &json!({"apiVersion": "example.com/v1alpha1"}));
        let says = format!("`/items/0`: it is a `{kind}` of `example.com/v1alpha1`");
        refuse(format, &list(&other), Fault::Malformed, &says);
        // Items of a list of one kind need not repeat it.
        let mut bare = good.clone();
        bare.as_object_mut().unwrap().retain(|key, _| key != "apiVersion" && key != "kind");
        let version = format!("{group}/v1alpha1");
        let of_kind = |rest: Value| merged(json!({"apiVersion": version, "kind": format!("{kind}List")}), &rest).to_string();
        assert_eq!(states(read(format, &of_kind(json!({"items": [bare]})))), states(read(format, &good.to_string())));
        assert_eq!(states(read(format, &of_kind(json!({"items": []})))), []);
        refuse(format, &of_kind(json!({"metadata": {"continue": "x"}, "items": []})), Fault::Paged, "the list goes on");
        refuse(format, &of_kind(json!({})), Fault::Malformed, "`/items`: it is missing");
        let long = merged(good, &json!({"metadata": {"name": "a".repeat(254)}}));
        refuse(format, &long.to_string(), Fault::Malformed, "a name is longer than Kubernetes allows");
    }
}

#[test]
fn freight_has_passed_where_the_analysis_of_its_stage_has() {
    let good = verifications(content(Format::Kargo, "good"));
    let [it] = good.as_slice() else { panic!("{good:?}") };
    assert_eq!((it.state, it.failed_before, it.by.as_str()), (Passed, false, "Kargo"));
    assert_eq!(it.name, "shop/uat: f5b1c2d3e4a5968778695a4b3c2d1e0f9a8b7c6d");
    assert!(it.of.contains(&"8f2b7c1d9e0a3b4c5d6e7f8091a2b3c4d5e6f708".to_owned()), "the commit: {:?}", it.of);
    assert!(it.of.iter().any(|of| of.len() == 64 && of.starts_with("3f1c9a7b")), "the image: {:?}", it.of);
    assert_eq!(states(content(Format::Kargo, "bad.json")), [Failed]);
    let called = verifications(content(Format::Kargo, "bad-called-successful"));
    assert_eq!(called[0].state, Failed);
    assert!(called[0].reason.starts_with("it is called `Successful`; AnalysisRun shop/uat."), "{called:?}");
    assert!(called[0].reason.contains("smoke: 1 of 2 measurements failed, and 0 may"), "{called:?}");
}

/// The good fixture, with another verification in the Stage, and with its AnalysisRun or without.
fn kargo(history: &Value, with_run: bool) -> Vec<Verification> {
    let fixture = crate::fixtures::all().into_iter().find(|it| it.format == Format::Kargo && it.name == "good.json").unwrap();
    let mut list: Value = serde_json::from_slice(&fixture.bytes).unwrap();
    list["items"][1]["status"]["freightHistory"][0]["verificationHistory"] = history.clone();
    if !with_run {
        list["items"].as_array_mut().unwrap().truncate(2);
    }
    verifications(read(Format::Kargo, &list.to_string()))
}

#[test]
fn the_word_of_kargo_alone_is_no_pass() {
    let reference = |phase: &str| json!({"namespace": "shop", "name": "uat.01kaw3x8.9a8b7c6", "phase": phase});
    let verified = |phase: &str| json!([{"phase": phase, "analysisRun": reference(phase)}]);
    let one = |history: &Value, with_run: bool| {
        let all = kargo(history, with_run);
        assert_eq!(all.len(), 1, "{all:?}");
        (all[0].state, all[0].reason.clone())
    };
    assert_eq!(one(&verified(S), true).0, Passed);
    let (state, reason) = one(&verified(S), false);
    assert!(state == Neutral && reason.contains("hand in the AnalysisRun shop/uat.01kaw3x8.9a8b7c6"), "{reason}");
    assert_eq!(
        one(&json!([{"phase": S}]), true),
        (Neutral, "it is called `Successful`; no AnalysisRun measured anything".to_owned())
    );
    assert_eq!(one(&json!([]), true), (Neutral, "it was not verified there".to_owned()));
    for (phase, expected) in [(F, Failed), (E, Failed), ("Aborted", Failed), (I, Neutral), ("Running", Pending), ("", Pending)] {
        assert_eq!(one(&verified(phase), true).0, expected, "{phase}");
        assert_eq!(one(&json!([{"phase": S, "analysisRun": reference(phase)}]), true).0, expected, "its analysis: {phase}");
    }
    let freight = verifications(content(Format::Kargo, "quiet-freight"));
    assert!(freight[0].state == Neutral && freight[0].reason.contains("called verified in uat"), "{freight:?}");
    assert_eq!(states(content(Format::Kargo, "quiet-stage")), [Neutral]);
}

#[test]
fn two_analyses_of_one_name_are_refused() {
    let fixture = crate::fixtures::all().into_iter().find(|it| it.format == Format::Kargo && it.name == "good.json").unwrap();
    let mut list: Value = serde_json::from_slice(&fixture.bytes).unwrap();
    let run = list["items"][2].clone();
    list["items"].as_array_mut().unwrap().push(run);
    refuse(Format::Kargo, &list.to_string(), Fault::Inconsistent, "the AnalysisRun shop/uat.01kaw3x8.9a8b7c6 stands in it twice");
}

#[test]
fn freight_that_failed_first_is_told() {
    let passed = json!({"phase": S, "analysisRun": {"namespace": "shop", "name": "uat.01kaw3x8.9a8b7c6", "phase": S}});
    let again = kargo(&json!([passed, {"phase": F}]), true);
    assert!(again[0].state == Passed && again[0].failed_before);
    let once_good = kargo(&json!([{"phase": F}, passed]), true);
    assert!(once_good[0].state == Failed && !once_good[0].failed_before, "the last one counts");
}

#[test]
fn an_analysis_of_other_freight_is_none_of_this() {
    let fixture = crate::fixtures::all().into_iter().find(|it| it.format == Format::Kargo && it.name == "good.json").unwrap();
    let list: Value = serde_json::from_slice(&fixture.bytes).unwrap();
    for (labels, says) in [
        (json!({"kargo.akuity.io/freight-collection": "other"}), "it is of other freight"),
        (Value::Null, "it does not say which freight it is of"),
    ] {
        let mut list = list.clone();
        list["items"][2]["metadata"]["labels"] = labels;
        let all = verifications(read(Format::Kargo, &list.to_string()));
        assert!(all[0].state == Neutral && all[0].reason.ends_with(says), "{all:?}");
    }
}

#[test]
fn earlier_freight_is_read_where_the_report_holds_it() {
    let stage = |history: Value| {
        let metadata = json!({"name": "uat", "namespace": "shop"});
        json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Stage", "metadata": metadata, "status": {"freightHistory": history}})
    };
    let was = |name: &str| json!({"id": name, "items": {"Warehouse/a": {"name": name, "commits": [{"id": name}]}}, "verificationHistory": [{"phase": F}]});
    let freight = |name: &str, namespace: &str| {
        json!({"apiVersion": "kargo.akuity.io/v1alpha1", "kind": "Freight", "metadata": {"name": name, "namespace": namespace},
            "charts": [{"repoURL": "oci://charts.example/orders", "version": "1.4.0"}], "status": {"verifiedIn": {"uat": {}, "qa": {}}}})
    };
    let all = |items: Vec<Value>| {
        verifications(read(Format::Kargo, &json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()))
    };
    let history = json!([was("new"), was("old"), was("older")]);
    let names = |all: &[Verification]| all.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&all(vec![stage(history.clone())])), ["shop/uat: new"]);
    let with_old = all(vec![freight("old", "shop"), stage(history.clone())]);
    assert_eq!(names(&with_old), ["shop/uat: old"], "what came after it, and what qa says of it, is for others");
    // One of the same name in another project is another one.
    let elsewhere = all(vec![freight("old", "bank"), stage(history)]);
    assert_eq!(names(&elsewhere), ["bank/old"]);
    assert!(elsewhere[0].reason.contains("called verified in qa, uat,"), "{elsewhere:?}");
    assert_eq!(elsewhere[0].of, ["oci://charts.example/orders/@1.4.0"]);
    // It came again: the last time counts, and that it failed before is told.
    let mut again = was("old");
    again["verificationHistory"] = json!([]);
    let again = all(vec![freight("old", "shop"), stage(json!([again, was("new"), was("old")]))]);
    assert_eq!((names(&again), again[0].state, again[0].failed_before), (vec!["shop/uat: old".to_owned()], Neutral, true));
}

#[test]
fn a_commit_status_has_passed_where_both_sides_say_so_of_the_same_commit() {
    let good = verifications(content(Format::GitopsPromoter, "good"));
    assert_eq!((good[0].state, good[0].by.as_str()), (Passed, "GitOps Promoter"));
    assert_eq!(good[0].name, "shop/orders-preflight-argocd-health: argocd-health/preflight");
    assert_eq!(good[0].of, ["8f2b7c1d9e0a3b4c5d6e7f8091a2b3c4d5e6f708"]);
    assert_eq!(states(content(Format::GitopsPromoter, "bad-list")), [Passed, Pending]);
    let (this, other) = ("a".repeat(40), "b".repeat(40));
    let told = |asked: &str, status: Value| {
        let (metadata, spec) = (json!({"name": "a", "generation": 2}), json!({"sha": this, "name": "health", "phase": asked}));
        let one = json!({"apiVersion": "promoter.argoproj.io/v1alpha1", "kind": "CommitStatus", "metadata": metadata, "spec": spec, "status": status});
        let all = verifications(read(Format::GitopsPromoter, &one.to_string()));
        (all[0].state, all[0].reason.clone())
    };
    let of = |sha: &str, phase: &str, generation: u64| json!({"sha": sha, "phase": phase, "observedGeneration": generation});
    let not_ready = json!({"sha": this, "phase": "success", "conditions": [{"type": "Ready", "status": "False"}]});
    for (asked, status, expected, says) in [
        ("success", of(&this, "success", 2), Passed, "it was told to be `success`"),
        ("success", of(&this, "success", 0), Passed, "it was told to be `success`"),
        ("success", Value::Null, Pending, "it is to be `success`; it was not told yet"),
        ("success", of(&other, "success", 2), Pending, "what was told is of another commit"),
        ("success", of(&this, "success", 1), Pending, "what was told is of an earlier generation"),
        ("success", not_ready, Pending, "it could not be told"),
        ("success", of(&this, "failure", 2), Failed, "it is to be `success`; it was told to be `failure`"),
        ("success", of(&this, "pending", 2), Pending, "it was told to be `pending`"),
        ("pending", of(&this, "success", 2), Pending, "it is to be `pending`; it was told to be `success`"),
        ("failure", of(&this, "success", 2), Failed, "it is to be `failure`; it was told to be `success`"),
        ("failure", Value::Null, Failed, "it was not told yet"),
        ("", of(&this, "success", 2), Pending, "it is to be ``"),
        ("odd", of(&this, "odd", 2), Failed, "it was told to be `odd`"),
    ] {
        let (state, reason) = told(asked, status);
        assert!(state == expected && reason.contains(says), "{asked}: {state:?}: {reason}");
    }
    for sha in ["", "main", &"A".repeat(40), &"a".repeat(41)] {
        let one = json!({"apiVersion": "promoter.argoproj.io/v1alpha1", "kind": "CommitStatus", "metadata": {}, "spec": {"sha": sha, "name": "a"}});
        refuse(Format::GitopsPromoter, &one.to_string(), Fault::Malformed, "`/spec/sha`: it is no commit");
    }
}

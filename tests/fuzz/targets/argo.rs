//! The verdict on Argo CD: whatever an `Application` says, there is an answer, the same each time.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pathops_adapters::argo_verdict::{
    Application, Expected, ExpectedHook, ExpectedSource, NoHistory, RunningImages, judge, judge_with_pods,
};
use pathops_core::UnixMillis;
use pathops_fuzz::changed;

const REPO: &str = "https://git.example/shop/orders-gitops";
const GOOD: &str = "registry.example/shop/orders@sha256:1";
const COMMIT: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// What is ready.
static READY: &str = r#"{
    "metadata": {"name": "orders", "namespace": "argocd", "resourceVersion": "7", "annotations": {}},
    "spec": {"project": "shop", "destination": {"namespace": "shop"},
        "source": {"repoURL": "https://git.example/shop/orders-gitops", "path": "envs/preflight", "targetRevision": "main"}},
    "status": {
        "sync": {"status": "Synced", "revision": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "comparedTo": {"destination": {"namespace": "shop"},
            "source": {"repoURL": "https://git.example/shop/orders-gitops", "path": "envs/preflight", "targetRevision": "main"}}},
        "health": {"status": "Healthy", "lastTransitionTime": "2026-11-22T12:00:11Z"}, "reconciledAt": "2026-11-22T12:00:20Z",
        "operationState": {"phase": "Succeeded", "startedAt": "2026-11-22T12:00:08Z", "finishedAt": "2026-11-22T12:00:10Z",
            "operation": {"sync": {"revision": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}},
            "syncResult": {"revision": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "source": {"repoURL": "https://git.example/shop/orders-gitops", "path": "envs/preflight", "targetRevision": "main"},
                "resources": [{"kind": "Job", "name": "smoke", "hookType": "PostSync", "hookPhase": "Succeeded"}]}},
        "resources": [{"kind": "Deployment", "name": "app", "status": "Synced"}],
        "summary": {"images": ["registry.example/shop/orders@sha256:1"]}
    }
}"#;

/// What is expected, since when.
static EXPECTED: LazyLock<[Expected; 2]> = LazyLock::new(|| {
    ["2026-11-22T12:00:05Z", "2026-11-22T12:00:15Z"].map(|since| {
        let source = ExpectedSource::git(REPO, "envs/preflight", COMMIT.parse().expect("a commit"));
        let expected = Expected::new(source, since.parse().expect("an instant")).image(GOOD.parse().expect("an image"));
        expected.hook(ExpectedHook::Named("smoke".to_owned()))
    })
});

static NOW: LazyLock<UnixMillis> = LazyLock::new(|| "2026-11-22T12:01:00Z".parse().expect("an instant"));

fuzz_target!(|bytes: &[u8]| {
    // As it comes, and as a list of changes of what is ready, so that what is behind the first steps is reached.
    for json in [bytes.to_vec(), changed(READY.as_bytes(), bytes)] {
        let Ok(application) = Application::from_json(&json) else { continue };
        let [expected, later] = &*EXPECTED;
        let verdict = judge(expected, &application, &NoHistory, *NOW);
        assert_eq!(verdict, judge(expected, &application, &NoHistory, *NOW));
        let _ = (verdict.to_string(), serde_json::to_string(&verdict));
        // What was seen after a later request was seen after an earlier one.
        assert!(verdict.is_ready() || !judge(later, &application, &NoHistory, *NOW).is_ready());
        // Where the right pods run, what was ready is; where none runs, nothing is.
        let with = |running: &RunningImages| judge_with_pods(expected, &application, running, &NoHistory, *NOW);
        assert!(!verdict.is_ready() || with(&RunningImages::new([GOOD])).is_ready());
        assert!(!with(&RunningImages::default()).is_ready());
    }
});

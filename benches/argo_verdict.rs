//! What a verdict on Argo CD costs: `cargo bench -p pathops-benches --bench argo_verdict`, or with `-- --test` few rounds, to see that
//! it works.
//!
//! The states of `examples/argo_verdict/states.json`, each judged over and over, in verdicts a second of the process' CPU clock.
//! Reading the JSON, which is the bound on what can be judged as it comes, is in the same table and is no part of the verdict.
//! It fails below [`LIMIT`]; with `--test` it does not look.
#![expect(clippy::print_stdout, clippy::expect_used, clippy::indexing_slicing, reason = "a program that prints a table")]

use std::hint::black_box;
use std::time::Duration;

use pathops_adapters::argo_verdict::{Application, Expected, ExpectedHook, ExpectedSource, NoHistory, Verdict, judge};
use pathops_benches::cpu_time;
use pathops_core::UnixMillis;
use serde_json::Value;

/// Verdicts a second at the least.
const LIMIT: f64 = 1e6;

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let rounds = if test { 1_000 } else { 2_000_000 };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/argo_verdict/states.json");
    let states: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect("the states")).expect("JSON");
    for state in &states {
        let json = serde_json::to_vec(&state["application"]).expect("JSON");
        let application = Application::from_json(&json).expect("an application");
        let (expected, now) = (expected(state), instant(&state["now"]));
        let verdict = judge(&expected, &application, &NoHistory, now);
        let speed = per_second(rounds, || judge(black_box(&expected), black_box(&application), &NoHistory, now));
        let read = per_second(rounds / 20, || Application::from_json(black_box(&json)));
        let name = state["id"].as_str().unwrap_or_default();
        println!("{name:<14} {:>10.0} verdicts/s   read {read:>9.0}/s   {verdict}", speed);
        assert_eq!(verdict == Verdict::Ready, name == "live");
        assert!(test || speed >= LIMIT, "{speed:.0} verdicts a second, and the limit is {LIMIT:.0}");
    }
}

fn expected(state: &Value) -> Expected {
    let source = &state["expected"]["sources"][0];
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let commit = text(&source["commit"]).parse().expect("a commit");
    let git = ExpectedSource::git(text(&source["repoURL"]), text(&source["path"]), commit);
    let image = text(&state["expected"]["images"][0]).parse().expect("an image");
    let hook = ExpectedHook::Type("PostSync".to_owned());
    Expected::new(git, instant(&state["refresh_requested_at"])).image(image).hook(hook).settle(Duration::from_secs(5))
}

fn instant(value: &Value) -> UnixMillis {
    value.as_str().and_then(|text| text.parse().ok()).expect("an instant")
}

fn per_second<T>(rounds: u32, work: impl Fn() -> T) -> f64 {
    let begin = cpu_time();
    for _ in 0..rounds {
        black_box(work());
    }
    f64::from(rounds) / (cpu_time() - begin).as_secs_f64()
}

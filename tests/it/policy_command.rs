//! The policy command, end to end: what it answers, and with which code.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Features, ROOT, linked};

const AT: &str = "2026-11-20T12:00:00Z";
/// How deep nobody needs to nest.
const DEEP: usize = 200_000;

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| linked("policy", Features::Plain))
}

/// A run that has ended: code, answer, and what went wrong.
#[derive(Debug)]
struct Run(Option<i32>, String, String);

/// Runs the command in the folder of its example files.
fn run(arguments: &[&str]) -> Run {
    run_of(program(), arguments)
}

fn run_of(program: &Path, arguments: &[&str]) -> Run {
    let folder = Path::new(ROOT).join("examples/policy");
    let output = Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run(output.status.code(), text(output.stdout), text(output.stderr))
}

impl Run {
    /// It ends with this code, and its answer begins so.
    #[track_caller]
    fn answers(&self, code: i32, text: &str) -> &Self {
        assert!(self.0 == Some(code) && self.2.is_empty(), "{self:?}");
        assert!(self.1.starts_with(text), "{}\nshould begin with {text}", self.1);
        self
    }

    /// It refuses its input, and says what is wrong with it.
    #[track_caller]
    fn is_unusable(&self, why: &str) {
        assert!(self.0 == Some(2) && self.1.is_empty(), "{self:?}");
        assert!(self.2.contains(why) && !self.2.contains("panicked"), "{}\nshould hold {why}", self.2);
    }
}

fn evaluate(more: &[&str]) -> Run {
    run(&[&["evaluate", "--at", AT], more].concat())
}

/// A folder with files in it.
fn files(all: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in all {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("examples/policy").join(name)).unwrap()
}

fn within(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn what_passes_is_promoted_and_what_does_not_is_blocked() {
    evaluate(&["--policy", "policy.yaml", "--facts", "facts.json"]).answers(0, "orders may go to production\n");
    let blocked = evaluate(&["--policy", "policy.yaml", "--facts", "blocked.json"]);
    blocked.answers(4, "orders may not go to production: no-critical-finding, approval\n");
    // Nothing is promoted before there is a pull request that people have approved.
    let first = files(&[("facts.yaml", &{
        let mut facts: Value = serde_json::from_str(&example("facts.json")).unwrap();
        facts["readings"]["proposal"] = Value::Null;
        facts.to_string()
    })]);
    let first = evaluate(&["--policy", "policy.yaml", "--facts", &within(&first, "facts.yaml")]);
    first.answers(4, "orders may go to production once its pull request is approved\n");
}

#[test]
fn a_lower_layer_tightens() {
    let layer = files(&[(
        "orders.yaml",
        "apiVersion: pathops.dev/v1alpha1\nkind: Policy\nmetadata: {name: orders}\nspec:\n  layer: {unit: orders}\n  requirements:\n    - {id: preflight-health, reason: r, asks: {health: {settledSeconds: 3600, accept: {maxAgeSeconds: 86400}}}}\n",
    )]);
    let both = ["--policy", "policy.yaml", "--policy", &within(&layer, "orders.yaml"), "--facts", "facts.json"];
    evaluate(&both).answers(4, "orders may not go to production yet: preflight-health\n");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let json = || evaluate(&["--policy", "policy.yaml", "--facts", "facts.json", "--json"]);
    let (one, other) = (json(), json());
    one.answers(0, "{\n");
    assert_eq!(one.1, other.1);
    let (decision, recorded): (Value, Value) =
        (serde_json::from_str(&one.1).unwrap(), serde_json::from_str(&example("decision.json")).unwrap());
    assert_eq!(decision, recorded["decision"]);
}

#[test]
fn a_recorded_decision_is_replayed() {
    run(&["replay", "decision.json"]).answers(0, "the same, in every field: orders may go to production\n");
    let folder = files(&[]);
    let record = within(&folder, "record.json");
    evaluate(&["--policy", "policy.yaml", "--facts", "facts.json", "--record", &record]).answers(0, "");
    assert_eq!(fs::read_to_string(&record).unwrap(), example("decision.json"));
    for (from, to, answer) in [
        ("8 passed", "9 passed", "it was recorded as\n"),
        ("\"settledMillis\": 600000", "\"settledMillis\": 600001", "the decision was made of another set of facts: "),
        ("\"minPassed\": 1", "\"minPassed\": 2", "the decision was made of another policy: "),
    ] {
        fs::write(&record, example("decision.json").replace(from, to)).unwrap();
        run(&["replay", &record]).answers(1, answer);
    }
    for (from, to, why) in [
        ("\"format\": 1", "\"format\": 7", "the record has the format 7"),
        ("\"format\": 1", "\"formt\": 1", "this is no decision record: unknown field `formt`"),
        ("{", "", "this is no decision record"),
    ] {
        fs::write(&record, example("decision.json").replacen(from, to, 1)).unwrap();
        run(&["replay", &record]).is_unusable(why);
    }
}

#[test]
fn another_policy_is_held_against_the_past() {
    let other =
        files(&[("other.yaml", &example("policy.yaml").replace("settledSeconds: 60", "settledSeconds: 900")), ("none", "\n")]);
    let other = |name: &str| within(&other, name);
    run(&["diff", "policy.yaml", "policy.yaml", "history.jsonl"]).answers(0, "0 of 3 decisions differ\n");
    let differs = run(&["diff", "policy.yaml", &other("other.yaml"), "history.jsonl"]);
    differs.answers(1, "1. orders at 2026-11-20T12:00:00Z: pass, and unknown under the other\n  preflight-health: pass (");
    assert!(differs.1.ends_with("2 of 3 decisions differ\n"), "{differs:?}");
    run(&["diff", "policy.yaml", "policy.yaml", &other("none")]).is_unusable("holds no decision");
    run(&["diff", "policy.yaml", "policy.yaml", "policy.yaml"]).is_unusable("policy.yaml:1: this line is not JSON");
}

#[test]
fn a_requirement_is_explained() {
    let explain = |id| run(&["explain", "--policy", "policy.yaml", "--facts", "blocked.json", "--at", AT, id]);
    let one = explain("no-critical-finding");
    one.answers(0, "no-critical-finding: What is known to be open to attack stays in preflight. (the project's policy)\n  FAIL");
    assert!(one.1.contains("cccccccccccc of 2026-11-20T11:10:00Z: it decided\n"), "{one:?}");
    explain("covered").answers(0, "covered: what the rules do not cover is refused (what is built in)\n  pass");
    explain("christmas").is_unusable("nothing called `christmas` is asked of orders here, but covered,");
    explain("Christmas").is_unusable("is not a requirement id");
}

#[test]
fn the_sample_project_is_sound_and_its_cases_pass() {
    let lint = |more: &[&str]| run(&[&["lint", "../shop/meta", "--at", AT, "--build-suite", "unit"], more].concat());
    lint(&[]).answers(0, "nothing to mend\nnot looked at: whether those whose evidence counts are trusted by the host\n");
    let tests = "ci=https://in-toto.io/attestation/test-result/v0.1";
    let all = lint(&["--producer", "ci", "--makes", tests]);
    all.answers(0, "nothing to mend\nnot looked at: whether opaque changes, or changes by agents, will ever come\n");
    let test = run(&["test", "../shop/meta"]);
    test.answers(0, "policy-tests/orders.yaml\n  pass    ");
    assert!(test.1.ends_with(" 0 failed\n"), "{test:?}");
}

/// A copy of the sample project's meta repository, with a text in its policy replaced.
fn shop(from: &str, to: &str) -> TempDir {
    let meta = Path::new(ROOT).join("examples/shop/meta");
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-R").arg(meta.join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    let policy = copy.path().join("policy.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(policy, text.replace(from, to)).unwrap();
    copy
}

#[test]
fn what_is_wrong_with_a_project_is_told_with_its_place() {
    let lint = |dir: &TempDir| run(&["lint", dir.path().to_str().unwrap(), "--at", AT]);
    let note = lint(&shop("suite: smoke", "suite: load"));
    note.answers(1, "policy.yaml:");
    assert!(
        note.1.contains(": error: `preflight-smoke` asks for the job `load`, which is none of the unit's `checks`"),
        "{note:?}"
    );
    // A warning is no error.
    let note = lint(&shop("covers: {kind: app}", "covers: {kind: app, classes: [web]}"));
    note.answers(0, "policy.yaml:");
    assert!(note.1.contains(": warning: `unit-tests` covers the class `web`"), "{note:?}");
    // What the loader finds comes first.
    let note = lint(&shop("suite: smoke", "sweet: load"));
    note.answers(1, "policy.yaml:");
    assert!(note.1.contains(": there is no field `sweet` here") && !note.1.contains("error: "), "{note:?}");
    let tests = "ci=https://in-toto.io/attestation/test-result/v0.1";
    for (makes, code) in [(tests, 0), ("ci=https://cyclonedx.org/bom", 1)] {
        let answer = run(&["lint", "../shop/meta", "--at", AT, "--makes", makes]);
        let told = answer.1.contains("asks for results of tests, which nobody makes whose word counts");
        assert_eq!((answer.0, told), (Some(code), code == 1), "{makes}: {}", answer.1);
    }
    run(&["lint", "../shop/meta", "--makes", "ci"]).is_unusable("there is no `=` in it");
    run(&["lint", "nowhere"]).is_unusable("nowhere cannot be read");
}

#[test]
fn a_case_that_fails_is_told() {
    let dir = shop("minPassed: 1", "minPassed: 9");
    let test = run(&["test", dir.path().to_str().unwrap()]);
    test.answers(1, "policy-tests/orders.yaml\n  FAIL    what was tested, ran in preflight and is approved goes to production\n    the decision: expected pass, got unknown\n");
    assert!(test.1.contains("unit-tests: expected pass, got unknown\n"), "{test:?}");
    fs::write(dir.path().join("policy-tests/store.yaml"), "kind: PolicyTest\n").unwrap();
    run(&["test", dir.path().to_str().unwrap()]).is_unusable("policy-tests/store.yaml:1: `apiVersion` is missing");
    fs::remove_dir_all(dir.path().join("policy-tests")).unwrap();
    run(&["test", dir.path().to_str().unwrap()]).is_unusable("there is no case in");
}

#[test]
fn input_that_cannot_be_used_is_refused_with_its_place() {
    let (brackets, braces) = ("[".repeat(DEEP), "{\"a\":".repeat(DEEP));
    let folder = files(&[
        ("broken.yaml", "spec:\n  a: [1\n  b: 2\n"),
        ("broken.json", "{\n  \"readings\": nonsense\n}\n"),
        ("deep.json", &brackets),
        ("deep.yaml", &brackets),
        ("deeper.json", &braces),
        ("unknown.json", &example("facts.json").replace("\"wayBack\"", "\"wayback\"")),
        ("unknown.yaml", &example("policy.yaml").replace("covers:", "cover:")),
        ("version.yaml", &example("policy.yaml").replace("v1alpha1", "v9")),
        ("empty.yaml", ""),
        ("bytes.yaml", "\u{0}"),
    ]);
    let path = |name: &str| within(&folder, name);
    for (facts, why) in [
        ("nothing.json", "nothing.json cannot be read"),
        ("broken.yaml", "broken.yaml:"),
        ("broken.json", "broken.json:2: this is not JSON"),
        ("deep.json", "recursion limit"),
        ("deep.yaml", "recursion limit"),
        ("deeper.json", "recursion limit"),
        ("unknown.json", "there is no field `wayback` here; did you mean `wayBack`?"),
        ("empty.yaml", "expected a mapping"),
        ("bytes.yaml", "bytes.yaml"),
    ] {
        evaluate(&["--policy", "policy.yaml", "--facts", &path(facts)]).is_unusable(why);
    }
    for (policy, why) in [
        ("nothing.yaml", "nothing.yaml cannot be read"),
        ("broken.yaml", "broken.yaml:"),
        ("deep.yaml", "recursion limit"),
        ("unknown.yaml", "unknown.yaml:9: there is no field `cover` here; did you mean `covers`?"),
        ("version.yaml", "version.yaml:2: `apiVersion` cannot be read"),
        ("empty.yaml", "empty.yaml"),
    ] {
        evaluate(&["--policy", &path(policy), "--facts", "facts.json"]).is_unusable(why);
    }
    let people = "../shop/meta/people.yaml";
    evaluate(&["--policy", people, "--facts", "facts.json"]).is_unusable("people.yaml:2: this is of the kind People");
    let twice = ["--policy", "policy.yaml", "--policy", "policy.yaml", "--facts", "facts.json"];
    evaluate(&twice).is_unusable("the project's policy is there twice");
    evaluate(&["--policy", "policy.yaml", "--facts", "facts.json", "--record", &path("no/record")])
        .is_unusable("cannot be written");
    run(&["evaluate", "--policy", "policy.yaml", "--facts", "facts.json", "--at", "noon"])
        .is_unusable("`noon` is not an instant");
    run(&["judge"]).is_unusable("unrecognized subcommand");
}

/// One condition, that somebody has approved it, in two languages.
const CONDITIONS: [(&str, &str); 2] = [
    ("cedar", "@reason(\"somebody looked\") permit (principal, action, resource) when { context.approvals >= 1 };"),
    ("rego", "package pathops.condition\ndefault allow := false\nallow if input.approvals >= 1"),
];

fn condition(language: &str, text: &str) -> TempDir {
    let asks = serde_json::json!({"condition": {"language": language, "text": text}});
    let layer = serde_json::json!({
        "apiVersion": "pathops.dev/v1alpha1",
        "kind": "Policy",
        "metadata": {"name": "orders"},
        "spec": {"layer": {"unit": "orders"}, "requirements": [{"id": "looked-at", "reason": "r", "asks": asks}]},
    });
    files(&[("layer.yaml", &layer.to_string())])
}

#[test]
fn a_language_that_is_not_built_in_is_asked_for_by_a_command() {
    for (language, text) in CONDITIONS {
        let folder = condition(language, text);
        let why = format!("built without {language}; run `cargo run --example policy --features {language} -- …`");
        evaluate(&["--policy", "policy.yaml", "--policy", &within(&folder, "layer.yaml"), "--facts", "facts.json"])
            .is_unusable(&why);
    }
}

#[test]
fn a_language_that_is_built_in_decides_and_is_replayed() {
    let with = linked("policy", Features::All);
    let over = |path: &str, facts: &str, more: &[&str]| {
        let over = ["evaluate", "--at", AT, "--policy", "policy.yaml", "--policy", path, "--facts", facts];
        run_of(&with, &[&over, more].concat())
    };
    for (language, text) in CONDITIONS {
        let folder = condition(language, text);
        let (path, record) = (within(&folder, "layer.yaml"), within(&folder, "record.json"));
        over(&path, "facts.json", &["--record", &record]).answers(0, "orders may go to production\n");
        over(&path, "blocked.json", &[]).answers(4, "orders may not go to production: ");
        run_of(&with, &["replay", &record]).answers(0, "the same, in every field: ");
        let written: Value = serde_json::from_str(&fs::read_to_string(&record).unwrap()).unwrap();
        assert!(written["decision"]["engines"][language].is_string(), "{language}: {}", written["decision"]);
        run(&["replay", &record]).is_unusable(&format!("built without {language}"));
    }
}

#[test]
fn help_is_no_mistake() {
    run(&["--help"]).answers(0, "Looks into a promotion policy.");
    assert!(run(&["--help"]).1.contains("--features cedar,rego"));
    run(&["evaluate", "--help"]).answers(0, "Decides over facts.");
}

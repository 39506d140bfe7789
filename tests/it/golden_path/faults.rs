//! Things that go wrong in an app: each ends in a clear account, everything is put back, and nothing is left open.
#![expect(clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::example::{Example, Run, command, files, skip_outside_ci};
use super::project::SmallProject;

/// Carries out the request; the change must be refused for a reason that holds `why`, and nothing of it may be left.
#[track_caller]
fn refused(project: &SmallProject, arguments: &[&str], why: &[&str]) -> (Example, Run) {
    let mut example = Example::of(project.path(), arguments);
    let run = example.run();
    run.assert_held();
    let change_set = change_set(&run);
    assert_eq!(change_set["end"], "recovered", "{}", run.account);
    for text in why {
        assert!(change_set["failure"]["reason"].as_str().unwrap().contains(text), "{text:?}: {}", change_set["failure"]);
    }
    let app = &change_set["units"]["app"];
    assert!(app["snapshots"].as_u64().unwrap() >= 1, "{change_set:#}");
    assert_eq!(app["notPromotable"].is_null(), app["artifact"].is_null(), "what was built is not promotable: {change_set:#}");
    nothing_left(&example);
    (example, run)
}

fn change_set(run: &Run) -> Value {
    run.summary()["changeSets"][0].clone()
}

#[track_caller]
fn nothing_left(example: &Example) {
    let open: Vec<Value> = example.pull_requests().into_iter().filter(|it| it["state"] == "open").collect();
    assert!(open.is_empty(), "{open:#?}");
    let now = example.git("app-gitops", &["ls-tree", "-r", "preflight", "environments/preflight"]);
    let first = example.git("app-gitops", &["rev-list", "--max-parents=0", "preflight"]);
    let before = example.git("app-gitops", &["ls-tree", "-r", first.trim(), "environments/preflight"]);
    assert_eq!(now, before, "preflight asks for what it asked for before");
    assert_eq!(example.git("app-gitops", &["rev-list", "--count", "production"]).trim(), "1");
    example.assert_none_left();
}

#[test]
fn a_script_that_fails() {
    let project = SmallProject::new("feature");
    project.ci("echo the tests are red; exit 7\n");
    let (example, _) = refused(&project, &[], &["ci/run ended with code 7"]);
    assert_eq!(example.git("app-src", &["rev-list", "--count", "main"]).trim(), "1");
}

#[test]
fn a_script_that_hangs_is_stopped() {
    let project = SmallProject::new("feature");
    project.ci("sleep 600 & sleep 600\n");
    refused(&project, &["--ci-limit", "2"], &["ci/run was stopped after 2 s"]);
}

#[test]
fn a_script_that_leaves_a_process_behind_goes_on_without_it() {
    let project = SmallProject::new("feature");
    // It has its own name only once it no longer is a copy of the shell.
    project.ci("sleep 600 >/dev/null 2>&1 &\nsleep 1\n");
    let mut example = Example::of(project.path(), &[]);
    let run = example.run();
    run.assert_held();
    assert_eq!(change_set(&run)["end"], "live", "{}", run.account);
    assert!(run.account.contains("left processes behind, which were killed"), "{}", run.account);
    let id = change_set(&run)["id"].as_str().unwrap().to_owned();
    let record = example.git("meta", &["show", &format!("main:change-sets/{id}/status.json")]);
    assert!(record.contains("app: the script left processes behind, which were killed: sleep"), "{record}");
    example.assert_none_left();
}

/// What may be kept of a run whose script prints hundreds of megabytes, and what of it may be in memory at once.
const KEPT_BYTES: u64 = 16_000_000;
const PEAK_BYTES: u64 = 150_000_000;

/// Has CI print 400 MB as fast as it can, with a last word that names the end.
fn flooding(last_words: &str) -> SmallProject {
    let project = SmallProject::new("feature");
    project.ci(&format!("head -c 400000000 /dev/zero | tr '\\0' x\n{last_words}\n"));
    project
}

#[test]
fn a_script_that_floods_its_output_is_built_from_and_the_flood_is_not_kept() {
    let project = flooding("echo the end of the flood");
    let mut example = Example::of(project.path(), &["--keep"]);
    let mut running = example.start();
    assert!(running.until("the apps keep running"), "{}", running.end().account);
    let Some(peak) = running.peak_memory() else { return skip_outside_ci("the system does not say how much memory it takes") };
    assert!(peak < PEAK_BYTES, "{peak} bytes of memory");
    running.signal(Signal::INT);
    let run = running.end();
    run.assert_held();
    assert_eq!(change_set(&run)["end"], "live", "{}", run.account);
    assert!(run.account.contains("the output was too long"), "{}", run.account);
    bounded(&example, &run);
    example.assert_none_left();
}

#[test]
fn a_script_that_floods_its_output_and_fails_is_refused_for_its_failure() {
    let (example, run) = refused(&flooding("exit 7"), &[], &["ci/run ended with code 7"]);
    assert!(!run.account.contains("panicked"), "{}", run.account);
    bounded(&example, &run);
}

#[test]
fn a_report_that_is_a_flood_is_not_taken_and_nothing_passes_without_one() {
    let project = SmallProject::new("feature");
    project.ci("head -c 400000000 /dev/zero >\"$PATHOPS_OUT/junit.xml\"\n");
    let (example, run) = refused(&project, &[], &["unit-tests"]);
    assert!(run.account.contains("`junit.xml` is larger than the limit"), "{}", run.account);
    bounded(&example, &run);
}

/// Neither what is kept nor the account has grown with the flood.
#[track_caller]
fn bounded(example: &Example, run: &Run) {
    let kept: u64 = files(&example.state).iter().map(|file| file.symlink_metadata().unwrap().len()).sum();
    assert!(kept < KEPT_BYTES, "{kept} bytes are kept");
    assert!(run.account.len() < 20_000, "{} bytes are told", run.account.len());
}

#[test]
fn an_app_that_starts_and_dies() {
    let project = SmallProject::new("dies there is no licence");
    refused(&project, &[], &["the process ended with exit status 3", "cannot go on: there is no licence"]);
}

#[test]
fn an_app_that_is_healthy_and_does_not_work() {
    let project = SmallProject::new("broken");
    let (_, run) = refused(&project, &[], &["smoke", "expected status 200, got 500"]);
    assert!(run.account.contains("preflight-smoke"), "the decision names the requirement: {}", run.account);
}

/// What was live before is live again, by way of a pull request of its own that a person has merged.
#[test]
fn an_app_that_works_in_preflight_and_not_in_production() {
    let project = SmallProject::new("feature");
    project.breaking_in_production("late").request("late", &["app"], "feature", "feature", "feature that comes late");
    let mut example = Example::of(project.path(), &[]);
    let run = example.run();
    run.assert_held();
    let summary = run.summary();
    assert_eq!((&summary["changeSets"][0]["end"], &summary["changeSets"][1]["end"]), (&json!("live"), &json!("recovered")));
    let failure = &summary["changeSets"][1]["failure"];
    assert_eq!(failure["stage"], "production-deploy", "{failure}");
    assert!(failure["reason"].as_str().unwrap().contains("expected status 200, got 500"), "{failure}");
    assert!(run.account.contains("live and healthy in production"), "{}", run.account);

    let restore = summary["changeSets"][1]["units"]["app"]["pullRequests"]["production-recovery"].as_str().unwrap();
    let merge = example.git("app-gitops", &["log", "-1", "--format=%B", "production"]);
    assert!(merge.contains("Restore app in production") && merge.contains("Merged-by: bob"), "{merge}");
    let page = fs::read_to_string(summary["report"].as_str().unwrap()).unwrap().replace("&#x2f;", "/");
    assert!(page.contains("This change had reached production with app"));
    let way_back = page.split("The way back").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(way_back.contains(&format!(">{restore}</a>")), "{way_back}");

    // Begun with nothing, then the first release, the late one, and back.
    assert_eq!(example.git("app-gitops", &["rev-list", "--count", "--first-parent", "production"]).trim(), "4");
    let tree = |commit: &str| example.git("app-gitops", &["rev-parse", &format!("{commit}:environments/production")]);
    assert_eq!(tree("production"), tree("production~2"), "production asks for what it asked for before");
    assert_ne!(tree("production"), tree("production~1"));
    nothing_open(&example);
    example.assert_none_left();
}

#[test]
fn a_declared_port_that_somebody_else_has() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let project = SmallProject::new("feature");
    project.preflight(&format!("port: {port}"));
    refused(&project, &[], &[&format!("port {port} is taken by another process"), "settings.yaml"]);
}

#[test]
fn an_agent_does_not_publish_a_secret() {
    let project = SmallProject::new(&format!("feature {TOKEN}"));
    refused(&project, &[], &["`feature` holds a secret"]);
}

#[test]
fn a_patch_that_does_not_fit() {
    let project = SmallProject::new("feature");
    project.request("change", &["app"], "feature", "something else", "feature");
    refused(&project, &[], &["feature"]);
}

#[test]
fn a_change_of_the_pipeline_takes_an_approval_of_it() {
    let project = SmallProject::new("feature");
    project.request("change-the-pipeline", &["app"], "ci/run", "#!/bin/sh", "#!/bin/sh -e");
    let mut example = Example::of(project.path(), &["--request", "change-the-pipeline"]);
    let run = example.run();
    assert!(run.account.contains("the changed pipeline was approved by bob"), "{}", run.account);
    nothing_open(&example);
}

#[track_caller]
fn nothing_open(example: &Example) {
    let open: Vec<Value> = example.pull_requests().into_iter().filter(|it| it["state"] == "open").collect();
    assert!(open.is_empty(), "{open:#?}");
}

/// A token that looks like one of a Git host, and is none.
const TOKEN: &str = concat!("ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a");

#[test]
fn a_secret_that_ci_prints_is_kept_nowhere() {
    let project = SmallProject::new("feature");
    project.ci(&format!("echo the token is {TOKEN}\nprintf '<testsuite name=\"unit\"><testcase name=\"{TOKEN}\"/></testsuite>' >\"$PATHOPS_OUT/junit.xml\"\n"));
    let mut example = Example::of(project.path(), &[]);
    let run = example.run();
    run.assert_held();
    assert_eq!(change_set(&run)["end"], "live", "{}", run.account);
    kept_nowhere(&example, &run);
}

#[test]
fn a_secret_that_an_app_prints_as_it_dies_is_kept_nowhere() {
    // In two parts, since nothing that looks like a token gets into a repository by way of an agent.
    let project = SmallProject::new(&format!("dies of {}", TOKEN.replacen('_', "_|", 1)));
    let (example, run) = refused(&project, &[], &["cannot go on"]);
    kept_nowhere(&example, &run);
}

/// Looks into every file of the state, but for the app itself: its repository and what was built from it.
#[track_caller]
fn kept_nowhere(example: &Example, run: &Run) {
    let own = |file: &Path| {
        let own = [example.state.join("forge/small/app-src.git"), example.state.join("machine/artifacts")];
        own.iter().any(|folder| file.starts_with(folder))
    };
    let holds = |text: &[u8]| text.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes());
    let mut places: Vec<String> = Vec::new();
    for file in files(&example.state).into_iter().filter(|file| !own(file)) {
        let bytes = fs::read(&file).unwrap();
        if holds(&bytes) {
            places.push(file.strip_prefix(&example.state).unwrap().display().to_string());
        }
    }
    for (name, path) in example.repositories().into_iter().filter(|(name, _)| name != "app-src") {
        let mut git = std::process::Command::new("git");
        git.arg("-C").arg(&path).args(["cat-file", "--batch", "--batch-all-objects", "--unordered"]);
        if holds(&git.output().unwrap().stdout)
            || command(std::process::Command::new("git").arg("-C").arg(&path).args(["log", "--all"])).contains(TOKEN)
        {
            places.push(format!("an object of {name}"));
        }
    }
    if holds(run.account.as_bytes()) || holds(run.output.as_bytes()) {
        places.push("what the example says".to_owned());
    }
    assert!(places.is_empty(), "the secret is in {places:#?}");
}

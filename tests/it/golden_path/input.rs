//! Mistakes in what the example is given: refused before anything is done, and told with their place.

use std::fs;
use std::process::Command;

use super::example::{Example, command};
use super::project::SmallProject;

/// Runs the example; it must refuse, say all of `texts`, and leave no state behind.
#[track_caller]
fn refused_at_once(mut example: Example, texts: &[&str]) {
    example.run().assert_refused(texts);
    assert!(!example.state.exists(), "there is nothing to go on from");
}

fn refused_project(project: &SmallProject, texts: &[&str]) {
    refused_at_once(Example::of(project.path(), &[]), texts);
}

#[test]
fn a_folder_that_is_no_project() {
    let folder = tempfile::tempdir().unwrap();
    refused_at_once(Example::of(folder.path(), &[]), &["has no folder `meta`", "README.md"]);
    refused_at_once(Example::of(&folder.path().join("nowhere"), &[]), &["nowhere is no folder", "README.md"]);
}

#[test]
fn a_state_that_is_a_file_is_left_alone() {
    let project = SmallProject::new("feature");
    for name in ["notes", "notes/below"] {
        let mut example = Example::in_folder("notes", &["--project", project.path().to_str().unwrap()]);
        fs::write(&example.state, "mine").unwrap();
        let file = example.state.clone();
        example.state.set_file_name(name);
        example.run().assert_refused(&[example.state.to_str().unwrap(), "is no folder", "--state"]);
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    }
}

#[test]
fn arguments_that_there_are_not() {
    for (arguments, why) in [
        (["--frobnicate"].as_slice(), "unexpected argument '--frobnicate'"),
        (&["--ci-limit", "0"], "0 is not in 1.."),
        (&["--ci-limit", "soon"], "invalid value 'soon'"),
    ] {
        let mut example = Example::new(arguments);
        let run = example.run();
        assert!(run.code == Some(2) && run.account.contains(why) && run.account.contains("--help"), "{}", run.account);
        assert!(!example.state.exists());
    }
}

#[test]
fn broken_yaml_is_named_with_its_line() {
    let project = SmallProject::new("feature");
    project.write("meta/apps/app.yaml", "apiVersion: pathops.dev/v1alpha1\nkind: App\nmetadata: {name: app\nspec: {}\n");
    refused_project(&project, &["apps/app.yaml:"]);
}

#[test]
fn a_reference_to_nothing_is_named_with_the_nearest() {
    let project = SmallProject::new("feature");
    let app = fs::read_to_string(project.join("meta/apps/app.yaml")).unwrap();
    project
        .write("meta/apps/app.yaml", &app.replace("checks:", "dependsOn: [ap], checks:").replace("owner: alice", "owner: alica"));
    refused_project(&project, &["apps/app.yaml:4", "`ap`", "`alica`", "`alice`"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let project = SmallProject::new("feature");
    let read = |file: &str| fs::read_to_string(project.join(file)).unwrap();
    project.write("meta/apps/app.yaml", &read("meta/apps/app.yaml").replace("rollback: revert", "rolback: revert"));
    project.write("meta/policy.yaml", &read("meta/policy.yaml").replace("minPassed", "minPased"));
    project.write("meta/requests/change.yaml", &read("meta/requests/change.yaml").replace("unit: app", "unit: ap"));
    let texts = ["apps/app.yaml:4", "rolback", "policy.yaml:7", "minPased", "requests/change.yaml:4", "`ap`"];
    refused_project(&project, &texts);
}

#[test]
fn repositories_that_are_missing_are_all_named() {
    let project = SmallProject::new("feature");
    for name in ["app-src", "app-gitops"] {
        fs::remove_dir_all(project.join(name)).unwrap();
    }
    refused_project(&project, &["small/app-src", "small/app-gitops", "there is no folder"]);
}

/// Otherwise nothing would be declared, and the deployment would be waited for.
#[test]
fn folders_that_are_no_branch_are_named() {
    let project = SmallProject::new("feature");
    project.write("app-gitops/environments/preflight/deployment.yaml", "");
    refused_project(&project, &["app-gitops/environments is no branch", "preflight, production"]);
}

#[test]
fn a_request_that_is_not_there_is_named_with_the_nearest() {
    let project = SmallProject::new("feature");
    let example = Example::of(project.path(), &["--request", "chnge", "--request", "other"]);
    refused_at_once(example, &["`chnge`", "`change`", "`other`"]);
}

#[test]
fn a_project_without_a_request() {
    let project = SmallProject::new("feature");
    fs::remove_dir_all(project.join("meta/requests")).unwrap();
    refused_project(&project, &["no feature request", "meta/requests/"]);
}

/// What is not committed would silently not be built.
#[test]
fn a_git_repository_with_changes_is_refused_until_they_are_committed() {
    let project = SmallProject::new("feature");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=alice", "-c", "user.email=alice@localhost"];
        command(Command::new("git").arg("-C").arg(project.join("app-src")).args(identity).args(arguments));
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "Begin"]);
    project.write("app-src/notes", "not committed");
    let mut example = Example::of(project.path(), &[]);
    example.run().assert_refused(&["small/app-src", "`notes`", "commit or remove"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "Take notes"]);
    example.run().assert_held();
    let log = example.git("app-src", &["log", "--format=%s", "main"]);
    assert!(log.contains("Take notes") && log.contains("Begin"), "the history is kept: {log}");
}

/// Nobody approves a change of their own: it is said, rather than waited for.
#[test]
fn a_project_with_nobody_to_approve() {
    let project = SmallProject::new("feature");
    let people = fs::read_to_string(project.join("meta/people.yaml")).unwrap();
    let alone = people.replace(", {name: bob, roles: [reviewer]}", "").replace("[owner]", "[owner, reviewer]");
    project.write("meta/people.yaml", &alone);
    let mut example = Example::of(project.path(), &[]);
    example.run().assert_refused(&["only alice could", "people.yaml"]);
    example.assert_none_left();
}

#[test]
fn a_state_of_another_project_is_left_alone() {
    let (mine, other) = (SmallProject::new("feature"), SmallProject::new("feature"));
    let mut example = Example::of(mine.path(), &[]);
    let mut running = example.start();
    assert!(running.until("alice asks"));
    running.kill();
    let mut mistaken = Example::of(other.path(), &[]);
    mistaken.state.clone_from(&example.state);
    mistaken.run().assert_refused(&["unfinished run of another project", "--state"]);
    example.run().assert_held();
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let project = SmallProject::new("feature");
    for name in ["notes", "finished", "run.json"] {
        let mut example = Example::of(project.path(), &[]);
        fs::create_dir(&example.state).unwrap();
        fs::write(example.state.join(name), "mine").unwrap();
        example.run().assert_refused(&[example.state.to_str().unwrap(), "--state"]);
        assert_eq!(fs::read_to_string(example.state.join(name)).unwrap(), "mine");
    }
}

#[test]
fn two_at_a_time_do_not_share_a_state() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &["--keep"]);
    let mut running = example.start();
    assert!(running.until("the apps keep running"));
    let mut second = Example::of(project.path(), &[]);
    second.state.clone_from(&example.state);
    second.run().assert_refused(&["in use", "--state"]);
    running.signal(rustix::process::Signal::INT);
    running.end().assert_held();
    example.assert_none_left();
}

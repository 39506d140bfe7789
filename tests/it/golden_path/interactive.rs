//! A person at a terminal answers, instead of the simulated ones.

use super::example::Example;
use super::project::SmallProject;

/// At the beginning of a line this is the end of the input.
const END: &str = "\u{4}";

fn asked(project: &SmallProject, typed: &str) -> Example {
    let mut example = Example::of(project.path(), &["--interactive"]);
    example.typed = Some(typed.to_owned());
    example
}

#[test]
fn yes_to_all_takes_it_to_production() {
    let project = SmallProject::new("feature");
    let run = asked(&project, &"y\n".repeat(20)).run();
    run.assert_held();
    assert_eq!(run.summary()["changeSets"][0]["end"], "live", "{}", run.account);
    for question in
        ["approve small/app-src#1?", "merge small/app-src#1?", "approve small/app-gitops#2?", "merge small/app-gitops#2?"]
    {
        assert!(run.account.contains(&format!("bob: {question} [y/n]")), "{question:?} is not asked in:\n{}", run.account);
    }
}

#[test]
fn no_to_a_review_is_a_refusal_that_says_who() {
    let project = SmallProject::new("feature");
    let mut example = asked(&project, "n\n");
    let run = example.run();
    run.assert_held();
    let change_set = &run.summary()["changeSets"][0];
    assert_eq!(change_set["end"], "recovered", "{}", run.account);
    assert!(change_set["failure"]["reason"].as_str().unwrap().contains("closed"), "{}", change_set["failure"]);
    assert!(run.account.contains("bob does not want small/app-src#1"), "{}", run.account);
    assert_eq!(example.git("app-src", &["rev-list", "--count", "main"]).trim(), "1");
    example.assert_none_left();
}

#[test]
fn the_end_of_the_input_ends_it_and_it_goes_on_later() {
    let project = SmallProject::new("feature");
    let mut example = asked(&project, &format!("y\n{END}"));
    example.run().assert_refused(&["the input has ended before the question was answered", "start it again"]);
    example.assert_none_left();
    example.typed = Some("y\n".repeat(20));
    let run = example.run();
    run.assert_held();
    assert_eq!(run.summary()["changeSets"][0]["end"], "live", "{}", run.account);
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &["--interactive"]);
    example.run().assert_refused(&["--interactive needs a terminal to ask on"]);
    assert!(!example.state.exists(), "there is nothing to go on from");
}

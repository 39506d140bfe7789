//! JUnit: what says that a test did not pass, wherever and however it is said.

use pathops_core::evidence::TestVerdict;
use pathops_evidence::report::{Content, Fault, Format, TestReport};

use crate::{read, refuse};

fn tests(xml: &str) -> TestReport {
    let Content::Tests(tests) = read(Format::Junit, xml) else { panic!("{xml}") };
    tests
}

#[test]
fn an_element_in_a_test_that_is_not_known_is_no_success() {
    let of = |child: &str| tests(&format!("<testsuite tests='1'><testcase name='a'>{child}</testcase></testsuite>"));
    for bad in
        ["fail", "timeout", "crash", "aborted", "interrupted", "inconclusive", "blocked", "cancelled", "FAILED", "odd", "warning"]
    {
        assert_eq!(of(&format!("<{bad} message='m'/>")).failed, ["a"], "{bad}");
    }
    for skipped in ["Skipped", "skip", "notrun", "notExecuted", "ignored", "pending", "disabled", "SKIPPED"] {
        assert_eq!(of(&format!("<{skipped}/>")).skipped, ["a"], "{skipped}");
    }
    for quiet in ["properties", "property", "system-out", "System-Err", "attachments", "attachment"] {
        assert_eq!(of(&format!("<{quiet}><odd/></{quiet}>")).passed, ["a"], "{quiet}");
    }
    assert_eq!(of("<passed/>").passed, ["a"]);
    assert_eq!(of("<system-out/><FlakyFailure/>").flaky, ["a"]);
    for outside in ["aborted", "Timeout", "crash", "fail"] {
        let suite = tests(&format!("<testsuite name='s'><{outside}/><testcase name='a'/></testsuite>"));
        assert_eq!(suite.failed, ["s (suite)"], "{outside}");
    }
}

#[test]
fn a_suite_that_says_that_it_failed() {
    let of = |attributes: &str, inside: &str| {
        tests(&format!("<testsuites><testsuite name='s' {attributes}>{inside}</testsuite></testsuites>"))
    };
    let case = "<testcase name='a'/>";
    for attributes in ["status='failed'", "result='Failed'", "Result='odd'", "success='false'"] {
        assert_eq!(of(attributes, case).failed, ["s (suite)"], "{attributes}");
        assert_eq!(of(attributes, "<testcase name='a'><error/></testcase>").failed, ["a"], "{attributes}");
    }
    for attributes in ["status='passed'", "result='Completed'", "success='True'", "result=''", "status='skipped'"] {
        assert_eq!(of(attributes, case).verdict(), Some(TestVerdict::Passed), "{attributes}");
    }
    let ginkgo =
        |name: &str, value: &str| of("", &format!("<properties><property name='{name}' value='{value}'/></properties>{case}"));
    assert_eq!(ginkgo("SuiteSucceeded", "false").failed, ["s (suite)"]);
    assert_eq!(ginkgo("SuiteSucceeded", "true").verdict(), Some(TestVerdict::Passed));
    assert_eq!(ginkgo("RandomSeed", "false").verdict(), Some(TestVerdict::Passed));
    assert_eq!(tests("<testsuite><testcase name='a' success='False'/></testsuite>").failed, ["a"]);
    assert_eq!(tests("<testsuite><testcase name='a' Status='failed'/></testsuite>").failed, ["a"]);
    assert_eq!(tests("<testsuite><testcase name='a' executed='False'/></testsuite>").skipped, ["a"]);
}

#[test]
fn counters_of_failures_by_whatever_name() {
    let suite =
        |attributes: &str, inside: &str| format!("<testsuite {attributes}><testcase name='a'>{inside}</testcase></testsuite>");
    for counter in ["failed", "timeouts", "warnings", "crashed", "aborted", "interrupted"] {
        let says = format!("counts 1 in `{counter}` and lists 0");
        refuse(Format::Junit, &suite(&format!("tests='1' {counter}='1'"), ""), Fault::Inconsistent, &says);
        assert_eq!(tests(&suite(&format!("tests='1' {counter}='1'"), "<failure/>")).failed, ["a"]);
    }
    refuse(Format::Junit, &suite("Failures='1'", ""), Fault::Inconsistent, "counts 1 failures and errors and lists 0");
    refuse(Format::Junit, &suite("Tests='2'", ""), Fault::Inconsistent, "counts 2 tests and lists 1");
    refuse(Format::Junit, &suite("failures='0' FAILURES='1'", ""), Fault::Inconsistent, "counts 1 failures");
    // PHPUnit: a class without tests is a warning, and no success.
    assert_eq!(tests(&suite("tests='1' warnings='1'", "<warning type='Warning'>No tests found.</warning>")).failed, ["a"]);
}

#[test]
fn counters_that_are_no_whole_numbers() {
    let suite =
        |attributes: &str, inside: &str| format!("<testsuite {attributes}><testcase name='a'>{inside}</testcase></testsuite>");
    assert_eq!(tests(&suite("tests='' failures='' errors=' '", "")).passed, ["a"]);
    assert_eq!(tests(&suite("tests='1.0' failures='0.0'", "")).passed, ["a"]);
    refuse(Format::Junit, &suite("failures='1.0'", ""), Fault::Inconsistent, "counts 1 failures");
    for odd in ["-1", "0.5", "1.", ".0", "one"] {
        refuse(Format::Junit, &suite(&format!("skipped='{odd}'"), ""), Fault::Malformed, "no whole number");
        // Mocha: a hook that fails is no test, and makes what is left negative.
        assert_eq!(tests(&suite(&format!("tests='0' errors='1' skipped='{odd}'"), "<failure/>")).failed, ["a"]);
    }
}

#[test]
fn doctest_counts_assertions() {
    let suite = |attributes: &str, case: &str| {
        format!("<testsuites><testsuite name='t' errors='0' tests='4' timestamp='t' {attributes}>{case}</testsuite></testsuites>")
    };
    let case = "<testcase classname='t.cpp' name='adds' status='run'/>";
    let version = "doctest_version='2.4.9'";
    assert_eq!(tests(&suite(version, case)).verdict(), Some(TestVerdict::Passed));
    refuse(Format::Junit, &suite(&format!("{version} failures='1'"), case), Fault::Inconsistent, "counts 1 failures");
    let with_more = format!("{case}<properties/>");
    for (attributes, case, listed) in [
        (version, "", 0),
        ("", case, 1),
        ("doctest_version=''", case, 1),
        (version, "<testcase name='adds' status='run'/>", 1),
        (version, with_more.as_str(), 1),
    ] {
        let says = format!("counts 4 tests and lists {listed}");
        refuse(Format::Junit, &suite(attributes, case), Fault::Inconsistent, &says);
    }
}

/// Node: as `not ok 1 - a # TODO` in TAP.
#[test]
fn a_failure_that_is_still_to_do() {
    let suite = |inside: &str| format!("<testsuite tests='1' failures='1'><testcase name='a'>{inside}</testcase></testsuite>");
    let todo = "<skipped type='todo' message='true'/>";
    assert_eq!(tests(&suite(&format!("{todo}<failure/>"))).skipped, ["a"]);
    assert_eq!(tests(&suite(&format!("<failure/>{todo}"))).skipped, ["a"]);
    for failed in [
        "<skipped/><failure/>",
        "<skipped type='skip'/><failure/>",
        &format!("{todo}<failure/><error/>"),
        &format!("{todo}<odd/>"),
    ] {
        assert_eq!(tests(&suite(failed)).failed, ["a"], "{failed}");
    }
    refuse(Format::Junit, &suite(todo), Fault::Inconsistent, "counts 1 failures and errors and lists 0");
}

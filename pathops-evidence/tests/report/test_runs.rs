//! Reports of test runners.

use pathops_core::evidence::TestVerdict;
use pathops_evidence::report::{Content, Fault, Format, TestReport, recognise};

use crate::fixtures::content;
use crate::{read, refuse};

fn tests(content: Content) -> TestReport {
    let Content::Tests(tests) = content else { panic!("{content:?}") };
    tests
}

fn fixture(format: Format, name: &str) -> TestReport {
    tests(content(format, name))
}

#[test]
fn junit_of_pytest() {
    let good = fixture(Format::Junit, "good-pytest");
    assert_eq!(good.passed, ["tests.test_cart::test_total", "tests.test_cart::test_empty[a&b]"]);
    assert_eq!(good.skipped, ["tests.test_cart::test_later"]);
    assert_eq!(good.verdict(), Some(TestVerdict::Warned));
    let bad = fixture(Format::Junit, "bad-pytest");
    assert_eq!(bad.failed, ["tests.test_cart::test_tax", "tests.test_cart::test_stock"]);
    assert_eq!(bad.verdict(), Some(TestVerdict::Failed));
}

#[test]
fn junit_of_surefire_and_nextest_tells_flakes_from_failures() {
    let surefire = fixture(Format::Junit, "bad-surefire");
    assert_eq!(surefire.flaky, ["shop.CartTest::price"]);
    assert_eq!(surefire.failed, ["shop.CartTest::stock"]);
    assert_eq!((surefire.passed.len(), surefire.skipped.len()), (1, 1));
    let nextest = fixture(Format::Junit, "good-nextest");
    assert_eq!((nextest.passed.len(), nextest.flaky), (1, vec!["shop::cart::stock".to_owned()]));
    // A rerun that did not help, even where the failure itself is missing.
    let rerun = tests(read(Format::Junit, "<testsuite><testcase name='a'><rerunFailure/></testcase></testsuite>"));
    assert_eq!(rerun.failed, ["a"]);
}

#[test]
fn junit_suites_inside_of_suites_and_disabled_tests() {
    let jest = fixture(Format::Junit, "bad-jest");
    assert_eq!(jest.failed, ["inner::adds two"]);
    assert_eq!(jest.passed, ["cart adds::cart adds one", "inner::adds three"]);
    let disabled = fixture(Format::Junit, "quiet-disabled");
    assert_eq!((disabled.skipped.len(), disabled.verdict()), (1, None));
}

#[test]
fn junit_of_a_whole_suite_that_failed() {
    let suite = tests(read(Format::Junit, "<testsuite name='cart' errors='1'><error/></testsuite>"));
    assert_eq!(suite.failed, ["cart (suite)"]);
}

#[test]
fn junit_counts_more_than_it_lists() {
    let lost = |attributes: &str, says: &str| {
        let xml = format!("<testsuites><testsuite {attributes}><testcase name='a'/></testsuite></testsuites>");
        refuse(Format::Junit, &xml, Fault::Inconsistent, says);
    };
    lost("tests='2'", "counts 2 tests and lists 1");
    lost("tests='1' failures='1'", "counts 1 failures and errors and lists 0");
    lost("tests='1' errors='1'", "counts 1 failures and errors and lists 0");
    lost("tests='1' skipped='1'", "counts 1 skipped tests and lists 0");
    lost("tests='18446744073709551615' failures='18446744073709551615' errors='9'", "lists");
    // Counts of the root hold too, and a failure that is listed makes the rest not matter: pytest counts such a test twice.
    refuse(Format::Junit, "<testsuites tests='1'><testsuite/></testsuites>", Fault::Inconsistent, "lists 0");
    let failed = "<testsuite tests='3' errors='1'><testcase name='a'><error/></testcase></testsuite>";
    assert_eq!(tests(read(Format::Junit, failed)).failed, ["a"]);
    refuse(Format::Junit, "<testsuite tests='-1'/>", Fault::Malformed, "no whole number");
}

#[test]
fn junit_of_catch2_counts_assertions() {
    let good = fixture(Format::Junit, "good-catch2");
    assert_eq!((good.passed.len(), good.verdict()), (2, Some(TestVerdict::Passed)));
    let failed = "<testsuite tests='2' failures='1' hostname='tbd'><testcase name='a'/></testsuite>";
    refuse(Format::Junit, failed, Fault::Inconsistent, "counts 1 failures and errors and lists 0");
    let suite = |attributes: &str, cases: &str| {
        format!("<testsuite tests='10' {attributes} timestamp='t'>{cases}<system-out/><system-err/></testsuite>")
    };
    let case = "<testcase classname='a.global' name='a' status='run'/>";
    assert_eq!(tests(read(Format::Junit, &suite("hostname='tbd'", case))).passed, ["a.global::a"]);
    // What only looks like it counts tests, and an assertion is made in a test.
    for other in [
        "<testsuite hostname='tbd' tests='10'><testcase classname='a' name='a'/></testsuite>".to_owned(),
        suite("hostname='ci'", case),
        suite("hostname='tbd'", "<testcase name='a' status='run'/>"),
        suite("hostname='tbd'", "<testcase classname='a' name='a' status='passed'/>"),
        suite("hostname='tbd'", &format!("<group>{case}</group>")),
    ] {
        refuse(Format::Junit, &other, Fault::Inconsistent, "counts 10 tests and lists 1");
    }
    refuse(Format::Junit, &suite("hostname='tbd'", ""), Fault::Inconsistent, "counts 10 tests and lists 0");
}

#[test]
fn junit_states_in_attributes() {
    let of = |attributes: &str| tests(read(Format::Junit, &format!("<testsuite><testcase name='a' {attributes}/></testsuite>")));
    for bad in ["failed", "fail", "error", "incomplete", "timeout", "FAILED", "odd"] {
        for attribute in ["status", "result"] {
            assert_eq!(of(&format!("{attribute}='{bad}'")).failed, ["a"], "{attribute} {bad}");
        }
    }
    for good in ["status='run' result='completed'", "status='passed'", "status='SUCCESS'", "status=''", ""] {
        assert_eq!(of(good).passed, ["a"], "{good}");
    }
    for skipped in
        ["status='notrun'", "status='run' result='skipped'", "status='notrun' result='suppressed'", "status='Disabled'"]
    {
        assert_eq!(of(skipped).skipped, ["a"], "{skipped}");
    }
    assert_eq!(of("status='run' result='failed'").failed, ["a"]);
}

#[test]
fn junit_in_elements_that_are_not_known() {
    let of =
        |inside: &str| tests(read(Format::Junit, &format!("<testsuites name='all'><testcase name='a'/>{inside}</testsuites>")));
    let failing = "<testsuite name='b' tests='1' failures='1'><testcase name='b'><failure/></testcase></testsuite>";
    assert_eq!(of(&format!("<testsuites tests='1' failures='1'>{failing}</testsuites>")).failed, ["b"]);
    assert_eq!(of(&format!("<module><tests>{failing}</tests></module>")).failed, ["b"]);
    assert_eq!(of("<group><testcase name='b' status='failed'/><testcase name='c'/></group>").failed, ["b"]);
    assert_eq!(of("<group name='b'><Error/></group>").failed, ["b (suite)"]);
    let lost = |inside: &str, says: &str| {
        refuse(Format::Junit, &format!("<testsuites><testcase name='a'/>{inside}</testsuites>"), Fault::Inconsistent, says);
    };
    lost("<testsuites><testsuite failures='1'/></testsuites>", "<testsuite> counts 1 failures and errors and lists 0");
    lost("<testsuites failures='1'/>", "<testsuites> counts 1 failures and errors and lists 0");
    lost("<group tests='2'><testcase name='b'/></group>", "<group> counts 2 tests and lists 1");
    for child in [
        "<Failure/>",
        "<ERROR/>",
        "<testFailure/>",
        "<failed/>",
        "<details><failure/></details>",
        "<details><more><Error/></more></details>",
    ] {
        let failed = tests(read(Format::Junit, &format!("<testsuite><testcase name='a'>{child}</testcase></testsuite>")));
        assert_eq!(failed.failed, ["a"], "{child}");
    }
    // What was printed is no word of the tool, and a property may have any name.
    let quiet =
        "<properties><property name='error'/></properties><system-out><failure/></system-out><attachment><file/></attachment>";
    assert_eq!(
        tests(read(Format::Junit, &format!("<testsuite>{quiet}<testcase name='a'>{quiet}</testcase></testsuite>"))).passed,
        ["a"]
    );
    let nested = "<testsuite><testcase name='a'><details><testcase name='b'/></details></testcase></testsuite>";
    refuse(Format::Junit, nested, Fault::Malformed, "inside of another");
    for name in ["TestCase", "testSuite", "TESTSUITES"] {
        refuse(
            Format::Junit,
            &format!("<testsuite><{name} name='a'/></testsuite>"),
            Fault::Malformed,
            &format!("<{name}> is not written so"),
        );
    }
}

#[test]
fn junit_that_is_not_whole_or_not_right() {
    refuse(Format::Junit, "<html/>", Fault::Malformed, "its root is <html>, not <testsuites> or <testsuite>");
    refuse(Format::Junit, "<testsuite><testcase/></testsuite>", Fault::Malformed, "no name");
    let nested = "<testsuite><testcase name='a'><failure/><testcase name='b'/></testcase></testsuite>";
    refuse(Format::Junit, nested, Fault::Malformed, "inside of another");
    refuse(Format::Junit, "<testsuite><testcase name=\"a\"/>", Fault::Truncated, "byte 31: it ends in the middle of <testsuite>");
    refuse(Format::Junit, "<testsuite><testcase name=\"a\"><fail", Fault::Truncated, "");
    refuse(Format::Junit, "<testsuite><a></testsuite>", Fault::Malformed, "");
    refuse(Format::Junit, "<testsuite/><testsuite/>", Fault::Malformed, "after the end");
    refuse(Format::Junit, "<testsuite/>passed", Fault::Malformed, "outside of the root");
    refuse(Format::Junit, "<!DOCTYPE a [<!ENTITY b 'c'>]><testsuite/>", Fault::Malformed, "declares entities");
    refuse(Format::Junit, "<testsuite name='&b;'/>", Fault::Malformed, "");
    refuse(Format::Junit, "<testsuite a='1' a='2'/>", Fault::Malformed, "");
    refuse(Format::Junit, "", Fault::Empty, "nothing in it");
}

#[test]
fn tap_14_with_subtests_and_directives() {
    let good = fixture(Format::Tap, "good-14");
    assert_eq!((good.passed, good.skipped), (vec!["cart".to_owned(), "3".to_owned()], vec!["stock".to_owned()]));
    assert_eq!(fixture(Format::Tap, "quiet").verdict(), None);
    let escaped = tests(read(Format::Tap, "1..1\nok 1 - what \\# TODO is not\n"));
    assert_eq!(escaped.passed, ["what # TODO is not"]);
}

#[test]
fn tap_directives_are_words_of_their_own() {
    let point = |point: &str| tests(read(Format::Tap, &format!("1..1\n{point}\n")));
    for name in ["list # todos are shown", "handles C#skip", "counts C# skipped", "no directive # to do"] {
        assert_eq!(point(&format!("not ok 1 - {name}")).failed, [name]);
        assert_eq!(point(&format!("ok 1 - {name}")).passed, [name]);
    }
    for name in ["a # SKIP", "a # skip: no server", "a # Todo(later)", "a #TODO later", "a \t#\tSKIP", "C#skip # SKIP"] {
        assert_eq!(point(&format!("not ok 1 - {name}")).skipped.len(), 1, "{name}");
    }
    // By version 13, what is ok may be skipped in more words; nothing that failed is excused by them.
    assert_eq!(point("ok 1 - a # SKIPPED no server").skipped, ["a"]);
    assert_eq!(point("not ok 1 - a # SKIPPED no server").failed, ["a # SKIPPED no server"]);
    assert_eq!(point("ok 1 # SKIP no server").skipped, ["1"]);
    assert_eq!(point("ok 1 - # SKIP no server").skipped, ["1"]);
}

#[test]
fn tap_13_with_failures() {
    let bad = fixture(Format::Tap, "bad-13");
    assert_eq!((bad.passed, bad.failed), (vec!["adds".to_owned()], vec!["subtracts".to_owned()]));
    assert_eq!(bad.skipped, ["divides"]);
    assert_eq!(fixture(Format::Tap, "bad-bail-out").failed, ["(bail out) the database is gone"]);
}

#[test]
fn tap_with_subtests_in_braces() {
    let bad = fixture(Format::Tap, "bad-braces");
    assert_eq!((bad.passed, bad.failed), (vec!["stock".to_owned()], vec!["cart".to_owned()]));
    refuse(Format::Tap, "1..1\nok 1 - a {\n    1..1\n    not ok 1\n}\n", Fault::Inconsistent, "a subtest of it is not");
    refuse(Format::Tap, "1..1\nok 1 - a {\n    1..1\n    ok 1\n", Fault::Truncated, "a brace is not closed");
    refuse(Format::Tap, "1..2\nok 1 - a {\n    1..1\n    ok 1\nok 2\n", Fault::Malformed, "before the next test point");
    refuse(Format::Tap, "1..1\nok 1\n}\n", Fault::Malformed, "was not opened");
}

#[test]
fn tap_without_all_that_was_planned() {
    refuse(Format::Tap, "ok 1\n", Fault::Truncated, "there is no plan");
    refuse(Format::Tap, "1..2\nok 1\n", Fault::Truncated, "line 2: 2 tests were planned, and 1 are there");
    refuse(Format::Tap, "1..1\nok 1\nok 2\n", Fault::Inconsistent, "1 tests were planned, and 2 are there");
    refuse(Format::Tap, "ok 1\n1..1\nok 2\n", Fault::Inconsistent, "out of order");
    refuse(Format::Tap, "1..2\nok 2\nok 1\n", Fault::Inconsistent, "out of order");
    refuse(Format::Tap, "1..1\n1..1\nok 1\n", Fault::Inconsistent, "second plan");
    refuse(Format::Tap, "1..1\nok 1 - a", Fault::Truncated, "the last line has no end");
    refuse(Format::Tap, "1..1\nok 1\n  ---\n  a: b\n", Fault::Truncated, "diagnostic block");
    refuse(Format::Tap, "    1..1\n    not ok 1\nok 1\n1..1\n", Fault::Inconsistent, "a subtest of it is not");
    refuse(Format::Tap, "    1..2\n    ok 1\nok 1\n1..1\n", Fault::Truncated, "2 tests were planned");
    // A failure two levels below is one too.
    let deep = "        1..1\n        not ok 1\n    1..0\nok 1\n1..1\n";
    refuse(Format::Tap, deep, Fault::Inconsistent, "a subtest of it is not");
    refuse(Format::Tap, "TAP version 15\n1..0\n", Fault::Unsupported, "13 and 14 are read");
    refuse(Format::Tap, "not ok1\n1..0\n", Fault::Malformed, "neither a test point nor a plan");
}

#[test]
fn tap_that_bails_out_in_any_letters() {
    for words in ["Bail out!", "BAIL OUT!", "bail out!"] {
        assert_eq!(tests(read(Format::Tap, &format!("1..1\nok 1\n{words} gone\n"))).failed, ["(bail out) gone"], "{words}");
        assert_eq!(tests(read(Format::Tap, &format!("ok 1\n{words}\n1..1\n"))).failed, ["(bail out) "], "{words}");
    }
    assert_eq!(tests(read(Format::Tap, "1..1\nok 1\nbailed out! gone\n")).passed, ["1"]);
}

/// Node repeats the number of a test for the file that it is in, and AVA plans nothing for a file that does not load.
#[test]
fn tap_whose_numbers_and_plan_do_not_hold_where_a_test_failed() {
    let report = |text: &str| tests(read(Format::Tap, text));
    let node = report("ok 1 - a\nnot ok 1 - a.test.js\n1..2\n");
    assert_eq!((node.passed, node.failed), (vec!["a".to_owned()], vec!["a.test.js".to_owned()]));
    assert_eq!(report("not ok 1 - a.test.js\nok 1 - a\n1..2\n").failed, ["a.test.js"]);
    assert_eq!(report("not ok 1 - a\nnot ok 2 - b\n1..0\n").failed, ["a", "b"]);
    assert_eq!(report("ok 1\n1..1\nnot ok 2 - b\n").failed, ["b"]);
    refuse(Format::Tap, "ok 1 - a\nok 1 - b\n1..2\n", Fault::Inconsistent, "test point 2 is out of order");
    refuse(Format::Tap, "ok 1 - a\nnot ok 1 - b # TODO\n1..2\n", Fault::Inconsistent, "out of order");
    refuse(Format::Tap, "ok 1\n1..0\n", Fault::Inconsistent, "0 tests were planned, and 1 are there");
    // What was cut is not whole, whatever is left of it.
    refuse(Format::Tap, "1..2\nnot ok 1\n", Fault::Truncated, "2 tests were planned, and 1 are there");
}

#[test]
fn libtest_json_of_nextest() {
    let good = fixture(Format::LibtestJson, "good");
    assert_eq!(good.passed, ["shop::shop$cart::total"]);
    assert_eq!(
        (good.flaky, good.skipped),
        (vec!["shop::shop$cart::stock".to_owned()], vec!["shop::shop$cart::later".to_owned()])
    );
    assert_eq!(fixture(Format::LibtestJson, "bad").failed, ["shop::shop$cart::tax"]);
}

#[test]
fn libtest_json_that_lost_something() {
    let start = r#"{"type":"suite","event":"started","test_count":1}"#;
    let run = r#"{"type":"test","event":"started","name":"a"}"#;
    let ok = r#"{"type":"test","event":"ok","name":"a"}"#;
    let end = |passed, failed| format!(r#"{{"type":"suite","event":"ok","passed":{passed},"failed":{failed},"ignored":0}}"#);
    let lines = |lines: &[&str]| lines.join("\n");
    assert_eq!(tests(read(Format::LibtestJson, &lines(&[start, run, ok, &end(1, 0)]))).passed, ["a"]);
    refuse(Format::LibtestJson, &lines(&[start, run, ok]), Fault::Truncated, "line 3: a suite has no end");
    refuse(Format::LibtestJson, &lines(&[start, run, &end(0, 0)]), Fault::Truncated, "`a` was started and has no end");
    refuse(Format::LibtestJson, &lines(&[start, run, ok, &end(2, 0)]), Fault::Inconsistent, "count 2 passed");
    refuse(Format::LibtestJson, &lines(&[start, run, ok, &end(1, 1)]), Fault::Inconsistent, "1 failed");
    refuse(Format::LibtestJson, &lines(&[start, ok, &end(1, 0)]), Fault::Inconsistent, "was not started");
    refuse(Format::LibtestJson, &end(1, 0), Fault::Inconsistent, "a suite ends that was not started");
    refuse(Format::LibtestJson, &lines(&[start, run, &ok.replace("ok", "odd"), &end(1, 0)]), Fault::Malformed, "says `odd`");
    let bench = |name: &str| format!(r#"{{"type":"bench","name":"{name}","median":1,"deviation":0}}"#);
    let measured = end(0, 0).replace("}", r#","measured":1}"#);
    assert_eq!(tests(read(Format::LibtestJson, &lines(&[start, run, &bench("a"), &measured]))).passed, ["a"]);
    refuse(Format::LibtestJson, &lines(&[start, run, &measured]), Fault::Inconsistent, "count 1 passed");
    refuse(Format::LibtestJson, &lines(&[start, &bench("a"), &measured]), Fault::Inconsistent, "was not started");
    // What rustdoc writes at the end.
    let doctests = lines(&[start, run, ok, &end(1, 0), r#"{"type":"report","total_time":0.9,"compilation_time":0.8}"#]);
    assert_eq!(recognise(doctests.as_bytes()), Ok(Format::LibtestJson));
    assert_eq!(tests(read(Format::LibtestJson, &doctests)).passed, ["a"]);
    let crashed = lines(&[start, r#"{"type":"suite","event":"failed","passed":0,"failed":0,"ignored":0}"#]);
    assert_eq!(tests(read(Format::LibtestJson, &crashed)).failed, ["(suite)"]);
}

#[test]
fn go_test_json_with_packages_and_builds() {
    let good = fixture(Format::GoTestJson, "good");
    assert_eq!((good.passed, good.skipped.len()), (vec!["example.org/shop::TestTotal".to_owned()], 1));
    assert_eq!(fixture(Format::GoTestJson, "bad.json").failed, ["example.org/shop::TestTax"]);
    assert_eq!(fixture(Format::GoTestJson, "bad-build").failed, ["example.org/shop/cart (package)"]);
}

#[test]
fn go_test_json_that_lost_something() {
    let line = |action: &str, test: &str| format!(r#"{{"Action":"{action}","Package":"p","Test":"{test}"}}"#);
    let lines = |lines: &[String]| lines.join("\n");
    let (run, pass, fail, end) = (line("run", "T"), line("pass", "T"), line("fail", "T"), line("pass", ""));
    assert_eq!(tests(read(Format::GoTestJson, &lines(&[run.clone(), pass.clone(), end.clone()]))).passed, ["p::T"]);
    refuse(Format::GoTestJson, &lines(&[run.clone(), pass.clone()]), Fault::Truncated, "package `p` has no end");
    refuse(Format::GoTestJson, &lines(&[run.clone(), end.clone()]), Fault::Truncated, "test `T` of `p` has no end");
    refuse(Format::GoTestJson, &lines(&[run.clone(), fail.clone(), end]), Fault::Inconsistent, "passed, and a test of it failed");
    refuse(
        Format::GoTestJson,
        &lines(&[run.clone(), pass.clone(), run, line("pass", "")]),
        Fault::Truncated,
        "test `T` of `p` has no end",
    );
    refuse(Format::GoTestJson, &line("faint", "T"), Fault::Malformed, "`faint` is not known");
}

/// Two streams in one file, of which the second was cut behind the end of a test.
#[test]
fn go_test_json_whose_package_began_again_and_has_no_second_end() {
    let line = |action: &str, test: &str| format!(r#"{{"Action":"{action}","Package":"p","Test":"{test}"}}"#);
    let (start, run, pass, end) = (line("start", ""), line("run", "T"), line("pass", "T"), line("pass", ""));
    for (start, cut) in [(start.as_str(), vec![&run, &pass]), (start.as_str(), vec![]), ("", vec![&run, &pass])] {
        let once = [start, &run, &pass, &end].join("\n");
        let again = [vec![once.as_str(), start], cut.into_iter().map(String::as_str).collect()].concat().join("\n");
        refuse(Format::GoTestJson, &again, Fault::Truncated, "package `p` has no end");
        assert_eq!(tests(read(Format::GoTestJson, &[again.as_str(), &end].join("\n"))).passed, ["p::T"]);
    }
}

/// A time-out, `os.Exit`, or a panic: the package fails, and its tests have no end.
#[test]
fn go_test_json_whose_process_ended_before_its_tests() {
    let line = |action: &str, test: &str| format!(r#"{{"Action":"{action}","Package":"p","Test":"{test}"}}"#);
    let of = |lines: &[(&str, &str)]| {
        tests(read(Format::GoTestJson, &lines.iter().map(|(action, test)| line(action, test)).collect::<Vec<_>>().join("\n")))
    };
    let begin = [("start", ""), ("run", "A"), ("pause", "A"), ("run", "B"), ("pass", "B"), ("run", "C")];
    let exit = of(&[&begin[..], &[("fail", "")]].concat());
    assert_eq!(
        (exit.passed, exit.skipped, exit.failed),
        (vec!["p::B".to_owned()], vec!["p::A".to_owned()], vec!["p::C".to_owned()])
    );
    let went_on = of(&[&begin[..], &[("pass", "C"), ("cont", "A"), ("fail", "")]].concat());
    assert_eq!((went_on.passed.len(), went_on.failed), (2, vec!["p::A".to_owned()]));
    let waiting = of(&[("run", "A"), ("pause", "A"), ("fail", "")]);
    assert_eq!((waiting.skipped.len(), waiting.failed), (1, vec!["p (package)".to_owned()]));
    let rerun = of(&[("run", "A"), ("fail", ""), ("run", "A"), ("pass", "A"), ("pass", "")]);
    assert_eq!((rerun.flaky, rerun.failed), (vec!["p::A".to_owned()], vec!["p (package)".to_owned()]));
    // Of what was cut nobody knows how it ended, whatever the package did before.
    for (cut, says) in [
        (vec![("run", "A")], "package `p` has no end"),
        (vec![("fail", ""), ("run", "A")], "package `p` has no end"),
        (vec![("run", "A"), ("skip", "")], "test `A` of `p` has no end"),
        (vec![("run", "A"), ("fail", ""), ("run", "A"), ("pass", "")], "test `A` of `p` has no end"),
    ] {
        let text = cut.iter().map(|(action, test)| line(action, test)).collect::<Vec<_>>().join("\n");
        refuse(Format::GoTestJson, &text, Fault::Truncated, says);
    }
}

/// `-count=2`: each test runs twice, its package ends once.
#[test]
fn go_test_json_of_tests_that_run_several_times() {
    let line = |action: &str, test: &str| format!(r#"{{"Action":"{action}","Package":"p","Test":"{test}"}}"#);
    let ran = |ends: &[&str], end: &str| {
        let runs = ends.iter().flat_map(|action| [line("run", "T"), line(action, "T")]);
        runs.chain([line(end, "")]).collect::<Vec<_>>().join("\n")
    };
    let of = |ends: &[&str], end: &str| tests(read(Format::GoTestJson, &ran(ends, end)));
    let passed = of(&["pass", "pass"], "pass");
    assert_eq!((passed.passed.as_slice(), passed.verdict()), (&["p::T".to_owned()][..], Some(TestVerdict::Passed)));
    let skipped = of(&["pass", "skip"], "pass");
    assert_eq!((skipped.skipped.as_slice(), skipped.verdict()), (&["p::T".to_owned()][..], None));
    assert_eq!(of(&["fail", "fail"], "fail").failed, ["p::T"]);
    for ends in [["pass", "fail"], ["fail", "pass"]] {
        let flaky = of(&ends, "fail");
        assert_eq!(flaky.flaky, ["p::T"]);
        assert_eq!(flaky.failed, ["p (package)"], "Go itself says that the package failed");
    }
    refuse(Format::GoTestJson, &ran(&["fail", "pass"], "pass"), Fault::Inconsistent, "passed, and a test of it failed");
    let rerun = [ran(&["fail"], "fail"), ran(&["pass"], "pass")].join("\n");
    assert_eq!(tests(read(Format::GoTestJson, &rerun)).verdict(), Some(TestVerdict::Failed));
}

#[test]
fn go_test_json_of_a_build_that_no_package_tells_of() {
    let build = |path: &str| format!(r#"{{"ImportPath":"{path}","Action":"build-fail"}}"#);
    let end = |action: &str, package: &str, rest: &str| format!(r#"{{"Action":"{action}","Package":"{package}"{rest}}}"#);
    let failed = |lines: &[String]| tests(read(Format::GoTestJson, &lines.join("\n"))).failed;
    assert_eq!(failed(&[build("x [x.test]"), end("pass", "y", "")]), ["x (package)"]);
    assert_eq!(failed(&[build("x"), end("pass", "x", "")]), ["x (package)"]);
    assert_eq!(failed(&[build("x [x.test]"), end("fail", "x", "")]), ["x (package)"], "it is told, and counts once");
    // What a package is built of may be another one.
    let named = end("fail", "y", r#","FailedBuild":"x""#);
    assert_eq!(failed(&[build("x"), named]), ["y (package)"]);
    refuse(Format::GoTestJson, &build("x"), Fault::Truncated, "it names no package");
}

#[test]
fn gitlab_test_report() {
    let good = fixture(Format::GitlabTests, "good");
    assert_eq!((good.passed.len(), good.skipped.len(), good.failed.len()), (1, 1, 0));
    assert_eq!(fixture(Format::GitlabTests, "bad.json").failed, ["tax"]);
    // A job whose report could not be read has failed: nobody knows what was in it.
    assert_eq!(fixture(Format::GitlabTests, "bad-suite").failed, ["unit (suite)"]);
    let counts = r#"{"total_count": 2, "success_count": 2, "failed_count": 0, "error_count": 0, "test_suites": []}"#;
    refuse(Format::GitlabTests, counts, Fault::Inconsistent, "counts 2 tests");
}

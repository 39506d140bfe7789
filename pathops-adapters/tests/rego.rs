//! The conformance kit on Rego.

mod condition_memory;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::rego::Rego;
use pathops_core::conformance::condition::{ConditionFixture, ConditionTexts, ConditionWorld, trials};

struct Texts;

/// What the docs promise, in bytes.
const MEMORY: u64 = 4 << 20;

fn module(rules: &str) -> String {
    format!("package pathops.condition\n\n{rules}\n")
}

#[async_trait]
impl ConditionFixture for Texts {
    async fn fresh(&self) -> ConditionWorld {
        let texts = ConditionTexts {
            no_critical: module(
                "default allow := true\ndeny contains \"there are critical findings\" if input.findings.critical > 0",
            ),
            reason: "there are critical findings".to_owned(),
            unit_passed: module("default allow := false\nallow if input.tests.unit.failed == 0"),
            malformed: module("allow if {"),
            misspelt: module("default allow := true\ndeny contains \"x\" if input.findings.critcal > 0"),
            failing: module("default allow := true\ndeny contains \"x\" if 1 / (input.approvals - 1) > 2"),
            hostile: hostile(),
            patience: Duration::from_secs(20),
        };
        ConditionWorld { language: Arc::new(Rego), texts }
    }
}

/// Values that double with each line: `{a0}` is a seed, `{a}` and `{b}` are the value before and the one made of it.
fn doubling(seed: &str, step: &str, end: &str) -> String {
    let steps = (0..30).map(|n| step.replace("{a}", &format!("v{n}")).replace("{b}", &format!("v{}", n + 1)));
    module(&format!("allow if {{\n  v0 := {seed}\n  {}\n  {end}\n}}", steps.collect::<Vec<_>>().join("\n  ")))
}

fn hostile() -> Vec<String> {
    let many = |word: &str, count: usize| word.repeat(count);
    let hundred = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    vec![
        module(&format!("allow if {}true{}", many("(", 7_000), many(")", 7_000))),
        module(&format!("allow if x := {}1{}", many("[", 7_000), many("]", 7_000))),
        module(&format!("allow if {}true", many("not ", 3_900))),
        module(&format!(
            "s := [{hundred}]\nallow if count([1 | some a in s; some b in s; some c in s; some d in s; some e in s]) > 0"
        )),
        module(&format!(
            "s := [{hundred}]\nallow if {{ some a in s; some b in s; some c in s; some d in s; a == b; c > d; d > 1000 }}"
        )),
        module(&format!(
            "s := [{hundred}]\nallow if every a in s {{ every b in s {{ every c in s {{ every d in s {{ a + b + c + d >= 0 }} }} }} }}"
        )),
        module("f(x) := f(x)\nallow if f(1)"),
        module("allow if deny\ndeny contains \"x\" if allow"),
        doubling("[1]", "{b} := [{a}, {a}]", "v30 == v30"),
        doubling("[1]", "{b} := array.concat({a}, {a})", "count(v30) > 0"),
        doubling("\"aaaaaaaa\"", "{b} := concat(\"\", [{a}, {a}])", "v30 != \"\""),
        doubling("\"aaaaaaaa\"", "{b} := sprintf(\"%s%s\", [{a}, {a}])", "v30 != \"\""),
        doubling("3", "{b} := {a} * {a}", "v30 > 0"),
        doubling("{\"a\": 1}", "{b} := {\"l\": {a}, \"r\": {a}}", "{v30, v30} != set()"),
        doubling("1", "{b} := [[[[{a}]]]]", "v30 != 1"),
        module("allow if sprintf(\"%999999999d\", [1]) != \"\""),
        module("allow if sprintf(\"%½d\", [1]) != \"\""),
        module("allow if count(numbers.range(1, 999999999)) > 0"),
        module("allow if bits.lsh(1, 999999999) > 0"),
        module("allow if 1e999999999 > 1"),
        module("allow if time.now_ns() > 0"),
        module("allow if rand.intn(\"x\", 10) < 11"),
        module("allow if http.send({\"method\": \"get\", \"url\": \"http://localhost\"}).status_code == 200"),
        module("allow if opa.runtime().env.HOME != \"\""),
        module("allow if uuid.rfc4122(\"x\") != \"\""),
        module("allow if regex.match(\"(a+)+b\", \"aaaaaaaaaaaaaaaaaaaaaaaaaaaa\")"),
        module("allow if __builtin_host_await(1, \"anything\")"),
        module("allow if every x in input.approvals { x > 1 }"),
        module("default allow := true\ndeny contains \"x\" if { some y in input.approvals; y > 0 }"),
        module("default allow := true\ndeny contains \"x\" if count([y | some y in input.approvals]) > 0"),
        module("default allow := true\ndeny contains \"x\" if not input.isFnal"),
        module("default allow := true\ndeny contains \"x\" if not f\nf if input.approvals / 0 > 1"),
        module("allow if data.pathops.condition[input.unit.id]"),
        module("allow if input.approvals < \"2\""),
        module(&many("allow if input.approvals > 5\n", 600)),
    ]
}

/// Each asks for as much as may be asked for, or a little more.
fn greatest() -> Vec<String> {
    let numbers = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let long = "a".repeat(8_000);
    vec![
        module(&format!("s := [{numbers}]\nallow if count([[a, b, c] | some a in s; some b in s; some c in s]) > 0")),
        module(&format!("s := [{numbers}]\nallow if count({{[a, b, c] | some a in s; some b in s; some c in s}}) > 0")),
        module(&format!("s := [{numbers}]\nallow if count({{[a, b]: [b, a, a, b] | some a in s; some b in s}}) > 0")),
        module(&format!("s := [{numbers}]\nallow if count([sprintf(\"%s%s\", [\"{long}\", a]) | some a in s; some b in s]) > 0")),
        module("allow if count({[x, y] | some x, _ in input.tests; some y, _ in input.signals}) > 0"),
        module(&format!(
            "s := [{numbers}]\nt(n) := {{[a, b, n] | some a in s; some b in s}}\nallow if count(t(1) | t(2) | t(3) | t(4) | t(5)) > 0"
        )),
        module(&format!(
            "s := [{numbers}]\nallow if count({{a: [concat(\"\", [\"{long}\", \"b\"]) | some b in s] | some a in s}}) > 0"
        )),
        module("allow if count([t | some x in input.tests; t := object.keys(input)]) > 0"),
    ]
}

fn main() -> ExitCode {
    let mut all = trials(Arc::new(Texts));
    all.push(condition_memory::trial(Arc::new(Rego), [hostile(), greatest()].concat(), MEMORY));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

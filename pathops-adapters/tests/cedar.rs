//! The conformance kit on Cedar.

mod condition_memory;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Arguments;
use pathops_adapters::cedar::Cedar;
use pathops_core::conformance::condition::{ConditionFixture, ConditionTexts, ConditionWorld, trials};

struct Texts;

/// What the docs promise, in bytes.
const MEMORY: u64 = 16 << 20;

const NO_CRITICAL: &str = r#"
@reason("somebody asks for it")
permit (principal, action, resource);
@reason("there are critical findings")
forbid (principal, action, resource) when { context.findings.critical > 0 };
"#;

const UNIT_PASSED: &str = r#"
@reason("the unit tests passed")
permit (principal, action, resource)
when { context.tests.hasTag("unit") && context.tests.getTag("unit").failed == 0 };
"#;

const MISSPELT: &str = r#"
@reason("there are no critical findings")
permit (principal, action, resource) unless { context.findings.critcal > 0 };
"#;

const FAILING: &str = r#"
@reason("somebody asks for it")
permit (principal, action, resource);
@reason("far too many approvals")
forbid (principal, action, resource) when { context.approvals + 9223372036854775807 > 0 };
"#;

#[async_trait]
impl ConditionFixture for Texts {
    async fn fresh(&self) -> ConditionWorld {
        let texts = ConditionTexts {
            no_critical: NO_CRITICAL.to_owned(),
            reason: "there are critical findings".to_owned(),
            unit_passed: UNIT_PASSED.to_owned(),
            malformed: "permit (principal, action, resource".to_owned(),
            misspelt: MISSPELT.to_owned(),
            failing: FAILING.to_owned(),
            hostile: hostile(),
            patience: Duration::from_secs(10),
        };
        ConditionWorld { language: Arc::new(Cedar::new()), texts }
    }
}

fn hostile() -> Vec<String> {
    let permit = |condition: &str| format!("@reason(\"x\") permit (principal, action, resource) when {{ {condition} }};");
    let many = |word: &str, count: usize| word.repeat(count);
    vec![
        permit(&format!("{}true{}", many("(", 7_000), many(")", 7_000))),
        permit(&format!("{}true", many("!", 16_000))),
        permit(&format!("{}true", many("true && ", 2_000))),
        permit(&format!("{}true", many("false || ", 1_800))),
        permit(&format!("1{} > 0", many(" + 1", 4_000))),
        permit(&format!("{}true", many("if true then true else ", 650))),
        permit(&format!("context{} == 1", many(".unit", 3_000))),
        permit(&format!("{}1{}.isEmpty()", many("[", 7_000), many("]", 7_000))),
        permit(&format!("{}1{} == 1", many("{\"a\":", 2_700), many("}", 2_700))),
        permit(&format!("-{}1 > 0", many("-", 15_000))),
        many("@reason(\"x\") permit (principal, action, resource);\n", 400),
        format!("@reason(\"x\") permit (principal, action, resource) {};", many("when { true }\n", 1_001)),
        permit(&format!("\"a\" like \"{}\"", many("*a", 7_900))),
    ]
}

/// Each asks for as much as may be asked for.
fn greatest() -> Vec<String> {
    let permit = |condition: &str| format!("@reason(\"x\") permit (principal, action, resource) when {{ {condition} }};\n");
    let all = |condition: &str, count: usize| vec![condition; count].join(" && ");
    vec![
        permit(&all("context.findings.critical == 0", 90)),
        permit(&all("context.approvals + 1 > 0", 60)),
        permit("context.tests.hasTag(\"x\") && context.tests.getTag(\"x\").passed > 0").repeat(60),
        permit(&format!("\"{}\" like \"*a*\"", "a".repeat(16_000))),
        permit(&format!("[{}].contains(1)", vec!["1"; 4_000].join(","))),
    ]
}

fn main() -> ExitCode {
    let mut all = trials(Arc::new(Texts));
    all.push(condition_memory::trial(Arc::new(Cedar::new()), [hostile(), greatest()].concat(), MEMORY));
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}

//! How much memory a condition holds at a time, which nothing but the allocator of a test can tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Trial;
use pathops_core::policy::{ConditionLanguage, Summary, TestsSummary};

/// From each text to its answer, or its refusal, at most `limit` bytes are held at a time, as the language's docs say; and one
/// of them holds so much that something was measured.
pub(crate) fn trial(language: Arc<dyn ConditionLanguage>, texts: Vec<String>, limit: u64) -> Trial {
    Trial::test("condition::memory_is_bounded", move || {
        let mut most = 0;
        for summary in [Summary { approvals: 1, ..Summary::default() }, large()] {
            for text in &texts {
                let measured = allocation_counter::measure(|| {
                    // What is answered is for the other cases.
                    drop(language.compile(text).and_then(|condition| condition.evaluate(&summary)));
                });
                most = most.max(measured.bytes_max);
                if measured.bytes_max > limit {
                    let begin: String = text.chars().take(200).collect();
                    return Err(format!("`{begin}` holds {} bytes, and {limit} is the limit", measured.bytes_max).into());
                }
            }
        }
        if most < limit / 100 { Err(format!("{most} bytes are no measure of {limit}").into()) } else { Ok(()) }
    })
}

/// As much as a promotion with very many suites and signals comes to.
fn large() -> Summary {
    let name = |number: u32| format!("{number:0100}");
    let tests: BTreeMap<_, _> = (0..500).map(|number| (name(number), TestsSummary::default())).collect();
    Summary { approvals: 1, signals: tests.keys().map(|name| (name.clone(), 0.5)).collect(), tests, ..Summary::default() }
}

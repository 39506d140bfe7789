//! How much memory a condition holds at a time, which nothing but the allocator of a test can tell.

use libtest_mimic::Trial;
use pathops_core::conformance::condition::ConditionWorld;
use pathops_core::policy::Summary;

/// From each hostile text to its refusal at most `limit` bytes are held at a time, as the language's docs say.
pub(crate) fn trial(name: &str, world: ConditionWorld, limit: u64) -> Trial {
    Trial::test(format!("{name}::a_hostile_text_holds_bounded_memory"), move || {
        let summary = Summary { approvals: 1, ..Summary::default() };
        for text in &world.texts.hostile {
            let mut answer = None;
            let measured = allocation_counter::measure(|| {
                answer = Some(world.language.compile(text).and_then(|condition| condition.evaluate(&summary)));
            });
            let begin: String = text.chars().take(200).collect();
            println!("{} {begin}", measured.bytes_max);
            if answer.is_none_or(|answer| answer.is_ok()) {
                return Err(format!("`{begin}` is answered").into());
            }
            if measured.bytes_max > limit {
                return Err(format!("`{begin}` holds {} bytes, and {limit} is the limit", measured.bytes_max).into());
            }
        }
        Ok(())
    })
}

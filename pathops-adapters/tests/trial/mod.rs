//! Tests that a binary lists by itself.

use libtest_mimic::Trial;

/// A test on a runtime of its own.
pub(crate) fn trial<F>(name: &'static str, test: impl Fn() -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(test());
        Ok(())
    })
}

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{Notice, Notifier, NotifierCapabilities};
use pathops_core::conformance::notifier::{NotifierFixture, NotifierWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryNotifier};
use pathops_core::{ErrorKind, IdempotencyKey, OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    OverlooksTheKey,
    DropsTheSameText,
    CutsLongTexts,
    DeliversBeforeItRefuses,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    declared: NotifierCapabilities,
    inner: MemoryNotifier,
    calls: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl Notifier for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> NotifierCapabilities {
        self.declared
    }

    async fn notify(&self, cx: &OpContext, notice: &Notice) -> Result<()> {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let fresh = OpContext::new(IdempotencyKey::new(format!("call {call}")));
        match self.defect {
            Defect::OverlooksTheKey => self.inner.notify(&fresh, notice).await,
            Defect::DropsTheSameText if self.inner.delivered().iter().any(|seen| seen.text == notice.text) => Ok(()),
            Defect::CutsLongTexts => {
                let max = self.declared.text_max_chars.unwrap_or(usize::MAX);
                self.inner.notify(cx, &Notice { text: notice.text.chars().take(max).collect(), ..notice.clone() }).await
            }
            Defect::DeliversBeforeItRefuses => {
                let answer = self.inner.notify(cx, notice).await;
                if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
                    self.inner.notify(cx, &Notice { to: Vec::new(), ..notice.clone() }).await?;
                }
                answer
            }
            _ => self.inner.notify(cx, notice).await,
        }
    }
}

struct Memory {
    defect: Defect,
    capabilities: NotifierCapabilities,
}

#[async_trait]
impl NotifierFixture for Memory {
    async fn fresh(&self) -> NotifierWorld {
        let (inner, calls) = (MemoryNotifier::new(self.capabilities), 0.into());
        let inbox = inner.clone();
        let delivered = move || {
            let texts = inbox.delivered().into_iter().map(|notice| notice.text).collect();
            async { texts }
        };
        let planted = Planted { defect: self.defect, declared: self.capabilities, inner, calls };
        let planted: Arc<dyn Notifier> = Arc::new(planted);
        NotifierWorld::new(Arc::new(Faulty::new(planted, no_faults())), delivered, ())
    }
}

fn fails(defect: Defect, people: bool, text_max_chars: Option<usize>) -> Vec<String> {
    let mut capabilities = NotifierCapabilities::default();
    (capabilities.people, capabilities.text_max_chars) = (people, text_max_chars);
    failing(&cases(capabilities), &worlds(Arc::new(Memory { defect, capabilities })))
}

#[test]
fn the_reference_notifier_does_all_of_it() {
    assert_eq!(fails(Defect::None, true, None), [""; 0]);
    assert_eq!(fails(Defect::None, false, Some(40)), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let twice = ["the_same_key_delivers_nothing_new", "an_abandoned_notice_arrives_once_when_repeated"];
    assert_eq!(fails(Defect::OverlooksTheKey, true, None), twice);
    assert_eq!(fails(Defect::DropsTheSameText, true, None), ["another_key_is_another_notice"]);
    assert_eq!(fails(Defect::CutsLongTexts, true, Some(40)), ["the_text_limit_is_exact"]);
    assert_eq!(fails(Defect::DeliversBeforeItRefuses, false, None), ["undeclared_people_are_unsupported"]);
}

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{DataKey, DataKeys};
use pathops_core::conformance::data_keys::{DataKeysFixture, DataKeysWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryKeys};
use pathops_core::{OpContext, Result};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    OneKeyForAll,
    OpensAnything,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryKeys,
}

#[async_trait]
impl DataKeys for Planted {
    async fn generate(&self, cx: &OpContext) -> Result<(DataKey, Vec<u8>)> {
        let inner = if self.defect == Defect::OneKeyForAll { &MemoryKeys::from_seed(0) } else { &self.inner };
        let given = inner.generate(cx).await?;
        self.inner.generate(cx).await?;
        Ok(given)
    }

    async fn open(&self, cx: &OpContext, kept: &[u8]) -> Result<DataKey> {
        let opened = self.inner.open(cx, kept).await;
        if self.defect == Defect::OpensAnything { opened.or(Ok(DataKey::new([0; 32]))) } else { opened }
    }
}

struct Memory(Defect);

#[async_trait]
impl DataKeysFixture for Memory {
    async fn fresh(&self) -> DataKeysWorld {
        let planted: Arc<dyn DataKeys> = Arc::new(Planted { defect: self.0, inner: MemoryKeys::from_seed(0) });
        DataKeysWorld::new(Arc::new(Faulty::new(planted, no_faults())), ())
    }
}

fn fails(defect: Defect) -> Vec<String> {
    failing(&cases(), &worlds(Arc::new(Memory(defect))))
}

#[test]
fn the_reference_does_all_of_it_and_shows_no_key() {
    assert_eq!(fails(Defect::None), [""; 0]);
    assert_eq!(format!("{:?}", DataKey::new([7; 32])), "DataKey(..)");
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::OneKeyForAll), ["a_key_is_had_again", "no_key_is_given_twice"]);
    assert_eq!(fails(Defect::OpensAnything), ["what_is_no_key_is_refused"]);
}

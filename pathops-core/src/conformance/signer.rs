//! What every [`Signer`] must do.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::Answer as _;
use super::scm::world::cx;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::Signer;

/// Gives each case a signer.
#[async_trait]
pub trait SignerFixture: Send + Sync + 'static {
    /// A signer with a key.
    async fn fresh(&self) -> SignerWorld;
}

/// A signer and what keeps it alive.
#[derive(Debug)]
pub struct SignerWorld {
    signer: Arc<dyn Signer>,
    _guard: Box<dyn Any + Send + Sync>,
}

impl SignerWorld {
    /// `guard` is dropped at the end of the case.
    pub fn new(signer: Arc<dyn Signer>, guard: impl Any + Send + Sync) -> Self {
        Self { signer, _guard: Box::new(guard) }
    }
}

/// The cases as trials.
#[must_use]
pub fn trials(fixture: Arc<dyn SignerFixture>) -> Vec<Trial> {
    into_trials(cases(), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn SignerFixture>) -> Fresh<SignerWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases() -> Vec<Case<SignerWorld>> {
    vec![
        Case::new("signer", "a_signature_verifies", a_signature_verifies),
        Case::new("signer", "a_signature_is_for_one_message", a_signature_is_for_one_message),
        Case::new("signer", "the_key_stays_the_same", the_key_stays_the_same),
        Case::new("signer", "a_certificate_is_of_the_key_and_stays", a_certificate_is_of_the_key_and_stays),
        Case::new("signer", "signatures_beside_each_other_verify", signatures_beside_each_other_verify),
    ]
}

async fn signs(signer: &dyn Signer, message: &[u8]) -> Outcome {
    let signature = signer.sign(&cx("sign"), message).await.works()?;
    let verifies = signer.public_key().verifies(message, &signature);
    ensure!(verifies, "the signature of {} bytes does not verify with the public key", message.len());
    Ok(())
}

async fn a_signature_verifies(world: SignerWorld) -> Outcome {
    for message in [b"message".to_vec(), Vec::new(), vec![0; 1 << 20]] {
        signs(&*world.signer, &message).await?;
    }
    Ok(())
}

async fn a_signature_is_for_one_message(world: SignerWorld) -> Outcome {
    let signature = world.signer.sign(&cx("sign"), b"message").await.works()?;
    let verifies = world.signer.public_key().verifies(b"massage", &signature);
    ensure!(!verifies, "the signature verifies for another message");
    Ok(())
}

async fn the_key_stays_the_same(world: SignerWorld) -> Outcome {
    let before = world.signer.public_key();
    signs(&*world.signer, b"message").await?;
    ensure!(world.signer.public_key() == before, "signing changed the key");
    Ok(())
}

async fn a_certificate_is_of_the_key_and_stays(world: SignerWorld) -> Outcome {
    let before = world.signer.certificates();
    let of_key = before.as_ref().is_none_or(|chain| *chain.public_key() == world.signer.public_key());
    ensure!(of_key, "the first certificate is of another key");
    signs(&*world.signer, b"message").await?;
    ensure!(world.signer.certificates() == before, "signing changed the certificates");
    Ok(())
}

async fn signatures_beside_each_other_verify(world: SignerWorld) -> Outcome {
    let sign = |n: u8| {
        let signer = world.signer.clone();
        tokio::spawn(async move { signs(&*signer, &[n; 32]).await })
    };
    let tasks: Vec<_> = (0..8).map(sign).collect();
    for task in tasks {
        task.await.map_err(|e| format!("a signature did not end: {e}"))??;
    }
    Ok(())
}

//! What every [`EvidenceIndex`] must do.

mod query;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libtest_mimic::Trial;
use serde_json::{Value, json};

use super::case::{Answer as _, abandon, cases as named};
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{EvidenceIndex, EvidenceIndexCapabilities, IndexedEvidence, MAX_INDEXED_BYTES, Signer as _, SubjectDigest};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::evidence::{
    Checkpoint, Envelope, EvidenceId, Inclusion, Logged, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use crate::memory::MemorySigner;

/// Gives each case an index of its own.
#[async_trait]
pub trait EvidenceIndexFixture: Send + Sync + 'static {
    /// An empty index.
    async fn fresh(&self) -> EvidenceIndexWorld;
}

type Open = Arc<dyn Fn() -> Pinned<Arc<dyn EvidenceIndex>> + Send + Sync>;

/// A way to open one index, as often as a case likes.
pub struct EvidenceIndexWorld {
    open: Open,
    _guard: Box<dyn Any + Send + Sync>,
}

impl EvidenceIndexWorld {
    /// `open` opens the index of this world, which is empty at first. Where it is declared `durable`, it is opened again after
    /// the first one was dropped, and where it is declared `shared`, beside the first one; otherwise `open` is called once.
    /// `guard` is dropped at the end of the case.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static, guard: impl Any + Send + Sync) -> Self
    where
        F: Future<Output = Arc<dyn EvidenceIndex>> + Send + 'static,
    {
        Self { open: Arc::new(move || Box::pin(open())), _guard: Box::new(guard) }
    }

    async fn index(&self) -> Arc<dyn EvidenceIndex> {
        (self.open)().await
    }
}

impl fmt::Debug for EvidenceIndexWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvidenceIndexWorld").finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn EvidenceIndexFixture>, capabilities: EvidenceIndexCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn EvidenceIndexFixture>) -> Fresh<EvidenceIndexWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: EvidenceIndexCapabilities) -> Vec<Case<EvidenceIndexWorld>> {
    let mut cases = named!["evidence_index":
        what_is_found_is_what_was_added,
        evidence_is_found_by_each_of_its_subjects,
        what_is_about_something_else_is_not_found,
        evidence_about_several_subjects_comes_once,
        it_comes_in_the_order_of_evidence_and_blob,
        nothing_of_many_is_left_out,
        adding_again_changes_nothing,
        what_no_index_takes_is_refused_and_the_rest_with_it,
        a_second_signer_is_a_second_envelope,
        a_proof_that_comes_later_is_taken_up,
        a_proof_is_not_lost_by_adding_again,
        writers_beside_each_other_lose_nothing,
        abandoned_evidence_is_whole_or_not_there,
    ];
    cases.extend(queries());
    let declared = move |world| declares_what_it_is_tested_for(world, capabilities);
    cases.push(Case::new("evidence_index", "declares_what_it_is_tested_for", declared));
    if capabilities.durable {
        cases.extend(named!["evidence_index": what_was_acknowledged_is_there_after_a_restart]);
    }
    if capabilities.shared {
        cases.extend(named!["evidence_index": what_one_has_added_another_finds]);
    }
    cases
}

fn queries() -> Vec<Case<EvidenceIndexWorld>> {
    use query::*;
    named!["evidence_index":
        a_query_finds_by_each_of_its_conditions,
        conditions_narrow_together,
        a_window_has_its_first_instant_and_not_its_last,
        pages_follow_each_other_without_a_gap,
        what_is_added_between_two_pages_disturbs_none,
        a_place_in_the_ledger_is_taken_up_and_kept,
        many_are_added_as_one,
    ]
}

async fn declares_what_it_is_tested_for(world: EvidenceIndexWorld, capabilities: EvidenceIndexCapabilities) -> Outcome {
    declares(&world.index().await.capabilities(), &capabilities)
}

/// Evidence that says `words` about `subjects`, signed by the key of a seed.
async fn signed(words: &str, subjects: Vec<Subject>, seed: u64) -> Result<IndexedEvidence, String> {
    signed_as("https://example.org/words", &json!({ "words": words }), subjects, seed).await
}

/// Evidence of that kind.
async fn signed_as(kind: &str, predicate: &Value, subjects: Vec<Subject>, seed: u64) -> Result<IndexedEvidence, String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    let signer = MemorySigner::from_seed(seed).works()?;
    let statement = Statement::new(subjects, kind, predicate).map_err(|e| text(&e))?;
    let payload = statement.to_canonical().map_err(|e| text(&e))?;
    let signature = signer.sign(&cx("sign"), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.works()?;
    let envelope = Envelope::new(&payload, &signer.public_key(), signature);
    let verified = TrustRoot::new([signer.public_key()]).verify(&envelope).map_err(|e| text(&e))?;
    Ok(IndexedEvidence::new(&verified, Digest::of(&envelope.to_vec().map_err(|e| text(&e))?)))
}

fn artifact(name: &str) -> Subject {
    Subject::named(name).with_sha256(&Digest::of(name.as_bytes()))
}

/// Evidence about the artifact of that name.
async fn about(name: &str, words: &str) -> Result<IndexedEvidence, String> {
    signed(words, vec![artifact(name)], 1).await
}

/// A log in which the evidence is all there is.
fn log_of(id: EvidenceId) -> Logged {
    let data = json!({"algorithm": "SHA2_256", "digest": BASE64.encode(id.0.as_bytes())});
    let leaf = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {"data": data}}}).to_string();
    let leaf = leaf.into_bytes();
    let checkpoint = Checkpoint { size: 1, root: Digest::of(&[&[0], leaf.as_slice()].concat()) };
    Logged { checkpoint, inclusion: Inclusion { leaf, index: 0, path: Vec::new() } }
}

fn logged(evidence: &IndexedEvidence) -> Result<IndexedEvidence, String> {
    evidence.clone().with_logged(log_of(evidence.id())).map_err(|error| error.to_string())
}

fn digest(name: &str) -> SubjectDigest {
    SubjectDigest::sha256(&Digest::of(name.as_bytes()))
}

async fn add(index: &dyn EvidenceIndex, evidence: &IndexedEvidence) -> Outcome {
    index.add(&cx("add"), evidence).await.works()
}

/// Exactly this is found about these subjects, in this order.
async fn finds(index: &dyn EvidenceIndex, subjects: &[SubjectDigest], expected: &[IndexedEvidence]) -> Outcome {
    let found = index.about(&cx("about"), &subjects.iter().cloned().collect()).await.works()?;
    ensure!(found == expected, "about {subjects:?} there must be {expected:?}, and there is {found:?}");
    Ok(())
}

fn in_order(mut evidence: Vec<IndexedEvidence>) -> Vec<IndexedEvidence> {
    evidence.sort_by_key(|it| (it.id(), it.envelope()));
    evidence
}

async fn what_is_found_is_what_was_added(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let (plain, proven) = (about("orders", "plain").await?, logged(&about("web", "é \"quoted\" \\ \n").await?)?);
    for evidence in [&plain, &proven] {
        add(&*index, evidence).await?;
    }
    finds(&*index, &[digest("orders")], &[plain]).await?;
    finds(&*index, &[digest("web")], &[proven]).await
}

async fn evidence_is_found_by_each_of_its_subjects(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let mut second = artifact("two");
    second.digest.insert("gitCommit".to_owned(), "0".repeat(40));
    second.digest.insert("gitTree".to_owned(), "1".repeat(40));
    let evidence = signed("several", vec![artifact("one"), second], 1).await?;
    ensure!(evidence.subjects().len() == 4, "the case itself is wrong: {evidence:?}");
    add(&*index, &evidence).await?;
    for subject in evidence.subjects() {
        finds(&*index, std::slice::from_ref(subject), std::slice::from_ref(&evidence)).await?;
    }
    Ok(())
}

async fn what_is_about_something_else_is_not_found(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    finds(&*index, &[digest("orders")], &[]).await?;
    add(&*index, &about("orders", "it").await?).await?;
    let SubjectDigest { algorithm, value } = digest("orders");
    let other_algorithm = SubjectDigest { algorithm: "gitCommit".to_owned(), value: value.clone() };
    let beginning = SubjectDigest { algorithm: algorithm.clone(), value: value.chars().take(12).collect() };
    let pattern = SubjectDigest { algorithm, value: "%".to_owned() };
    finds(&*index, &[digest("web"), other_algorithm, beginning, pattern], &[]).await?;
    finds(&*index, &[], &[]).await
}

async fn evidence_about_several_subjects_comes_once(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let evidence = signed("both", vec![artifact("one"), artifact("two")], 1).await?;
    add(&*index, &evidence).await?;
    finds(&*index, &[digest("one"), digest("two"), digest("three")], &[evidence]).await
}

async fn it_comes_in_the_order_of_evidence_and_blob(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let mut added = Vec::new();
    for words in ["a", "b", "c", "d", "e", "f"] {
        for seed in [1, 2] {
            let evidence = signed(words, vec![artifact(if seed == 1 { "one" } else { "two" })], seed).await?;
            add(&*index, &evidence).await?;
            added.push(evidence);
        }
    }
    finds(&*index, &[digest("two"), digest("one")], &in_order(added)).await
}

async fn nothing_of_many_is_left_out(world: EvidenceIndexWorld) -> Outcome {
    const MANY: usize = 120;
    let index = world.index().await;
    let mut added = Vec::new();
    for n in 0..MANY {
        let evidence = about("orders", &n.to_string()).await?;
        add(&*index, &evidence).await?;
        added.push(evidence);
    }
    let subjects: BTreeSet<_> = (0..MANY).map(|n| digest(&n.to_string())).chain([digest("orders")]).collect();
    let found = index.about(&cx("about"), &subjects).await.works()?;
    ensure!(found == in_order(added), "{MANY} pieces were added, and {} of them are found, or in another order", found.len());
    Ok(())
}

async fn adding_again_changes_nothing(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let evidence = about("orders", "it").await?;
    for key in ["add", "add", "another key"] {
        index.add(&cx(key), &evidence).await.works()?;
    }
    finds(&*index, &[digest("orders")], &[evidence]).await
}

/// Evidence about something with this digest of some algorithm.
async fn with_digest(algorithm: &str, value: &str) -> Result<IndexedEvidence, String> {
    let mut subject = Subject::named("orders");
    subject.digest.insert(algorithm.to_owned(), value.to_owned());
    signed("it", vec![subject], 1).await
}

async fn what_no_index_takes_is_refused_and_the_rest_with_it(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let longest = "a".repeat(MAX_INDEXED_BYTES);
    let both = with_digest(&longest, &longest).await?;
    add(&*index, &both).await?;
    let good = about("orders", "it").await?;
    for (algorithm, value) in [
        ("sha512", format!("{longest}a")),
        ("sha512", "0123456789abcdef".repeat(500)),
        ("sha512", "0\u{0}1".to_owned()),
        (&*format!("{longest}a"), "0".to_owned()),
    ] {
        let refused = with_digest(algorithm, &value).await?;
        let added = index.add_all(&cx("add"), &[good.clone(), refused]).await;
        added.fails(ErrorKind::Invalid, "no index finds one of them")?;
        finds(&*index, &[digest("orders")], &[]).await?;
    }
    add(&*index, &good).await?;
    finds(&*index, &[digest("orders")], &[good]).await?;
    finds(&*index, &[SubjectDigest { algorithm: longest.clone(), value: longest }], &[both]).await
}

async fn a_second_signer_is_a_second_envelope(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let (first, second) = (signed("it", vec![artifact("orders")], 1).await?, signed("it", vec![artifact("orders")], 2).await?);
    ensure!(first.id() == second.id(), "the case itself is wrong: one statement is one piece of evidence");
    add(&*index, &first).await?;
    add(&*index, &second).await?;
    finds(&*index, &[digest("orders")], &in_order(vec![first, second])).await
}

async fn a_proof_that_comes_later_is_taken_up(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let evidence = about("orders", "it").await?;
    add(&*index, &evidence).await?;
    let proven = logged(&evidence)?;
    add(&*index, &proven).await?;
    finds(&*index, &[digest("orders")], &[proven]).await
}

async fn a_proof_is_not_lost_by_adding_again(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let evidence = about("orders", "it").await?;
    let proven = logged(&evidence)?;
    add(&*index, &proven).await?;
    add(&*index, &evidence).await?;
    finds(&*index, &[digest("orders")], &[proven]).await
}

async fn writers_beside_each_other_lose_nothing(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let mut added = Vec::new();
    let mut tasks = Vec::new();
    for n in 0..16 {
        // Each of them is added by two at once.
        let evidence = about("orders", &(n / 2).to_string()).await?;
        let index = index.clone();
        added.push(evidence.clone());
        tasks.push(tokio::spawn(async move { add(&*index, &evidence).await }));
    }
    for task in tasks {
        task.await.map_err(|e| format!("a writer did not end: {e}"))??;
    }
    let mut expected = in_order(added);
    expected.dedup();
    finds(&*index, &[digest("orders")], &expected).await
}

async fn abandoned_evidence_is_whole_or_not_there(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    for polls in 1_u8..=6 {
        let name = polls.to_string();
        let evidence = signed("it", vec![artifact(&name), artifact(&format!("{name} too"))], 1).await?;
        abandon(index.add(&cx("abandoned"), &evidence), usize::from(polls)).await;
        let subjects = [digest(&name), digest(&format!("{name} too"))];
        // What was abandoned may still be written between two looks, but it is never taken away.
        let mut seen = 0;
        for subject in subjects.iter().chain(subjects.first()) {
            let found = index.about(&cx("about"), &BTreeSet::from([subject.clone()])).await.works()?.len();
            ensure!(seen <= found, "it is found by one of its subjects and not by the other");
            seen = found;
        }
        add(&*index, &evidence).await?;
        finds(&*index, &subjects, &[evidence]).await?;
    }
    Ok(())
}

async fn what_was_acknowledged_is_there_after_a_restart(world: EvidenceIndexWorld) -> Outcome {
    let (plain, proven) = (about("orders", "plain").await?, logged(&about("orders", "proven").await?)?);
    let index = world.index().await;
    for evidence in [&plain, &proven] {
        add(&*index, evidence).await?;
    }
    drop(index);
    let index = world.index().await;
    finds(&*index, &[digest("orders")], &in_order(vec![plain.clone(), proven.clone()])).await?;
    add(&*index, &plain).await?;
    finds(&*index, &[digest("orders")], &in_order(vec![plain, proven])).await
}

async fn what_one_has_added_another_finds(world: EvidenceIndexWorld) -> Outcome {
    let (one, two) = (world.index().await, world.index().await);
    let mut added = Vec::new();
    for n in 0..20 {
        let (writer, reader) = if n % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let evidence = about("orders", &n.to_string()).await?;
        add(&**writer, &evidence).await?;
        added.push(evidence);
        finds(&**reader, &[digest("orders")], &in_order(added.clone())).await?;
    }
    let both = about("web", "it").await?;
    let (index, same) = (one.clone(), both.clone());
    let rival = tokio::spawn(async move { add(&*index, &same).await });
    add(&*two, &both).await?;
    rival.await.map_err(|e| format!("a writer did not end: {e}"))??;
    finds(&*two, &[digest("web")], &[both]).await
}

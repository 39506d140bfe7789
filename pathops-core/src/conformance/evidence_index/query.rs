//! What a query must find, and in which pages.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{EvidenceIndexWorld, add, artifact, digest, signed_as};
use crate::adapter::{EvidenceIndex, EvidenceQuery, IndexedEvidence, PageLimit, Window};
use crate::conformance::case::{Answer as _, abandon};
use crate::conformance::scm::world::cx;
use crate::conformance::{Outcome, ensure};
use crate::evidence::{Deployment, Health, Predicate as _};
use crate::policy::Verdict;
use crate::time::UnixMillis;

/// Says of one what it is, in the words of its predicate.
struct Said {
    change_set: &'static str,
    unit: &'static str,
    environment: &'static str,
    at: Option<i64>,
    good: bool,
    kind: &'static str,
    key: u64,
}

const SAID: Said = Said {
    change_set: "dates-1",
    unit: "orders",
    environment: "preflight",
    at: Some(1_000),
    good: true,
    kind: Deployment::TYPE,
    key: 1,
};

impl Said {
    async fn about(&self, name: &str) -> Result<IndexedEvidence, String> {
        let (of, good) = (if self.kind == Health::TYPE { "healthy" } else { "ready" }, self.good);
        let at = self.at.map_or(Value::Null, |at| json!(UnixMillis(at).to_string()));
        let predicate = json!({
            "changeSet": self.change_set, "unit": self.unit, "environment": self.environment, "observedOn": at, of: good,
            "words": name,
        });
        signed_as(self.kind, &predicate, vec![artifact(name)], self.key).await
    }
}

/// One of each kind, beside the first, which all others differ from by one facet.
async fn different() -> Result<Vec<IndexedEvidence>, String> {
    Ok(vec![
        SAID.about("first").await?,
        Said { change_set: "dates-2", ..SAID }.about("change set").await?,
        Said { unit: "web", ..SAID }.about("unit").await?,
        Said { environment: "production", ..SAID }.about("environment").await?,
        Said { at: Some(2_000), ..SAID }.about("time").await?,
        Said { at: None, ..SAID }.about("no time").await?,
        Said { good: false, ..SAID }.about("verdict").await?,
        Said { kind: Health::TYPE, ..SAID }.about("kind").await?,
        Said { key: 2, ..SAID }.about("key").await?,
    ])
}

async fn filled(world: &EvidenceIndexWorld, evidence: &[IndexedEvidence]) -> Result<Arc<dyn EvidenceIndex>, String> {
    let index = world.index().await;
    index.add_all(&cx("fill"), evidence).await.works()?;
    Ok(index)
}

/// All pages of a query, each as long as its limit but the last.
async fn pages(index: &dyn EvidenceIndex, query: &EvidenceQuery) -> Result<Vec<IndexedEvidence>, String> {
    let (mut query, mut all) = (query.clone(), Vec::new());
    loop {
        let page = index.query(&cx("query"), &query).await.works()?;
        let limit = usize::from(query.limit.get());
        let fits = if page.next.is_some() { page.evidence.len() == limit } else { page.evidence.len() <= limit };
        ensure_some(fits, || format!("a page of {limit} has {}, and goes on at {:?}", page.evidence.len(), page.next))?;
        ensure_some(query.after.is_none() || !page.evidence.is_empty(), || "the last page said that there was more".to_owned())?;
        all.extend(page.evidence);
        let Some(next) = page.next else { return Ok(all) };
        ensure_some(all.len() < 10_000, || "there is no last page".to_owned())?;
        query.after = Some(next);
    }
}

fn ensure_some(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(why()) }
}

/// The newest first, what has no time last, and then by evidence and blob: written down here anew.
fn sorted(mut evidence: Vec<IndexedEvidence>) -> Vec<IndexedEvidence> {
    let at =
        |it: &IndexedEvidence| it.facets().and_then(|facets| facets.at).map_or(i128::from(i64::MIN) - 1, |at| i128::from(at.0));
    evidence.sort_by_key(|it| (-at(it), it.id(), it.envelope()));
    evidence
}

fn names(evidence: &[IndexedEvidence], all: &[IndexedEvidence]) -> Vec<usize> {
    evidence.iter().map(|it| all.iter().position(|other| other == it).unwrap_or(usize::MAX)).collect()
}

async fn expect(index: &dyn EvidenceIndex, query: &EvidenceQuery, expected: Vec<IndexedEvidence>) -> Outcome {
    let found = pages(index, query).await?;
    let (expected, total) = (sorted(expected), found.len());
    ensure!(found == expected, "{query:?} must find {} and has found {total}: {:?}", expected.len(), names(&found, &expected));
    Ok(())
}

fn limit(entries: u16) -> PageLimit {
    PageLimit::new(entries).unwrap_or_default()
}

fn window(from: i64, until: i64) -> Option<Window> {
    Window::new(UnixMillis(from), UnixMillis(until)).ok()
}

pub(super) async fn a_query_finds_by_each_of_its_conditions(world: EvidenceIndexWorld) -> Outcome {
    let all = different().await?;
    let index = filled(&world, &all).await?;
    let any = EvidenceQuery::default();
    let signer = all.first().and_then(|first| first.facets()).map(|facets| facets.signer);
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    // All but the one that differs, by its place in the list.
    let but_one: [(EvidenceQuery, usize); 6] = [
        (EvidenceQuery { change_set: Some("dates-1".parse().map_err(|e| fail(&e))?), ..any.clone() }, 1),
        (EvidenceQuery { unit: Some("orders".parse().map_err(|e| fail(&e))?), ..any.clone() }, 2),
        (EvidenceQuery { environment: Some("preflight".parse().map_err(|e| fail(&e))?), ..any.clone() }, 3),
        (EvidenceQuery { verdict: Some(Verdict::Pass), ..any.clone() }, 6),
        (EvidenceQuery { kind: Some(Deployment::TYPE.to_owned()), ..any.clone() }, 7),
        (EvidenceQuery { signer, ..any.clone() }, 8),
    ];
    for (query, without) in but_one {
        let others = all.iter().enumerate().filter(|(place, _)| *place != without).map(|(_, it)| it.clone());
        expect(&*index, &query, others.collect()).await?;
    }
    for one in &all {
        let same = all.iter().filter(|it| it.id() == one.id()).cloned().collect();
        expect(&*index, &EvidenceQuery { id: Some(one.id()), ..any.clone() }, same).await?;
    }
    for (name, one) in ["first", "change set", "unit"].into_iter().zip(&all) {
        let about = EvidenceQuery { subject: Some(digest(name)), ..any.clone() };
        expect(&*index, &about, vec![one.clone()]).await?;
    }
    expect(&*index, &EvidenceQuery { verdict: Some(Verdict::Unknown), ..any.clone() }, Vec::new()).await?;
    expect(&*index, &any, all).await
}

pub(super) async fn conditions_narrow_together(world: EvidenceIndexWorld) -> Outcome {
    let all = different().await?;
    let index = filled(&world, &all).await?;
    let of = |places: &[usize]| places.iter().filter_map(|place| all.get(*place)).cloned().collect::<Vec<_>>();
    let orders = EvidenceQuery { unit: "orders".parse().ok(), change_set: "dates-1".parse().ok(), ..EvidenceQuery::default() };
    expect(&*index, &orders, of(&[0, 3, 4, 5, 6, 7, 8])).await?;
    let bad = EvidenceQuery { verdict: Some(Verdict::Fail), ..orders.clone() };
    expect(&*index, &bad, of(&[6])).await?;
    expect(&*index, &EvidenceQuery { kind: Some(Health::TYPE.to_owned()), ..bad }, Vec::new()).await?;
    let about_web = EvidenceQuery { subject: Some(digest("unit")), ..orders.clone() };
    expect(&*index, &about_web, Vec::new()).await?;
    let then = EvidenceQuery { window: window(1_500, 2_500), ..orders };
    expect(&*index, &then, of(&[4])).await
}

pub(super) async fn a_window_has_its_first_instant_and_not_its_last(world: EvidenceIndexWorld) -> Outcome {
    let mut all = Vec::new();
    for at in [Some(-1), Some(0), Some(1_000), Some(2_000), None] {
        all.push(Said { at, ..SAID }.about(&format!("{at:?}")).await?);
    }
    let index = filled(&world, &all).await?;
    let of = |places: &[usize]| places.iter().filter_map(|place| all.get(*place)).cloned().collect::<Vec<_>>();
    for (window, expected) in [
        (window(0, 2_000), vec![1, 2]),
        (window(2_000, 2_001), vec![3]),
        (window(i64::MIN, 0), vec![0]),
        (window(i64::MIN, i64::MAX), vec![0, 1, 2, 3]),
    ] {
        expect(&*index, &EvidenceQuery { window, ..EvidenceQuery::default() }, of(&expected)).await?;
    }
    Ok(())
}

pub(super) async fn pages_follow_each_other_without_a_gap(world: EvidenceIndexWorld) -> Outcome {
    let mut all = Vec::new();
    for n in 0_i64..17 {
        // Several of one instant, and several without any.
        let at = if n < 12 { Some(n / 3) } else { None };
        all.push(Said { at, ..SAID }.about(&n.to_string()).await?);
    }
    let index = filled(&world, &all).await?;
    for entries in [1, 2, 3, 16, 17, 18] {
        let query = EvidenceQuery { limit: limit(entries), unit: "orders".parse().ok(), ..EvidenceQuery::default() };
        expect(&*index, &query, all.clone()).await?;
        let about = EvidenceQuery { subject: Some(digest("3")), limit: limit(entries), ..EvidenceQuery::default() };
        expect(&*index, &about, all.get(3).cloned().into_iter().collect()).await?;
    }
    Ok(())
}

pub(super) async fn what_is_added_between_two_pages_disturbs_none(world: EvidenceIndexWorld) -> Outcome {
    let mut all = Vec::new();
    for n in 0..6 {
        all.push(Said { at: Some(n * 10), ..SAID }.about(&n.to_string()).await?);
    }
    let index = filled(&world, &all).await?;
    let query = EvidenceQuery { limit: limit(3), ..EvidenceQuery::default() };
    let first = index.query(&cx("query"), &query).await.works()?;
    let (newer, older) = (Said { at: Some(999), ..SAID }.about("newer").await?, Said { at: Some(5), ..SAID }.about("old").await?);
    index.add_all(&cx("between"), &[newer, older.clone()]).await.works()?;
    let rest = pages(&*index, &EvidenceQuery { after: first.next, ..query }).await?;
    let found: Vec<_> = first.evidence.into_iter().chain(rest).collect();
    all.push(older);
    ensure!(found == sorted(all), "what was there comes once each, and what came behind it too: {found:?}");
    Ok(())
}

pub(super) async fn a_place_in_the_ledger_is_taken_up_and_kept(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    let evidence = SAID.about("first").await?;
    let placed = evidence.clone().with_leaf(7);
    for again in [&evidence, &placed, &evidence, &evidence.clone().with_leaf(9)] {
        add(&*index, again).await?;
    }
    expect(&*index, &EvidenceQuery::default(), vec![placed.clone()]).await?;
    super::finds(&*index, &[digest("first")], &[placed]).await
}

pub(super) async fn many_are_added_as_one(world: EvidenceIndexWorld) -> Outcome {
    let index = world.index().await;
    for polls in 1_usize..=5 {
        let mut many = Vec::new();
        for n in 0..5 {
            let said = Said { at: Some(n), ..SAID };
            many.push(said.about(&format!("{polls} {n}")).await?);
        }
        // One of them twice: its second coming adds the place.
        let (first, again) = (many.first().cloned(), many.first().cloned().map(|it| it.with_leaf(3)));
        let batch: Vec<_> = many.iter().cloned().chain(again.clone()).collect();
        let of_these = |found: Vec<IndexedEvidence>| found.iter().filter(|it| many.iter().any(|one| one.id() == it.id())).count();
        abandon(index.add_all(&cx("abandoned"), &batch), polls).await;
        let mut seen = 0;
        for _ in 0..3 {
            let found = of_these(pages(&*index, &EvidenceQuery::default()).await?);
            ensure!(found == 0 || found == many.len(), "{found} of {} are there", many.len());
            ensure!(seen <= found, "what was there is gone");
            seen = found;
        }
        index.add_all(&cx("many"), &batch).await.works()?;
        let found = pages(&*index, &EvidenceQuery::default()).await?;
        ensure!(of_these(found.clone()) == many.len(), "all of them are there once: {found:?}");
        let placed = first.and_then(|first| found.iter().find(|it| it.id() == first.id()).and_then(IndexedEvidence::leaf));
        ensure!(placed == Some(3), "what the same envelope adds later in a batch is taken up: {placed:?}");
    }
    index.add_all(&cx("none"), &[]).await.works()
}

//! Finding what is in a store.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_adapters::sqlite::SqliteEvidenceIndex;
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, IndexedEvidence, PageLimit, SubjectDigest, Window};
use pathops_core::evidence::{Checkpoint, EvidenceId, Predicate as _, Snapshot, TrustRoot};
use pathops_core::{Digest, OpContext, UnixMillis};
use pathops_evidence::ledger::{LogReader, Place};
use pathops_evidence::{Rebuild, Recheck, SnapshotDifference, add_each, lineage, rebuild_index};
use pathops_examples::Failure;
use pathops_examples::store::Store;
use serde_json::json;

use crate::arguments::Query;

pub(crate) async fn query(cx: &OpContext, arguments: Query) -> Result<String, Failure> {
    let store = arguments.place.clone().store()?;
    let (proofs, json) = (arguments.proofs, arguments.json);
    let index = store.index(cx).await?;
    caught_up(cx, &store, &index).await?;
    let page = index.query(cx, &asked(arguments)?).await?;
    let ledger = if proofs { Some((Proving::of(cx, &store).await?, store.trust(cx).await?)) } else { None };
    let mut told = String::new();
    for entry in &page.evidence {
        let place = match &ledger {
            Some((ledger, trust)) => Some(ledger.prove(cx, trust, entry).await?),
            None => None,
        };
        if json {
            writeln!(told, "{}", as_json(entry, place.as_ref())?)?;
        } else {
            writeln!(told, "{}", line(entry, place.as_ref()))?;
        }
    }
    if let Some(next) = page.next {
        if json {
            writeln!(told, "{}", json!({ "next": next.to_string() }))?;
        } else {
            writeln!(told, "there is more: --after {next}")?;
        }
    }
    Ok(told)
}

fn asked(arguments: Query) -> Result<EvidenceQuery, Failure> {
    let Query { subject, change_set, app, environment, kind, producer, verdict, from, until, after, limit, .. } = arguments;
    let window = match (from, until) {
        (None, None) => None,
        (from, until) => Some(Window::new(from.unwrap_or(UnixMillis(i64::MIN)), until.unwrap_or(UnixMillis(i64::MAX)))?),
    };
    let limit = PageLimit::new(limit)?;
    Ok(EvidenceQuery {
        id: None,
        subject,
        change_set,
        unit: app,
        environment,
        kind,
        signer: producer,
        verdict,
        window,
        after,
        limit,
    })
}

/// How many leaves are looked up at once that an index may not have.
const MAX_BEHIND: u64 = 10_000;

/// Adds what the ledger has and the index does not: whoever was interrupted between the two has left it out. Gives up to which leaf the
/// index has everything.
async fn catch_up(cx: &OpContext, store: &Store, index: &SqliteEvidenceIndex) -> Result<u64, Failure> {
    let reader = LogReader::new(store.existing(cx).await?, store.log(cx).await?);
    // Nothing was appended yet.
    let Some(checkpoint) = reader.checkpoint(cx).await? else { return Ok(0) };
    let (mut next, size, trust) = (store.indexed(index).await?, checkpoint.size, store.trust(cx).await?);
    let behind = size.saturating_sub(next);
    if behind > MAX_BEHIND {
        return Err(format!("it may lack {behind} leaves, more than are looked up at once: run `rebuild-index`").into());
    }
    while next < size {
        let items = reader.items_from(cx, next).await?;
        let mut entries = Vec::new();
        for item in items.iter().take(usize::try_from(size - next)?) {
            if reader.inclusion(cx, next, &checkpoint).await?.leaf != item.leaf() {
                return Err(format!("no batch has leaf {next}: verify the store").into());
            }
            // What nobody trusted has signed is not indexed.
            if let Ok(verified) = trust.verify(item.envelope()) {
                entries.push(IndexedEvidence::new(&verified, Digest::of(&item.envelope().to_vec()?)).with_leaf(next));
            }
            next += 1;
        }
        if items.is_empty() {
            return Err(format!("no batch has leaf {next}: verify the store").into());
        }
        for (entry, why) in add_each(cx, index, &entries).await? {
            writeln!(io::stderr(), "{} is not in the index, and nothing finds it there: {why}", entry.id())?;
        }
    }
    if behind > 0 {
        store.indexed_until(index, next).await?;
    }
    Ok(next)
}

/// Why the ledger is not what it was when the index or the last checkpoint was written, where it is shorter. A crash of the machine may have
/// taken its newest checkpoint: then the batches are there, and whoever appends next signs it again.
async fn cut_back(cx: &OpContext, store: &Store) -> Result<Option<String>, Failure> {
    let log = store.log(cx).await?;
    let kept = store.kept()?.and_then(|note| log.verify(&note).ok()).map_or(0, |kept| kept.size);
    let (had, reader) = (kept.max(store.was_indexed()?), LogReader::new(store.existing(cx).await?, log));
    let has = reader.checkpoint(cx).await?.map_or(0, |newest| newest.size);
    if has >= had || reader.item(cx, had.saturating_sub(1)).await?.is_some() {
        return Ok(None);
    }
    let advice = "put the newest state of all of `log/` back from a backup, and append nothing before";
    Ok(Some(format!("the ledger has {has} leaves, and had {had}: an older state was put back, or a part is gone; {advice}")))
}

/// Catches up, and says so where it could not be done: what is found may not be all there is.
///
/// # Errors
/// Where the ledger is shorter than it was: nothing is looked up or appended then.
pub(crate) async fn caught_up(cx: &OpContext, store: &Store, index: &SqliteEvidenceIndex) -> Result<Option<u64>, Failure> {
    // What cannot be read is told below.
    if let Ok(Some(why)) = cut_back(cx, store).await {
        return Err(why.into());
    }
    match catch_up(cx, store, index).await {
        Ok(until) => Ok(Some(until)),
        Err(error) => {
            writeln!(io::stderr(), "the index may not have all that is in the ledger: {error}")?;
            Ok(None)
        }
    }
}

/// The ledger, as it is now.
struct Proving {
    reader: LogReader,
    checkpoint: Checkpoint,
}

impl Proving {
    async fn of(cx: &OpContext, store: &Store) -> Result<Self, Failure> {
        let reader = LogReader::new(store.existing(cx).await?, store.log(cx).await?);
        let checkpoint = reader.checkpoint(cx).await?.ok_or("the ledger has no checkpoint")?;
        Ok(Self { reader, checkpoint })
    }

    /// That the evidence of a row is in the ledger, and says what the row says.
    async fn prove(&self, cx: &OpContext, trust: &TrustRoot, entry: &IndexedEvidence) -> Result<Place, Failure> {
        let place = self.reader.prove(cx, entry, &self.checkpoint).await?;
        if let Some(item) = self.reader.holds(cx, entry).await? {
            let said = IndexedEvidence::new(&trust.verify(item.envelope())?, Digest::of(&item.envelope().to_vec()?));
            if said != entry.without_place() {
                let why = "the index does not say of it what its envelope says: `rebuild-index` makes it anew";
                return Err(format!("{}: {why}", entry.id()).into());
            }
        }
        Ok(place)
    }
}

fn as_json(entry: &IndexedEvidence, place: Option<&Place>) -> Result<serde_json::Value, Failure> {
    let proof = match place {
        None => return Ok(serde_json::to_value(entry)?),
        Some(Place::Proven(logged)) => json!(logged),
        Some(Place::NotInLedger) => json!("not in the ledger"),
    };
    Ok(json!({ "evidence": entry, "proof": proof }))
}

fn line(entry: &IndexedEvidence, place: Option<&Place>) -> String {
    let facets = entry.facets();
    let at = facets.and_then(|it| it.at).map_or_else(|| "undated".to_owned(), |at| at.to_string());
    let verdict = facets.map_or_else(String::new, |it| it.verdict.to_string());
    let of: Vec<String> = facets.map_or_else(Vec::new, |it| {
        let unit = it.unit.iter().map(ToString::to_string);
        let environment = it.environment.iter().map(|it| format!("@{it}"));
        unit.chain(environment).chain(it.change_set.iter().map(|it| format!(" {it}"))).collect()
    });
    let proof = match place {
        None => String::new(),
        Some(Place::Proven(logged)) => {
            format!("  leaf {} of {}", logged.inclusion.index, logged.checkpoint.size)
        }
        Some(Place::NotInLedger) => "  not in the ledger".to_owned(),
    };
    format!("{at:<24} {verdict:<7} {}  {}  {}{proof}", entry.id().0.hex(), entry.predicate_type(), of.concat())
}

pub(crate) async fn origin(cx: &OpContext, digest: &SubjectDigest, store: &Store, json: bool) -> Result<String, Failure> {
    let blobs = ObjectStoreBlobs::within(store.existing(cx).await?);
    let index = store.index(cx).await?;
    caught_up(cx, store, &index).await?;
    let lineage = lineage(cx, &index, &blobs, &store.trust(cx).await?, digest).await?;
    if json { Ok(serde_json::to_string_pretty(&lineage)? + "\n") } else { Ok(lineage.to_string()) }
}

pub(crate) async fn diff(cx: &OpContext, names: [&str; 2], store: &Store, json: bool) -> Result<String, Failure> {
    let (reader, trust) = (LogReader::new(store.existing(cx).await?, store.log(cx).await?), store.trust(cx).await?);
    let mut snapshots = Vec::new();
    for name in names {
        let id = named(name)?;
        let bundle = reader.find(cx, id).await?.ok_or_else(|| format!("the ledger does not have {id}"))?;
        let verified = trust.verify(bundle.1.envelope())?;
        let statement = verified.statement();
        let snapshot = Some(statement).filter(|it| it.predicate_type == Snapshot::TYPE);
        let snapshot = snapshot.and_then(|it| serde_json::from_value::<Snapshot>(it.predicate.clone()).ok());
        snapshots.push(snapshot.ok_or_else(|| format!("{id} is no snapshot"))?);
    }
    let [first, second] = snapshots.as_slice() else { return Err("two snapshots are compared".into()) };
    let difference = SnapshotDifference::between(first, second);
    if json { Ok(serde_json::to_string_pretty(&difference)? + "\n") } else { Ok(difference.to_string()) }
}

pub(crate) async fn rebuild(cx: &OpContext, store: &Store, quick: bool, from: u64) -> Result<String, Failure> {
    let (recheck, mut next) = (if quick { Recheck::Log } else { Recheck::Signatures }, from);
    let (bucket, log, trust) = (store.existing(cx).await?, store.log(cx).await?, store.trust(cx).await?);
    if let Some(why) = cut_back(cx, store).await? {
        return Err(why.into());
    }
    let known: Vec<_> = store.kept()?.into_iter().filter(|note| log.verify(note).is_ok()).collect();
    let by = Rebuild { log: &log, trust: &trust, known: &known, recheck };
    let rebuilt = if from == 0 {
        let draft = store.index_anew(cx).await?;
        let rebuilt = rebuild_index(cx, bucket, by, &draft, &mut next).await?;
        store.indexed_until(&draft.publish().await?, rebuilt.leaves).await?;
        rebuilt
    } else {
        let index = store.index(cx).await?;
        let rebuilt = rebuild_index(cx, bucket, by, &index, &mut next).await;
        rebuilt.map_err(|error| format!("{error}\n  go on with --from {next} once that is mended"))?
    };
    let mut told = format!("{} of {} leaves are in the index\n", rebuilt.added, rebuilt.leaves.saturating_sub(from));
    for (leaf, why) in &rebuilt.refused.1 {
        writeln!(told, "  leaf {leaf} is not: {why}")?;
    }
    if rebuilt.refused.0 > 0 {
        return Err(told.into());
    }
    Ok(told)
}

/// A piece of evidence, by its name.
pub(crate) fn named(text: &str) -> Result<EvidenceId, Failure> {
    Ok(EvidenceId(Digest::from_hex(text.trim_start_matches("sha256:"))?))
}

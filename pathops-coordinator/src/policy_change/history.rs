//! Past decisions, which a change of the policy is held against.

use pathops_core::adapter::SourceTree;
use pathops_core::evidence::{Predicate as _, VerificationSummary};
use pathops_core::policy::{DecisionRecord, HypotheticalFacts};
use pathops_core::{ErrorKind, OpContext, RepoPath, Result};
use pathops_evidence::EvidenceRecord;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::activity::facts::read_declarations;
use crate::control_plane::ControlPlane;

/// How many past decisions a change of the policy is held against, the newest first.
const HISTORY: usize = 200;

impl ControlPlane {
    /// The newest decisions that the meta repository's records lead to, with the facts they were made over; and how many
    /// of them cannot be read.
    pub(super) async fn decisions(&self, cx: &OpContext) -> Result<(Vec<(HypotheticalFacts, DecisionRecord)>, usize)> {
        let services = self.services();
        let main = services.main(cx, self.meta_repo()).await?;
        let records = read_declarations(&*services.scm, cx, self.meta_repo(), &main, &["change-sets"]).await?;
        let (mut history, mut unreadable) = (Vec::new(), 0);
        for record in decisions(&records).into_iter().take(HISTORY) {
            match services.decision_record(cx, &record).await {
                Ok(record) => history.push((HypotheticalFacts::from(record.facts.clone()), record)),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => unreadable += 1,
                Err(error) => return Err(error),
            }
        }
        Ok((history, unreadable))
    }
}

/// The signed decisions that records of change sets name: those of the change set that was declared last first, and of
/// each the last decision first.
fn decisions(records: &SourceTree) -> Vec<EvidenceRecord> {
    let read = |path: String| -> Option<Value> {
        let file = records.get(&RepoPath::parse(path).ok()?)?;
        serde_json::from_slice(&file.bytes).ok()
    };
    let folders = records.keys().filter_map(|path| path.as_str().strip_suffix("/evidence.json"));
    let mut change_sets: Vec<_> = folders
        .filter_map(|folder| {
            let declared_at = read(format!("{folder}/status.json"))?.get("declaredAt")?.as_str()?.to_owned();
            Some((declared_at, read(format!("{folder}/evidence.json"))?))
        })
        .collect();
    change_sets.sort_by(|(one, _), (other, _)| other.cmp(one));
    let units = change_sets.iter().filter_map(|(_, evidence)| evidence.get("units")?.as_object()).flat_map(Map::values);
    let lists = units.filter_map(|unit| Vec::<EvidenceRecord>::deserialize(unit.get("evidence")?).ok());
    lists.flat_map(|list| list.into_iter().rev()).filter(|it| it.predicate_type == VerificationSummary::TYPE).collect()
}

//! What others have verified of what runs is evidence, too: what Argo Rollouts has analysed is taken in as it is.

use crate::Failure;
use crate::controller::Verifier;
use crate::host::Machine;

/// Who hands it in.
#[cfg(feature = "argocd")]
const ATTESTER: &str = "https://argoproj.github.io/rollouts";

#[cfg(not(feature = "argocd"))]
#[expect(clippy::unused_async, reason = "with Argo CD it waits")]
pub(crate) async fn take_in(_: &Machine, verifier: &Verifier) -> Result<(), Failure> {
    match *verifier {}
}

/// Takes in what was verified of the newest desired state of each unit in each environment.
#[cfg(feature = "argocd")]
pub(crate) async fn take_in(machine: &Machine, verifier: &Verifier) -> Result<(), Failure> {
    use pathops_adapters::kubernetes::VerificationQuery;
    use pathops_core::adapter::Collected;
    use pathops_core::evidence::{Keeping, Subject, TestAnnotations};
    use pathops_core::{IdempotencyKey, OpContext};
    use pathops_evidence::redact::Redactor;
    use pathops_evidence::{Origin, Sealer, ingest};

    let cx = OpContext::new(IdempotencyKey::new("take in what others have verified"));
    let (store, project, redactor) = (&machine.store, &machine.project, Redactor::new([])?);
    let sealer = Sealer::new(store.signer.clone(), store.blobs.clone()).with_ledger(store.ledger.clone());
    for unit in project.units.values() {
        for target in [&project.environments.preflight, &project.environments.production] {
            let environment = &target.environment;
            let head = machine.host.scm().branch_head(&cx, &unit.desired_state, &target.branch).await?;
            let Some(head) = head else { continue };
            // What was verified before is of what ran before.
            let since = machine.host.scm().read_commit(&cx, &unit.desired_state, &head).await?.at;
            let of = [head.to_string()].into();
            let query = VerificationQuery { unit: unit.id.clone(), environment: environment.clone(), since, of };
            for report in verifier.verifications(&cx, &query).await? {
                let report = match report {
                    Collected::Present(report) => report,
                    Collected::Absent(lack) => {
                        machine.account.text(&format!("{}@{environment} was verified by nobody else: {lack}\n", unit.id));
                        continue;
                    }
                };
                let annotations = TestAnnotations {
                    unit: Some(unit.id.clone()),
                    environment: Some(environment.clone()),
                    ..TestAnnotations::default()
                };
                let origin = Origin {
                    name: report.name,
                    subjects: vec![Subject::named(format!("{}@{environment}", unit.id)).with_commit(&head)],
                    attester: ATTESTER.to_owned(),
                    at: report.at,
                    suite: "analysis".to_owned(),
                    annotations,
                    keeping: Keeping::ForEver("the example lets nothing go".to_owned()),
                };
                ingest(&cx, &sealer, &redactor, &report.bytes, None, &origin).await?;
            }
        }
    }
    Ok(())
}

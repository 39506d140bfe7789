//! Why a change set waits, asked of a control plane over an engine: on each of them the answer is the same.

#[path = "../../examples/embed/sample.rs"]
mod sample;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use libtest_mimic::Trial;
use pathops_adapters::system::SystemClock;
use pathops_coordinator::{ControlPlane, Deadline, EndedBy, Wait};
use pathops_core::adapter::{AgentCapabilities, Clock as _, NotifierCapabilities, SourceFile};
use pathops_core::flow::Engine;
use pathops_core::memory::{
    MemoryAgent, MemoryBlobs, MemoryBucket, MemoryCi, MemoryJournal, MemoryNotifier, MemorySignals, MemorySigner, SeededIds,
};
use pathops_core::{ChangeSetId, IdempotencyKey, PersonId, Principal, RepoPath, UnixMillis};
use tokio::runtime::Builder;

use crate::embedded::{clock, engine};

type Failure = Box<dyn std::error::Error>;

/// What people are waited for, before they merge it into production.
const APPROVAL: &str = "waits for its requirement `approval`";

const PATIENCE: Duration = Duration::from_secs(120);

/// A control plane over an engine, and around that everything in memory.
fn plane(engine: Arc<dyn Engine>) -> ControlPlane {
    let (forge, blobs) = (sample::forge(clock()).unwrap(), Arc::new(MemoryBlobs::new()));
    let scm = forge.scm(Principal::System);
    let agent = MemoryAgent::new("patch".parse().unwrap(), |_, files| {
        let bytes = b"replicas: 1\n".to_vec();
        files.insert(RepoPath::parse("environments/preflight/deployment.yaml").unwrap(), SourceFile { bytes, executable: false });
        Ok("done".to_owned())
    });
    let mut patch = AgentCapabilities::default();
    patch.patch = true;
    ControlPlane::builder()
        .engine(engine)
        .meta_repo("demo/meta".parse().unwrap())
        .scm(scm.clone())
        .merge(forge.merger(Principal::System))
        .ci(Arc::new(MemoryCi::new(scm.clone(), blobs.clone(), clock())))
        .gitops(sample::controller(scm, clock()).unwrap())
        .signals(Arc::new(MemorySignals::default()))
        .blobs(blobs)
        .streams(Arc::new(MemoryBucket::new()))
        .signer(Arc::new(MemorySigner::from_seed(1).unwrap()))
        .agent(Arc::new(agent.with_capabilities(patch)))
        .notifier(Arc::new(MemoryNotifier::new(NotifierCapabilities::default())))
        .clock(clock())
        .ids(Arc::new(SeededIds::new(1)))
        .build()
        .unwrap()
}

/// What a change set says it waits for: for the approval of what goes to production, while it is paused, and once it goes on. Instants are left out.
pub(crate) async fn answers(engine: Arc<dyn Engine>) -> [Vec<Wait>; 3] {
    let (plane, begun) = (plane(engine), clock().now());
    let (key, alice): (_, PersonId) = (IdempotencyKey::new("asked"), "alice".parse().unwrap());
    let change_set = plane.request_feature(sample::request().unwrap(), Some(&key)).await.unwrap();
    let mut answers = [Vec::new(), Vec::new(), Vec::new()];
    let [before, paused, after] = &mut answers;
    let asks = async {
        *before = settled(&plane, &change_set, APPROVAL, begun).await;
        plane.pause(&change_set, &alice, "not on a Friday").await.unwrap();
        *paused = settled(&plane, &change_set, "is paused by alice: not on a Friday", begun).await;
        plane.resume(&change_set, &alice, "it is Monday").await.unwrap();
        *after = settled(&plane, &change_set, APPROVAL, begun).await;
    };
    {
        let ran = pin!(plane.run(asks));
        match select(ran, clock().sleep(PATIENCE)).await {
            Either::Left((ran, _)) => ran.unwrap(),
            Either::Right(_) => panic!("it took too long: {:#?}", plane.waits(&change_set).await),
        }
    }
    answers
}

/// What it waits for, once that has been the same for a second, and this is a part of it.
async fn settled(plane: &ControlPlane, change_set: &ChangeSetId, what: &str, begun: UnixMillis) -> Vec<Wait> {
    let (mut last, mut same) = (Vec::new(), 0);
    while same < 20 {
        SystemClock.sleep(Duration::from_millis(50)).await;
        let waits = plane.waits(change_set).await.unwrap().unwrap();
        let now = SystemClock.now();
        assert!(waits.iter().all(|it| it.since >= begun && it.since <= now), "{waits:#?}");
        let waits: Vec<_> = waits.into_iter().map(timeless).collect();
        let is_there = waits.iter().any(|it| it.what.starts_with(what));
        same = if is_there && waits == last { same + 1 } else { 0 };
        last = waits;
    }
    last
}

fn timeless(wait: Wait) -> Wait {
    let at = UnixMillis(0);
    Wait { since: at, deadline: wait.deadline.map(|Deadline { then, .. }| Deadline { at, then }), ..wait }
}

pub(crate) async fn embedded() -> [Vec<Wait>; 3] {
    answers(engine(Arc::new(MemoryJournal::new()), clock(), "asked".to_owned())).await
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("memory::a_change_set_says_why_it_waits", || {
        let [before, paused, after] = Builder::new_current_thread().enable_all().build()?.block_on(embedded());
        assert!(matches!(&before[..], [Wait { ended_by: EndedBy::Remaining(left), .. }] if left.steps.len() == 1), "{before:#?}");
        assert!(matches!(&paused[..], [Wait { unit: None, deadline: None, .. }]), "{paused:#?}");
        assert_eq!(after, before);
        Ok(())
    })]
}

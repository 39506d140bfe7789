//! The lifecycles of a change set and of what it brings: they follow from its steps.
//!
//! An activity that has a proof moves the lifecycle of a unit's artifact by it. No proof is made here, where nothing is at hand
//! that was verified: an artifact is begun or ruled out, which takes none, and two accounts follow by what activities have
//! recorded. The change set's own goes as far as the pull requests and artifacts of its units, and that of an app or component
//! as far as the promotion of what it brought.

use std::collections::BTreeMap;

use pathops_core::lifecycle::{
    Artifact, ArtifactLifecycle, ArtifactState, Change, ChangeSetLifecycle, ChangeSetState, Ground, Recorded, TransitionError,
};
use pathops_core::project::Lifecycle;
use pathops_core::{UnitId, UnixMillis};

use crate::change_set::step::remark;
use crate::change_set::{End, Progress, Role, Stage, State};

type Next = Result<ChangeSetLifecycle, TransitionError<ChangeSetState>>;

/// Takes up what has happened.
pub(super) fn follow(state: &mut State, at: UnixMillis) {
    let ids: Vec<UnitId> = state.units.keys().cloned().collect();
    for unit in &ids {
        begin(state, unit, at);
        if let Some(Err(error)) = state.units.get_mut(unit).map(|progress| promoted(progress, at)) {
            remark(state, format!("the lifecycle of {unit}: {error}"));
        }
    }
    while let Some(next) = next(state, at) {
        match next {
            Ok(lifecycle) => state.lifecycle = lifecycle,
            Err(error) => return remark(state, format!("the lifecycle of the change set: {error}")),
        }
    }
}

/// What a unit brings does not go to production any more. It stays so, whatever else is said of it.
pub(super) fn rule_out(progress: &mut Progress, reason: &str, at: UnixMillis) {
    if let Some(Ok(artifact)) = progress.artifact.as_ref().map(|artifact| artifact.not_promotable(reason, at)) {
        progress.artifact = Some(artifact);
    }
}

/// Begins the lifecycle of what was built, of a component's desired state, and of what goes back.
fn begin(state: &mut State, unit: &UnitId, at: UnixMillis) {
    let start = &state.start;
    let (Some(declared), Some(progress)) = (start.units.get(unit), state.units.get_mut(unit)) else { return };
    let begun = |digest, source| {
        ArtifactLifecycle::built(Artifact {
            change_set: start.change_set.clone(),
            unit: unit.clone(),
            digest,
            source,
            preflight: start.environments.preflight.environment.clone(),
            production: start.environments.production.environment.clone(),
        })
    };
    let built = progress.built.as_ref().map(|built| (Some(built.artifact.digest), Some(built.source.commit.clone())));
    let component = || (declared.source().is_none() && progress.stage >= Stage::Built).then_some((None, None));
    if let Some((digest, source)) = built.or_else(component)
        && progress.artifact.as_ref().is_none_or(|artifact| artifact.subject().digest != digest)
        && let Some(before) = progress.artifact.replace(begun(digest, source))
    {
        progress.replaced.push(before.not_promotable("another build has taken its place", at).unwrap_or(before));
    }
    let before = progress.before.as_ref().filter(|before| before.runs && progress.stage >= Stage::RecoveryDeploy);
    if let (Some(before), None) = (before, &progress.again) {
        let good = progress.last_good.as_ref().filter(|good| good.artifact == before.artifact);
        let source = good.and_then(|good| good.source.as_ref()).map(|source| source.commit.clone());
        progress.again = Some(begun(before.artifact, source));
    }
}

/// What brought a unit into production, or back there, brought the app or component there.
fn promoted(progress: &mut Progress, at: UnixMillis) -> Result<(), TransitionError<Lifecycle>> {
    let Some(mut app) = progress.app.clone() else { return Ok(()) };
    let promotions = [&progress.artifact, &progress.again].into_iter().filter_map(|it| it.as_ref()?.promotion());
    for promotion in promotions {
        let known = |ground: &Ground| matches!(ground, Ground::Promotion(known) if known == promotion.get());
        if !app.transitions().iter().any(|transition| known(&transition.ground)) {
            app = app.promoted(&promotion, at)?;
        }
    }
    progress.app = Some(app);
    Ok(())
}

/// What the change set's lifecycle does next; `None` where it is as far as its units.
fn next(state: &State, at: UnixMillis) -> Option<Next> {
    use ChangeSetState as S;
    let it = &state.lifecycle;
    if let (Some(failure), S::Declared | S::Working | S::InReview | S::InPreflight | S::Decided | S::Promoting) =
        (&state.failure, it.state())
    {
        return Some(it.stopped(format!("{}: {}", failure.unit, failure.reason), at));
    }
    if let (Some(by), S::Declared | S::Working | S::InReview | S::InPreflight | S::Decided | S::Promoting) =
        (&state.cancelled, it.state())
    {
        let early = matches!(it.state(), S::Declared | S::Working | S::InReview);
        if state.end == Some(End::Cancelled) && early {
            return Some(it.cancelled(&**by, at));
        }
        let merged = state.units.values().any(|progress| progress.preflight.is_some() || progress.production.is_some());
        if merged || !early {
            return Some(it.called_off(&**by, at));
        }
    }
    if let (Some(recovery), S::Declared) = (&state.start.recovery, it.state()) {
        let begun = !state.is_called_off() && !state.is_queued();
        return begun.then(|| it.called_off(&recovery.asked.by, at));
    }
    match it.state() {
        S::Declared => all(state, |unit, progress| read(progress, state.workplace(unit))).map(|read| it.working(&read, at)),
        S::Working => {
            let pushed = |unit: &UnitId, progress: &Progress| {
                (progress.stage > Stage::Working).then(|| read(progress, state.workplace(unit))).flatten()
            };
            some(state, pushed).map(|read| it.in_review(&read, at))
        }
        S::InReview => {
            let merged = |progress: &Progress| read(progress, Role::Preflight).filter(|_| progress.preflight.is_some());
            some(state, |_, progress| merged(progress)).map(|merged| it.in_preflight(&merged, at))
        }
        S::InPreflight => all(state, |_, progress| progress.artifact.as_ref()?.decision())
            .map(|decisions| it.decided(&decisions.into_values().collect::<Vec<_>>(), at)),
        S::Decided | S::Promoting => {
            let ended = || state.end.map(|_| it.closed(at));
            promoting(state, |progress| progress.artifact.as_ref(), at).or_else(ended)
        }
        S::Stopped => some(state, |_, progress| read(progress, Role::Recovery))
            .map(|read| it.recovering(&read, at))
            .or_else(|| end(state, at)),
        S::Recovering => promoting(state, |progress| progress.again.as_ref(), at).or_else(|| end(state, at)),
        S::Closed | S::Recovered | S::LeftToPeople | S::Cancelled => None,
    }
}

/// What was granted, taken back or brought into production, and is not in the change set's lifecycle yet.
fn promoting<'s>(state: &'s State, of: impl Fn(&'s Progress) -> Option<&'s ArtifactLifecycle>, at: UnixMillis) -> Option<Next> {
    let it = &state.lifecycle;
    state.units.iter().find_map(|(unit, progress)| {
        let artifact = of(progress)?;
        match (artifact.grant(), it.grant(unit)) {
            (Some(granted), known) if known.as_ref() != Some(&granted) => return Some(it.granted(&granted, at)),
            (None, Some(_)) => return taken_back(artifact).map(|reason| it.taken_back(unit, reason, at)),
            _ => {}
        }
        let promotion = artifact.promotion()?;
        let known = |ground: &Ground| matches!(ground, Ground::Promotion(known) if known == promotion.get());
        let recorded = it.transitions().iter().any(|transition| known(&transition.ground));
        (!recorded).then(|| it.live(&promotion, at))
    })
}

/// Why the last grant was taken back; `None` where there was none yet.
fn taken_back(artifact: &ArtifactLifecycle) -> Option<&str> {
    let last = artifact.transitions().iter().rfind(|transition| transition.from == ArtifactState::Promotable)?;
    last.ground.reason()
}

/// How the change set has ended, after it was stopped.
fn end(state: &State, at: UnixMillis) -> Option<Next> {
    let it = &state.lifecycle;
    match state.end? {
        End::Recovered | End::Cancelled => {
            let observed = |progress: &Progress| progress.again.as_ref()?.preflight();
            let nothing = |progress: &Progress| match (observed(progress), &progress.preflight) {
                (Some(_), _) => None,
                (None, None) => Some("nothing of it was merged into preflight".to_owned()),
                (None, Some(_)) => Some("nothing of it ran in preflight before".to_owned()),
            };
            let of_all: Vec<_> = state.units.values().filter_map(observed).collect();
            Some(it.recovered(&of_all, some(state, |_, progress| nothing(progress)).unwrap_or_default(), at))
        }
        End::Live | End::Incomplete => {
            let left = state.units.iter().filter(|(_, progress)| progress.stage == Stage::LeftToPeople);
            let why: Vec<_> = left
                .map(|(unit, progress)| format!("{unit}: {}", progress.problem.as_deref().unwrap_or("it did not go back")))
                .collect();
            Some(it.left_to_people(why.join("; "), at))
        }
    }
}

fn read(progress: &Progress, role: Role) -> Option<Recorded<Change>> {
    progress.pull_requests.get(&role)?.change()
}

/// What each unit has; `None` while one has not.
fn all<T>(state: &State, of: impl Fn(&UnitId, &Progress) -> Option<T>) -> Option<BTreeMap<UnitId, T>> {
    state.units.iter().map(|(unit, progress)| Some((unit.clone(), of(unit, progress)?))).collect()
}

/// What those units have that have any; `None` while none has.
fn some<T>(state: &State, of: impl Fn(&UnitId, &Progress) -> Option<T>) -> Option<BTreeMap<UnitId, T>> {
    let those: BTreeMap<_, _> =
        state.units.iter().filter_map(|(unit, progress)| Some((unit.clone(), of(unit, progress)?))).collect();
    (!those.is_empty()).then_some(those)
}

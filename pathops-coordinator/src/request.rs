//! From a request to what a change set begins with: the plan, as the project and its policy are now.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::policy::{Action, Ask};
use pathops_core::project::{Environments, FeatureRequest, Project, Role as PersonRole, Unit};
use pathops_core::{ChangeSetId, Error, ErrorKind, OpContext, PersonId, Result, UnitId, UnixMillis};

use crate::activity::Services;
use crate::change_set::{Carried, Flag, Merging, Role, Start, TakeBack, title};
use crate::plan::plan;
use crate::retry::with_retry;

/// What is to become a change set.
pub(crate) struct Wanted {
    pub(crate) change_set: ChangeSetId,
    /// Everything that is to be done, what it carries included.
    pub(crate) request: FeatureRequest,
    pub(crate) carries: Vec<Carried>,
    /// What it takes back.
    pub(crate) take_back: Option<TakeBack>,
    /// When it was declared.
    pub(crate) at: UnixMillis,
}

const OPERATION: &str = "plan a feature";

impl Services {
    /// Plans what is wanted, and looks whether it can be done here: whether who asks for it may, whether the Git host takes its
    /// titles, and whether nothing gets into production there without the required status.
    pub(crate) async fn planned(&self, cx: &OpContext, project: &Project, mut wanted: Wanted) -> Result<Start> {
        let start = match wanted.take_back.take() {
            Some(asked) => self.recovery(cx, project, wanted, asked).await?,
            None => self.plan(cx, project, wanted).await?,
        };
        self.refuse_titles(&start)?;
        for unit in start.units.values() {
            let (repo, target) = (&unit.desired_state, &start.environments.production);
            with_retry(&*self.clock, || Box::pin(self.require_promotion(cx, repo, target))).await?;
        }
        Ok(start)
    }

    async fn plan(&self, cx: &OpContext, project: &Project, wanted: Wanted) -> Result<Start> {
        let Wanted { change_set, request, carries, take_back: _, at } = wanted;
        let denied = |why: String| Err(Error::new(ErrorKind::Denied, OPERATION).on(&request.title).because(why));
        let by = &request.requested_by;
        let Some(roles) = project.people.get(by) else { return denied(format!("`{by}` is nobody in this project")) };
        if !project.policy.may(Action::Request, roles, None) {
            return denied(format!("the policy does not let `{by}` request a feature"));
        }
        let plan = plan(project, &request, change_set.clone())
            .map_err(|error| Error::new(ErrorKind::Invalid, OPERATION).on(&request.title).because(&error).with_source(error))?;
        let units: BTreeMap<UnitId, Unit> = plan
            .tasks
            .iter()
            .filter_map(|task| project.units.get_key_value(&task.unit))
            .map(|(id, unit)| (id.clone(), unit.clone()))
            .collect();
        // One more layer may be over a unit than over the project.
        if let Some(unit) = units.values().find(|unit| !project.policy.may(Action::Request, roles, Some(unit))) {
            return denied(format!("the policy does not let `{by}` request a feature of `{}`", unit.id));
        }
        if let Some(objection) = units.values().find_map(|unit| self.objection(&project.policy, unit)) {
            return denied(objection);
        }
        let merge_by = |(id, unit): (&UnitId, &Unit)| (id.clone(), project.policy.preflight_merge(unit));
        let requesters: BTreeSet<&PersonId> = carries.iter().map(|it| &it.requested_by).chain([by]).collect();
        Ok(Start {
            apps: self.apps(cx, project, &units).await?,
            preflight_merge: Merging::Each(units.iter().map(merge_by).collect()),
            settle_millis: units.values().flat_map(|unit| settle_millis(project, unit)).max().unwrap_or(0),
            limits: self.limits,
            flags: Flag::ALL.into(),
            reviewers: reviewers(project, &requesters),
            change_set,
            project: project.id.clone(),
            meta_repo: project.meta_repo.clone(),
            plan,
            units,
            environments: project.environments.clone(),
            turn: None,
            recovery: None,
            carries,
            at,
            request,
        })
    }

    /// A title that the Git host does not take is told before anything is made, and not when a pull request is opened.
    fn refuse_titles(&self, start: &Start) -> Result<()> {
        let (offered, request) = (self.scm.capabilities(), &start.request.title);
        let invalid = |why: String| Error::new(ErrorKind::Invalid, OPERATION).on(request).because(why);
        let Environments { preflight, production, .. } = &start.environments;
        let roles =
            [(Role::Source, preflight), (Role::Recovery, preflight), (Role::Production, production), (Role::Restore, production)];
        let titles = start.units.keys().flat_map(|unit| roles.map(|(role, target)| title(request, unit, role, target)));
        let mut longest = 0;
        for title in titles {
            longest = title.chars().count().max(longest);
            if let Some(mark) = offered.draft_mark(&title) {
                let why = format!(
                    "the title of one of its pull requests would begin with `{mark}`, by which the Git host knows drafts"
                );
                return Err(invalid(why).advise("let it begin in another way"));
            }
        }
        let Some(limit) = offered.title_max_chars.filter(|limit| longest > *limit) else { return Ok(()) };
        let why =
            format!("the title of one of its pull requests would have {longest} characters, and the Git host takes {limit}");
        Err(invalid(why).advise(format!("shorten it by {}", longest.saturating_sub(limit))))
    }
}

/// How long the policy asks a unit to be healthy.
pub(crate) fn settle_millis<'p>(project: &'p Project, unit: &'p Unit) -> impl Iterator<Item = u64> + 'p {
    project.policy.requirements(unit).filter_map(|(_, requirement)| match &requirement.asks {
        Ask::Health(rule) => Some(rule.settled_seconds.saturating_mul(1_000)),
        _ => None,
    })
}

/// Who is asked for reviews: everybody with a role, apart from the requesters, who cannot approve.
pub(crate) fn reviewers(project: &Project, requesters: &BTreeSet<&PersonId>) -> Vec<PersonId> {
    let reviews = |roles: &BTreeSet<PersonRole>| roles.contains(&PersonRole::Reviewer) || roles.contains(&PersonRole::Owner);
    project
        .people
        .iter()
        .filter(|(person, roles)| !requesters.contains(person) && reviews(roles))
        .map(|(person, _)| person.clone())
        .collect()
}

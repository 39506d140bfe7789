//! How long a step may take, and what is over that.

use std::time::Duration;

use pathops_core::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::change_set::Stage;

/// How long a change set waits for a step of a unit before it stops and goes back. It keeps those that it began with. `None`: as long as it
/// takes, but for [`Limits::retry`].
///
/// Time goes by the clock of the host: a restart does not begin it again, and what is out of reach meanwhile does not stop it. What others
/// did counts, however late it is seen: a limit ends a wait only where a look after it finds nothing. While a change set is paused, the
/// limits of what people do stand still. The way back has no other limit than [`Limits::retry`]: where it has to
/// wait, it waits.
///
/// ```
/// use std::time::Duration;
///
/// use pathops_coordinator::ControlPlane;
/// use pathops_coordinator::change_set::Limits;
///
/// let day = Duration::from_secs(86_400);
/// let limits = Limits { review: Some(day * 14), approval: Some(day * 7), ..Limits::default() };
/// let builder = ControlPlane::builder().limits(limits);
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Limits {
    /// For a person to push their work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Duration>,
    /// For CI to build and test a commit, where it is paused meanwhile, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Duration>,
    /// For people to merge a pull request of the source, where each push begins it again; and for them to merge one into preflight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Duration>,
    /// For everything that the policy asks for once all units were tested in preflight; and once more from the turn of its pull request
    /// into production on, the merge by people included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Duration>,
    /// For somebody to have a step tried again that could not be done
    /// ([`ControlPlane::retry`](crate::ControlPlane::retry)), also on the way back. `None`: nobody is waited for; it stops and goes back, or is
    /// left to people, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Duration>,
}

/// What has a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it, and `Limits` says more")]
pub enum LimitedStep {
    Work,
    Build,
    Review,
    Approval,
    Retry,
}

/// Until when a unit is waited for where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limited {
    /// What is waited for.
    pub step: LimitedStep,
    /// Until when.
    pub until: UnixMillis,
}

impl Limits {
    pub(super) fn are_none(&self) -> bool {
        *self == Self::default()
    }

    fn of(&self, step: LimitedStep) -> Option<Duration> {
        match step {
            LimitedStep::Work => self.work,
            LimitedStep::Build => self.build,
            LimitedStep::Review => self.review,
            LimitedStep::Approval => self.approval,
            LimitedStep::Retry => self.retry,
        }
    }

    /// Until when `stage` may take that is entered at `at`, and in which people do the work where it is up to them or to us. A step of several stages has one limit for all of them, so that one who looks
    /// again and again does not wait for ever.
    pub(super) fn enter(&self, stage: Stage, before: Option<Limited>, by_people: bool, at: UnixMillis) -> Option<Limited> {
        let step = match stage {
            Stage::Working if by_people => LimitedStep::Work,
            Stage::Building | Stage::Rebuilding => LimitedStep::Build,
            Stage::SourceReview => LimitedStep::Review,
            Stage::PreflightMerge if by_people => LimitedStep::Review,
            Stage::Deciding | Stage::Promoting | Stage::ProductionMerge => LimitedStep::Approval,
            _ => return None,
        };
        let until = at + self.of(step)?;
        Some(before.filter(|before| before.step == step).unwrap_or(Limited { step, until }))
    }
}

impl Limited {
    /// Nobody was asked for so long. CI was not asked to stop.
    pub(super) fn prolong(&mut self, by: Duration) {
        if self.step != LimitedStep::Build {
            self.until = self.until + by;
        }
    }

    /// Why what is over its limit has failed.
    pub(super) fn failure(self) -> String {
        let what = match self.step {
            LimitedStep::Work => "nobody has pushed the work",
            LimitedStep::Build => "CI has not finished the build",
            LimitedStep::Review => "nobody has merged or closed the pull request",
            LimitedStep::Approval => "what the policy asks for was not there, or nobody has merged it,",
            LimitedStep::Retry => "nobody had tried again what could not be done",
        };
        format!("{what} by {}, which is how long it is waited for", self.until)
    }
}

use serde::{Deserialize, Serialize};

use crate::id::{EnvironmentId, UnitId};
use crate::lifecycle::transition::{same, sealed, something};
use crate::lifecycle::{
    Declarations, Ground, HumanDecision, Mismatch, Needs, Promotion, Proof, Proven, Record, Reported, Step, Subject,
    TransitionError,
};
use crate::project::{Lifecycle, Role};
use crate::time::UnixMillis;

/// An app, or a component: what its lifecycle is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its name.
    pub unit: UnitId,
    /// The environment that counts as production.
    pub production: EnvironmentId,
}

/// The lifecycle of an app. Its states are those that the meta repository declares ([`Lifecycle`]).
pub type AppLifecycle = Record<App>;

impl Subject for App {
    type State = Lifecycle;
    const FIRST: Lifecycle = Lifecycle::Prototype;
    const STEPS: &'static [Step<Lifecycle>] = &[
        Step { from: &[Lifecycle::Prototype], to: Lifecycle::PathReady, needs: &[Needs::Declarations] },
        Step { from: &[Lifecycle::PathReady, Lifecycle::Production], to: Lifecycle::Production, needs: &[Needs::Promotion] },
        Step { from: &[Lifecycle::Production], to: Lifecycle::PathReady, needs: &[Needs::Incident] },
    ];
}

impl Record<App> {
    /// An app that promises nothing yet.
    #[must_use]
    pub fn prototype(app: App) -> Self {
        Self::begin(app)
    }

    /// An owner takes it onto the path, with what is declared for it.
    ///
    /// # Errors
    /// [`TransitionError`] where it is no prototype, a declaration is empty, or the person decided in another role than
    /// that of an owner.
    pub fn path_ready(
        &self,
        declarations: Declarations,
        by: &Proven<HumanDecision>,
        at: UnixMillis,
    ) -> Result<Self, TransitionError<Lifecycle>> {
        self.step(Lifecycle::PathReady, Ground::Declared { declarations, by: by.get().clone() }, at)
    }

    /// A promotion brought it into production, or a newer version of it. The record of an app follows that of its artifact.
    ///
    /// # Errors
    /// [`TransitionError`] for a prototype, and for a promotion of something else, to somewhere else, that has served
    /// before, or that was observed before the last incident.
    pub fn promoted(&self, promotion: &impl Proof<Promotion>, at: UnixMillis) -> Result<Self, TransitionError<Lifecycle>> {
        self.step(Lifecycle::Production, Ground::Promotion(promotion.it().clone()), at)
    }

    /// An incident sends it back. Only another promotion brings it into production again.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not in production, and for an incident of another unit.
    pub fn incident(&self, incident: &Proven<Reported>, at: UnixMillis) -> Result<Self, TransitionError<Lifecycle>> {
        self.step(Lifecycle::PathReady, Ground::Incident(incident.get().clone()), at)
    }

    /// With what another record of the same app has and this one has not, each held against this record: a promotion that was
    /// observed before an incident that stands here does not bring the app back.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        let new = other.transitions().iter().filter(|it| self.subject() == other.subject() && !self.transitions().contains(it));
        for transition in new {
            all = all.step(transition.to, transition.ground.clone(), transition.at).unwrap_or(all);
        }
        all
    }
}

impl sealed::Rules for App {
    fn fits(record: &Record<Self>, _to: Lifecycle, ground: &Ground) -> Result<(), Mismatch> {
        match ground {
            Ground::Declared { declarations, by } => {
                let empty = declarations.empty().map_or(Ok(()), |name| Err(Mismatch::Missing(name.to_owned())));
                let owner =
                    (by.role == Role::Owner).then_some(()).ok_or_else(|| Mismatch::Missing("an owner's decision".to_owned()));
                empty.and(owner)
            }
            Ground::Incident(Reported { incident, .. }) => {
                // An incident without a unit is about all of them.
                let unit = &record.subject().unit;
                same("app or component", unit, incident.unit.as_ref().unwrap_or(unit))?;
                something("the name of the incident", &incident.id)
            }
            Ground::Promotion(promotion) => brings(record, promotion),
            _ => Ok(()),
        }
    }
}

fn brings(record: &Record<App>, promotion: &Promotion) -> Result<(), Mismatch> {
    let (app, granted) = (record.subject(), &promotion.granted);
    same("app or component", &app.unit, &granted.unit)?;
    same("environment", &app.production, &granted.environment)?;
    let used = |ground: &Ground| matches!(ground, Ground::Promotion(old) if old.granted.grant == granted.grant);
    if record.grounds().any(used) {
        return Err(Mismatch::Again(granted.grant.to_string()));
    }
    let incident = record.transitions().iter().rfind(|transition| matches!(transition.ground, Ground::Incident(_)));
    match incident {
        Some(last) if promotion.observed_on < last.at => {
            Err(Mismatch::TooEarly { observed_on: promotion.observed_on, incident: last.at })
        }
        _ => Ok(()),
    }
}

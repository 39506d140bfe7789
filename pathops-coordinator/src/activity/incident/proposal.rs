//! What people are told at an incident: what can be taken back, and to what.

use pathops_core::adapter::{Importance, Notice};
use pathops_core::project::Project;
use pathops_core::{ChangeSetId, Error, ErrorKind, OpContext, PersonId, Result};

use crate::activity::{Services, says_nothing};
use crate::change_set::End;
use crate::incident::{Outcome, Start, WayBack};
use crate::tell::who_may_take_back;

impl Services {
    /// Tells those who may take a change set back, once, what that would come to now. Nothing is taken back by it, and a notice that is
    /// lost is not sent again: who looks at the incident finds the same in its state.
    pub(super) async fn propose_way_back(&self, cx: &OpContext, of: &Start, change_set: &ChangeSetId) -> Result<Outcome> {
        let project = self.project(cx, &of.meta_repo).await?;
        let (way_back, people) = self.way_back(cx, &project, change_set).await?;
        self.tell(cx, Some(notice(of, change_set, &way_back, people))).await;
        Ok(Outcome::Proposed(way_back))
    }

    /// What taking a change set back would come to now, and who may do that: by the same rules as when somebody does.
    async fn way_back(&self, cx: &OpContext, project: &Project, change_set: &ChangeSetId) -> Result<(WayBack, Vec<PersonId>)> {
        let Some(back) = self.state_of(change_set).await? else {
            return Ok((nothing("the journal does not know it"), Vec::new()));
        };
        if !back.ended {
            let early = Error::new(ErrorKind::Unavailable, "find out what a change set goes back to").on(change_set);
            return Err(early.because("it has just come to production, and its record is not written yet"));
        }
        let people = who_may_take_back(project, &back);
        let (recoveries, _) = self.recoveries(change_set).await?;
        if let Some(open) = recoveries.iter().find(|recovery| recovery.end.is_none()) {
            return Ok((WayBack::UnderWay(open.start.change_set.clone()), people));
        }
        if recoveries.iter().any(|recovery| recovery.end == Some(End::Recovered)) {
            return Ok((nothing("it was taken back already"), people));
        }
        let way_back = match self.goes_back(cx, project, &back).await {
            Ok(goes) => WayBack::To(goes.landed.into_iter().map(|(unit, it)| (unit, it.last_good.change_set)).collect()),
            // What is wrong with more than the systems around is what people are to be told.
            Err(error) if !says_nothing(&error) => nothing(&self.redactor.redact_text(&why(&error))),
            Err(error) => return Err(error),
        };
        Ok((way_back, people))
    }
}

fn nothing(because: &str) -> WayBack {
    WayBack::Nothing { because: because.to_owned() }
}

/// An error by what follows what failed.
fn why(error: &Error) -> String {
    let text = error.to_string();
    text.split_once(": ").map_or(text.as_str(), |(_, why)| why).to_owned()
}

fn notice(of: &Start, change_set: &ChangeSetId, way_back: &WayBack, people: Vec<PersonId>) -> Notice {
    let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
    let names = if names.is_empty() { "nobody".to_owned() } else { names.join(" or ") };
    let (what, importance) = match way_back {
        WayBack::To(units) => {
            let units: Vec<_> = units.iter().map(|(unit, to)| format!("{unit} to what `{to}` brought")).collect();
            (format!("can be taken back by {names}: {}", units.join(", ")), Importance::ActionNeeded)
        }
        WayBack::UnderWay(by) => (format!("is being taken back by `{by}`"), Importance::Info),
        WayBack::Nothing { because } => (format!("cannot be taken back: {because}"), Importance::ActionNeeded),
    };
    let incident = &of.incident;
    Notice {
        project: of.project.clone(),
        change_set: Some(change_set.clone()),
        importance,
        to: people,
        text: format!(
            "incident `{}` is open ({}), and `{change_set}`, which is in production, {what}",
            incident.id, incident.summary
        ),
    }
}

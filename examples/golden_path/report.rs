//! The report: one page that tells what became of each change set and why. It needs no network and no script, so it can
//! be read years later from wherever it was put.

mod decisions;
mod graph;
mod page;
mod timeline;
mod words;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};
use pathops_coordinator::change_set::State;
use pathops_core::UnixMillis;
use pathops_core::evidence::{EvidenceId, Snapshot};

/// What the page is about.
pub(crate) struct Report<'a> {
    /// The project.
    pub(crate) project: &'a str,
    /// When the report was made.
    pub(crate) made_at: UnixMillis,
    /// The change sets, in the order in which they are told.
    pub(crate) change_sets: Vec<ChangeSetReport<'a>>,
    /// Labels and values.
    pub(crate) figures: Vec<(String, String)>,
    /// What lies where: a title, and a path, an address or a command line.
    pub(crate) places: Vec<(String, String)>,
}

/// What is told of one change set.
pub(crate) struct ChangeSetReport<'a> {
    /// Everything that is known of it.
    pub(crate) state: &'a State,
    /// What happened when; in any order.
    pub(crate) timeline: Vec<TimelineEntry>,
    /// What its snapshots say, read from their envelopes. Of one that is not here only the place is told.
    pub(crate) snapshots: BTreeMap<EvidenceId, Snapshot>,
}

/// Something that happened.
pub(crate) struct TimelineEntry {
    /// When it began.
    pub(crate) at: UnixMillis,
    /// When it ended; `None` for what takes no time.
    pub(crate) until: Option<UnixMillis>,
    /// The unit; `None` for the change set as a whole.
    pub(crate) unit: Option<String>,
    /// What.
    pub(crate) text: String,
    /// What kind of thing.
    pub(crate) kind: EntryKind,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// PathOps or a tool was busy.
    Work,
    /// It waited for people, time or other units.
    Wait,
    /// Something came out well.
    Good,
    /// Something came out badly.
    Bad,
}

const PAGE: &str = "report.html";

/// The page, in HTML. Whatever text the change sets bring along, it stays text.
///
/// # Errors
/// Where the template does not fit what it is filled with.
pub(crate) fn render(report: &Report<'_>) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("report.css", include_str!("report/report.css"))?;
    environment.add_template("parts.html", include_str!("report/parts.html.jinja"))?;
    environment.add_template("change-set.html", include_str!("report/change_set.html.jinja"))?;
    environment.add_template(PAGE, include_str!("report/report.html.jinja"))?;
    environment.get_template(PAGE)?.render(Serde(page::page(report)))
}

#[cfg(test)]
mod tests;

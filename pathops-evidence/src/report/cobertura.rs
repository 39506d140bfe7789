//! Cobertura XML (`coverage-04.dtd`), as coverage.py, gcovr, JaCoCo converters and cargo-llvm-cov write it.
//!
//! The lines of all classes are counted, and held against the rates and totals that the report gives: where those are
//! better than what is listed, it contradicts itself.

use crate::report::error::Fail;
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::xml::Element;
use crate::report::{Content, CoverageReport, Covered, Format};

pub(super) const SPEC: Spec = Spec { format: Format::Cobertura, look, parse: |input| Ok(Content::Coverage(read(input)?)) };

/// By how much a rate may be better than what is listed: tools round.
const ROUNDED: f64 = 0.01;

fn look(look: &Look<'_>) -> Option<Confidence> {
    certain_if(matches!(look, Look::Xml(root) if root.name == "coverage" && root.attribute("line-rate").is_some()))
}

#[derive(Default)]
struct Counted {
    lines: (u64, u64),
    branches: (u64, u64),
}

fn read(input: &Input<'_>) -> Result<CoverageReport, Fail> {
    let root = input.xml(&["coverage"])?;
    let mut counted = Counted::default();
    let packages = root.children_named("packages").flat_map(|it| it.children_named("package"));
    for class in packages.flat_map(|it| it.children_named("classes")).flat_map(|it| it.children_named("class")) {
        class.children_named("lines").flat_map(|it| it.children_named("line")).try_for_each(|line| count(line, &mut counted))?;
    }
    let lines = total(root, "line", counted.lines)?;
    let branches = total(root, "branch", counted.branches)?;
    Ok(CoverageReport { lines, branches })
}

fn count(line: &Element, counted: &mut Counted) -> Result<(), Fail> {
    let hits = line.number("hits")?.ok_or_else(|| Fail::malformed(line.place(), "a <line> has no `hits`"))?;
    counted.lines.1 += 1;
    counted.lines.0 += u64::from(hits > 0);
    let Some(conditions) = line.attribute("condition-coverage") else { return Ok(()) };
    let fraction = conditions.split_once('(').and_then(|(_, rest)| rest.split_once(')')?.0.split_once('/'));
    let parsed = fraction.and_then(|(hit, of)| Some((hit.trim().parse::<u64>().ok()?, of.trim().parse::<u64>().ok()?)));
    let wrong = || Fail::malformed(line.place(), format!("`condition-coverage` is `{conditions}`, not like `50% (1/2)`"));
    let (hit, of) = parsed.filter(|(hit, of)| hit <= of).ok_or_else(wrong)?;
    counted.branches = (counted.branches.0.saturating_add(hit), counted.branches.1.saturating_add(of));
    Ok(())
}

/// The total of what was counted, where the report does not claim more.
fn total(root: &Element, kind: &str, (hit, of): (u64, u64)) -> Result<Option<Covered>, Fail> {
    let plural = if kind == "line" { "lines" } else { "branches" };
    let claimed_of = root.number(&format!("{plural}-valid"))?;
    let rate = rate(root, kind)?;
    if claimed_of.is_some_and(|claimed| claimed > of) {
        let problem = format!("it counts {} {plural}, and lists {of}", claimed_of.unwrap_or_default());
        return Err(Fail::inconsistent(root.place(), problem));
    }
    let Some(covered) = Covered::new(hit, of) else { return Ok(None) };
    match rate {
        Some(rate) if rate > covered.rate() + ROUNDED => {
            let problem = format!("its {kind} rate is {rate}, and {hit} of {of} {plural} are listed as hit");
            Err(Fail::inconsistent(root.place(), problem))
        }
        _ => Ok(Some(covered)),
    }
}

fn rate(root: &Element, kind: &str) -> Result<Option<f64>, Fail> {
    let name = format!("{kind}-rate");
    let Some(text) = root.attribute(&name) else { return Ok(None) };
    // Some tools divide nothing by nothing.
    if text.trim() == "NaN" {
        return Ok(None);
    }
    let rate = text.trim().parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.map(Some).ok_or_else(|| Fail::malformed(root.place(), format!("`{name}` is no rate from 0 to 1: `{text}`")))
}

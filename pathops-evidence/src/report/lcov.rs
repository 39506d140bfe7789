//! LCOV tracefiles, versions 1 and 2 (`geninfo(1)`).
//!
//! The lines (`DA`) and branches (`BRDA`) of each file are counted. Totals of branches (`BRF`, `BRH`) that are better than those are an
//! error. Those of lines (`LF`, `LH`) are sums over functions where llvm-cov writes them, so that a line may count several times; where
//! more lines were not hit by them than are listed, as many were not hit. A file that has several records is counted once for each: merge
//! them before.

use std::collections::BTreeMap;

use crate::report::error::{Fail, Place};
use crate::report::format::{Confidence, Spec, certain_if};
use crate::report::input::{Input, Look};
use crate::report::{Content, CoverageReport, Covered, Format};

pub(super) const SPEC: Spec = Spec { format: Format::Lcov, look, parse: |input| Ok(Content::Coverage(read(input)?)) };

/// Lines that say nothing about lines and branches: names, functions, conditions, the version of the source.
const OTHERS: [&str; 11] = ["TN", "FN", "FNDA", "FNF", "FNH", "FNL", "FNA", "VER", "MCDC", "MCF", "MCH"];

fn look(look: &Look<'_>) -> Option<Confidence> {
    let Look::Text(text) = look else { return None };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default();
    certain_if(first.starts_with("SF:") || first.starts_with("TN:") && lines.next().is_some_and(|line| line.starts_with("SF:")))
}

/// The record of one file.
#[derive(Default)]
struct Record {
    /// Whether each line was hit, by its number.
    lines: BTreeMap<u64, bool>,
    branches: (u64, u64),
    totals: BTreeMap<String, u64>,
}

fn read(input: &Input<'_>) -> Result<CoverageReport, Fail> {
    let (mut lines, mut branches) = ((0_u64, 0_u64), (0, 0));
    let mut open: Option<Record> = None;
    let (mut last, mut records) = (1, 0_u64);
    for (number, line) in input.text().lines().enumerate() {
        last = number + 1;
        let (place, line) = (Place::Line(last), line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "end_of_record" {
            let record = open.take().ok_or_else(|| Fail::malformed(place.clone(), "a record ends that has not begun"))?;
            let (hit, of) = record.check(&place)?;
            records += 1;
            lines = (lines.0.saturating_add(hit), lines.1.saturating_add(of));
            branches = (branches.0 + record.branches.0, branches.1 + record.branches.1);
            continue;
        }
        let (key, value) = line.split_once(':').ok_or_else(|| Fail::malformed(place.clone(), format!("`{line}` is no entry")))?;
        match (key, &mut open) {
            ("SF", None) => open = Some(Record::default()),
            ("SF", Some(_)) => return Err(Fail::truncated(place, "a record begins before the one before has ended")),
            ("TN", None) => {}
            (_, None) => return Err(Fail::malformed(place, format!("`{key}` stands outside of a record"))),
            (_, Some(record)) => record.entry(key, value, place)?,
        }
    }
    if open.is_some() {
        return Err(Fail::truncated(Place::Line(last), "the last record has no end"));
    }
    if records == 0 {
        return Err(Fail::truncated(Place::Line(last), "it has no record"));
    }
    Ok(CoverageReport { lines: Covered::new(lines.0, lines.1), branches: Covered::new(branches.0, branches.1) })
}

impl Record {
    fn entry(&mut self, key: &str, value: &str, place: Place) -> Result<(), Fail> {
        let wrong = || Fail::malformed(place.clone(), format!("`{key}:{value}` cannot be read"));
        match key {
            "DA" => {
                let mut parts = value.split(',');
                let line = parts.next().and_then(|line| line.parse().ok()).ok_or_else(wrong)?;
                let hits: u64 = parts.next().and_then(|hits| hits.parse().ok()).ok_or_else(wrong)?;
                *self.lines.entry(line).or_default() |= hits > 0;
            }
            // The name of a branch may have commas in it.
            "BRDA" => {
                let taken = value.rsplit_once(',').map(|(_, taken)| taken).ok_or_else(wrong)?;
                let hits: u64 = if taken == "-" { 0 } else { taken.parse().map_err(|_| wrong())? };
                self.branches = (self.branches.0 + u64::from(hits > 0), self.branches.1 + 1);
            }
            "LF" | "LH" | "BRF" | "BRH" => {
                self.totals.insert(key.to_owned(), value.parse().map_err(|_| wrong())?);
            }
            other if OTHERS.contains(&other) => {}
            _ => return Err(Fail::malformed(place, format!("the entry `{key}` is not known"))),
        }
        Ok(())
    }

    /// Lines hit, and lines. Totals of branches may not be better than what is listed, and those of lines may only be worse.
    fn check(&self, place: &Place) -> Result<(u64, u64), Fail> {
        let hit = u64::try_from(self.lines.values().filter(|hit| **hit).count()).unwrap_or(u64::MAX);
        let listed = u64::try_from(self.lines.len()).unwrap_or(u64::MAX);
        let total = |key: &str| self.totals.get(key).copied();
        let missed = total("LF").unwrap_or_default().saturating_sub(total("LH").unwrap_or(hit));
        for (key, listed) in [("BRF", self.branches.1), ("BRH", self.branches.0)] {
            if let Some(said) = self.totals.get(key).filter(|said| **said > listed) {
                return Err(Fail::inconsistent(place.clone(), format!("`{key}` is {said}, and {listed} are listed")));
            }
        }
        Ok((hit, hit.saturating_add(missed.max(listed.saturating_sub(hit)))))
    }
}

//! Test Anything Protocol, versions 13 and 14 (<https://testanything.org/tap-version-14-specification.html>).
//!
//! The test points of the outermost level are the tests; those of subtests are checked, and a test point that is `ok` over a
//! subtest that is not contradicts itself. Subtests stand before their test point, or after it in braces, as node-tap and
//! Vitest write them. `# SKIP` and `# TODO` are skipped, whether `ok` or not: whole words after a space and a `#`, which in a name
//! stand for themselves. What is `ok` is skipped by any word that begins with `SKIP` there (`# SKIPPED`), as version 13 has it. A plan
//! must be there, once at each level, and all of what it plans. Points that are beyond it, or have other numbers than their places,
//! are an error, unless a listed test has failed anyhow: Node repeats a number where a file fails, and AVA plans none for what does not
//! load. `Bail out!` is a failure of its own, in any letters.

use crate::report::content::Outcome;
use crate::report::error::{Fail, Place};
use crate::report::format::{Confidence, Spec};
use crate::report::input::{Input, Look};
use crate::report::{Content, Fault, Format, MAX_DEPTH, TestReport};

pub(super) const SPEC: Spec = Spec { format: Format::Tap, look, parse: |input| Ok(Content::Tests(read(input)?)) };

/// How far a subtest is indented.
const INDENT: usize = 4;

fn look(look: &Look<'_>) -> Option<Confidence> {
    let Look::Text(text) = look else { return None };
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    if first.starts_with("TAP version ") {
        Some(Confidence::Certain)
    } else if plan(first).is_some() || Point::read(first).is_some() && text.lines().any(|line| plan(line).is_some()) {
        Some(Confidence::Likely)
    } else {
        None
    }
}

fn read(input: &Input<'_>) -> Result<TestReport, Fail> {
    let mut reader = Reader::default();
    reader.levels.push(Level::default());
    let mut last = 0;
    for (number, line) in input.whole_lines()?.lines().enumerate() {
        last = number + 1;
        reader.line(line, Place::Line(last))?;
    }
    if reader.yaml.is_some() {
        return Err(Fail::truncated(Place::Line(last), "it ends in the middle of a diagnostic block"));
    }
    reader.end_levels_above(0, &Place::Line(last))?;
    match reader.doubt {
        Some(doubt) if reader.report.failed.is_empty() => Err(doubt),
        _ => Ok(reader.report),
    }
}

#[derive(Default)]
struct Reader {
    levels: Vec<Level>,
    /// A subtest that has just ended, and whether something in it failed.
    ended: Option<bool>,
    /// The indentation of an open diagnostic block.
    yaml: Option<usize>,
    /// The first contradiction between test points and their plan or their numbers.
    doubt: Option<Fail>,
    report: TestReport,
}

/// One level of test points.
#[derive(Default)]
struct Level {
    planned: Option<u64>,
    points: u64,
    failed: bool,
    /// The plan stood at the end: nothing may follow.
    over: bool,
    /// The outcome of a test point whose subtests follow in braces.
    braced: Option<Outcome>,
}

impl Level {
    /// Whether all of it is there; and what is wrong with it where there is more.
    fn check(&self, place: &Place) -> Result<Option<Fail>, Fail> {
        if self.braced.is_some() {
            return Err(Fail::truncated(place.clone(), "a brace is not closed"));
        }
        match self.planned {
            None => Err(Fail::truncated(place.clone(), "there is no plan (`1..N`)")),
            Some(planned) if planned > self.points => {
                Err(Fail::truncated(place.clone(), format!("{planned} tests were planned, and {} are there", self.points)))
            }
            Some(planned) if planned < self.points => {
                let problem = format!("{planned} tests were planned, and {} are there", self.points);
                Ok(Some(Fail::inconsistent(place.clone(), problem)))
            }
            Some(_) => Ok(None),
        }
    }
}

impl Reader {
    fn line(&mut self, line: &str, place: Place) -> Result<(), Fail> {
        let text = line.trim_start_matches(' ');
        let indent = line.len() - text.len();
        if let Some(yaml) = self.yaml {
            if indent == yaml && text.trim_end() == "..." {
                self.yaml = None;
            }
            return Ok(());
        }
        if text.trim_end() == "---" && indent > 0 {
            self.yaml = Some(indent);
            return Ok(());
        }
        let depth = indent / INDENT + 1;
        if text.trim_end() == "}" {
            return self.close_brace(depth, &place);
        }
        if let Some(reason) = bail_out(text) {
            self.report.push(format!("(bail out) {}", reason.trim()), Outcome::Failed);
            // Nothing after it was run, so no plan holds any more.
            self.levels.iter_mut().for_each(|level| level.planned = Some(level.points));
            return Ok(());
        }
        match (plan(text), Point::read(text)) {
            (Some(planned), _) if indent.is_multiple_of(INDENT) => self.plan(depth, planned, &place),
            (_, Some(point)) if indent.is_multiple_of(INDENT) => self.point(depth, &point, place),
            _ if indent == 0 => self.other(text, &place),
            _ => Ok(()),
        }
    }

    /// A line that is neither plan nor point. What TAP does not know is ignored, as the specification says, unless it can
    /// only be a damaged point.
    fn other(&self, text: &str, place: &Place) -> Result<(), Fail> {
        if let Some(version) = text.strip_prefix("TAP version ")
            && !matches!(version.trim(), "12" | "13" | "14")
        {
            return Err(Fail::unsupported(place.clone(), format!("TAP version `{}`, and 13 and 14 are read", version.trim())));
        }
        if text.starts_with("not ok") || text.starts_with("1..") {
            return Err(Fail::malformed(place.clone(), format!("it can be neither a test point nor a plan: `{text}`")));
        }
        Ok(())
    }

    fn plan(&mut self, depth: usize, planned: u64, place: &Place) -> Result<(), Fail> {
        let level = self.level(depth, place)?;
        if level.planned.is_some() {
            self.doubt.get_or_insert_with(|| Fail::inconsistent(place.clone(), "there is a second plan"));
            return Ok(());
        }
        level.over = level.points > 0;
        level.planned = Some(planned);
        Ok(())
    }

    fn point(&mut self, depth: usize, point: &Point<'_>, place: Place) -> Result<(), Fail> {
        self.end_levels_above(depth, &place)?;
        let below_failed = self.ended.take().unwrap_or(false);
        let level = self.level(depth, &place)?;
        if level.braced.is_some() {
            return Err(Fail::malformed(place, "a brace is not closed before the next test point"));
        }
        level.points += 1;
        let expected = level.points;
        let is_out_of_order = level.over || point.number.is_some_and(|number| number != expected);
        let outcome = point.outcome();
        if below_failed && outcome == Outcome::Passed {
            return Err(Fail::inconsistent(place, format!("`{}` is ok, and a subtest of it is not", point.name)));
        }
        level.failed |= outcome == Outcome::Failed;
        level.braced = point.braced.then_some(outcome);
        if depth == 1 {
            let name = if point.name.is_empty() { expected.to_string() } else { point.name.replace("\\#", "#") };
            self.report.push(name, outcome);
        }
        if is_out_of_order {
            let problem = format!("test point {expected} is out of order: `{}`", point.name);
            self.doubt.get_or_insert_with(|| Fail::inconsistent(place, problem));
        }
        Ok(())
    }

    /// Ends the subtests of the last test point.
    fn close_brace(&mut self, depth: usize, place: &Place) -> Result<(), Fail> {
        self.end_levels_above(depth, place)?;
        let failed = self.ended.take().unwrap_or(false);
        let braced = self.levels.get_mut(depth.saturating_sub(1)).and_then(|level| level.braced.take());
        match braced {
            Some(Outcome::Passed) if failed => Err(Fail::inconsistent(place.clone(), "a test is ok, and a subtest of it is not")),
            Some(_) => Ok(()),
            None => Err(Fail::malformed(place.clone(), "a brace is closed that was not opened")),
        }
    }

    /// The level at this depth; those below it have ended.
    fn level(&mut self, depth: usize, place: &Place) -> Result<&mut Level, Fail> {
        if depth > MAX_DEPTH {
            return Err(Fail::new(Fault::TooLarge, place.clone(), format!("nested deeper than {MAX_DEPTH}")));
        }
        self.end_levels_above(depth, place)?;
        while self.levels.len() < depth {
            self.levels.push(Level::default());
        }
        self.levels.last_mut().ok_or_else(|| Fail::malformed(place.clone(), "no level is open"))
    }

    fn end_levels_above(&mut self, depth: usize, place: &Place) -> Result<(), Fail> {
        while self.levels.len() > depth {
            let level = self.levels.pop().unwrap_or_default();
            let doubt = level.check(place)?;
            self.doubt = self.doubt.take().or(doubt);
            self.ended = Some(level.failed || self.ended.unwrap_or(false));
        }
        Ok(())
    }
}

/// The reason in `Bail out! reason`.
fn bail_out(text: &str) -> Option<&str> {
    let (words, reason) = text.split_once('!')?;
    words.eq_ignore_ascii_case("bail out").then_some(reason)
}

/// `1..N`, with a reason or none.
fn plan(text: &str) -> Option<u64> {
    let (count, rest) = match text.trim_end().strip_prefix("1..")?.split_once(char::is_whitespace) {
        Some((count, rest)) => (count, rest.trim_start()),
        None => (text.trim_end().strip_prefix("1..")?, ""),
    };
    if rest.is_empty() || rest.starts_with('#') { count.parse().ok() } else { None }
}

/// `ok 1 - name # SKIP reason`.
struct Point<'a> {
    ok: bool,
    number: Option<u64>,
    name: &'a str,
    /// `# SKIP` or `# TODO`.
    excused: bool,
    /// Its subtests follow in braces.
    braced: bool,
}

impl<'a> Point<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (ok, rest) = match text.strip_prefix("not ok") {
            Some(rest) => (false, rest),
            None => (true, text.strip_prefix("ok")?),
        };
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            return None;
        }
        let rest = rest.trim();
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, name) = rest
            .split_at_checked(digits)
            .filter(|(number, name)| !number.is_empty() && (name.is_empty() || name.starts_with(char::is_whitespace)))
            .map_or((None, rest), |(number, name)| (number.parse().ok(), name.trim_start()));
        let name = name.strip_prefix("- ").unwrap_or(name);
        let (name, braced) = name.strip_suffix(" {").map_or((name, false), |name| (name, true));
        let (name, excused) = directive(name, ok);
        let name = name.split_once(" # time=").map_or(name, |(name, _)| name);
        Some(Self { ok, number, name: name.trim(), excused, braced })
    }

    fn outcome(&self) -> Outcome {
        match (self.ok, self.excused) {
            (_, true) => Outcome::Skipped,
            (true, false) => Outcome::Passed,
            (false, false) => Outcome::Failed,
        }
    }
}

/// Splits a directive off: a `#` at the beginning or after a space, so that it is not escaped, and the word `SKIP` or `TODO` after
/// it. No failure is excused by a word that only begins so.
fn directive(name: &str, ok: bool) -> (&str, bool) {
    for (at, _) in name.match_indices('#') {
        let (before, after) = (name.get(..at).unwrap_or_default(), name.get(at + 1..).unwrap_or_default());
        let word = after.trim_start().split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let is_apart = before.is_empty() || before.ends_with(char::is_whitespace);
        let word = if ok { word.get(..4).filter(|it| it.eq_ignore_ascii_case("skip")).unwrap_or(word) } else { word };
        if is_apart && ["skip", "todo"].iter().any(|directive| word.eq_ignore_ascii_case(directive)) {
            return (before, true);
        }
    }
    (name, false)
}

//! The timeline as a drawing: a row for each unit, a bar for what takes time, a mark for what does not.

use std::time::Duration;

use pathops_core::UnixMillis;
use serde::Serialize;

use super::words::{Instant, duration, instant};
use super::{EntryKind, TimelineEntry};

const MAX_TICKS: u128 = 6;
/// What is between two ticks, in milliseconds, unless it is more than the last.
const STEPS: [u128; 20] = [
    10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
    21_600_000, 86_400_000,
];

#[derive(Serialize)]
pub(super) struct Timeline {
    took: String,
    ticks: Vec<Tick>,
    rows: Vec<Row>,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Tick {
    left: String,
    text: String,
    /// Whether its text would reach out at the end.
    last: bool,
}

#[derive(Serialize)]
struct Row {
    label: String,
    lanes: usize,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    lane: usize,
    left: String,
    /// `None` for what takes no time.
    width: Option<String>,
    /// Whether there is room for its text: `none`, `some` or `much`.
    room: &'static str,
    kind: &'static str,
    text: String,
    took: Option<String>,
    after: String,
}

#[derive(Serialize)]
struct Line {
    at: Instant,
    after: String,
    label: String,
    kind: &'static str,
    text: String,
    took: Option<String>,
}

/// The rows come in the order of `units`; what is about none of them comes first.
pub(super) fn timeline(entries: &[TimelineEntry], units: &[String]) -> Timeline {
    let mut entries: Vec<&TimelineEntry> = entries.iter().collect();
    entries.sort_by_key(|entry| (entry.at, entry.until));
    let start = entries.iter().map(|entry| entry.at).min().unwrap_or_default();
    let end = entries.iter().map(|entry| entry.until.unwrap_or(entry.at)).max().unwrap_or_default();
    let scale = Scale { start, whole: end.since(start) };
    let of = |label: &str| entries.iter().copied().filter(|entry| row_label(entry, units) == label).collect::<Vec<_>>();
    let labels = [WHOLE].into_iter().chain(units.iter().map(String::as_str));
    Timeline {
        took: duration(scale.whole),
        ticks: scale.ticks(),
        rows: labels.map(|label| row(label, &of(label), &scale)).filter(|row| !row.bars.is_empty()).collect(),
        lines: entries.iter().map(|entry| line(entry, row_label(entry, units), &scale)).collect(),
    }
}

/// The row of what is about the change set as a whole.
const WHOLE: &str = "all";

fn row_label<'a>(entry: &'a TimelineEntry, units: &[String]) -> &'a str {
    entry.unit.as_deref().filter(|unit| units.iter().any(|known| known == unit)).unwrap_or(WHOLE)
}

fn row(label: &str, entries: &[&TimelineEntry], scale: &Scale) -> Row {
    // When each lane becomes free: what happens at the same time is drawn one below the other.
    let mut free: Vec<UnixMillis> = Vec::new();
    let mut last = 0;
    let bars = entries.iter().map(|entry| {
        if let Some(until) = entry.until {
            last = free.iter().position(|free| *free <= entry.at).unwrap_or(free.len());
            match free.get_mut(last) {
                Some(lane) => *lane = until,
                None => free.push(until),
            }
        }
        bar(entry, last, scale)
    });
    let bars: Vec<Bar> = bars.collect();
    Row { label: label.to_owned(), lanes: free.len().max(1), bars }
}

fn bar(entry: &TimelineEntry, lane: usize, scale: &Scale) -> Bar {
    let took = entry.until.map(|until| until.since(entry.at));
    let share = took.map_or(0.0, |took| scale.percent(took));
    Bar {
        lane,
        left: format!("{:.2}", scale.percent(entry.at.since(scale.start))),
        width: took.map(|_| format!("{share:.2}")),
        room: match share {
            40.0.. => "much",
            12.0.. => "some",
            _ => "none",
        },
        kind: kind(entry.kind),
        text: first_line(&entry.text),
        took: took.map(duration),
        after: duration(entry.at.since(scale.start)),
    }
}

fn line(entry: &TimelineEntry, label: &str, scale: &Scale) -> Line {
    Line {
        at: instant(entry.at),
        after: duration(entry.at.since(scale.start)),
        label: label.to_owned(),
        kind: kind(entry.kind),
        text: first_line(&entry.text),
        took: entry.until.map(|until| duration(until.since(entry.at))),
    }
}

/// What is told at length, such as a decision, has a place of its own on the page.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Work => "work",
        EntryKind::Wait => "wait",
        EntryKind::Good => "good",
        EntryKind::Bad => "bad",
    }
}

struct Scale {
    start: UnixMillis,
    whole: Duration,
}

impl Scale {
    fn percent(&self, part: Duration) -> f64 {
        100.0 * part.as_secs_f64() / self.whole.as_secs_f64().max(0.001)
    }

    fn ticks(&self) -> Vec<Tick> {
        let whole = self.whole.as_millis();
        let days = whole.div_ceil(MAX_TICKS).next_multiple_of(86_400_000);
        let step = STEPS.into_iter().find(|step| whole / step <= MAX_TICKS).unwrap_or(days).max(1);
        let at = (0..=whole / step).filter_map(|index| u64::try_from(index * step).ok()).map(Duration::from_millis);
        let tick = |at| {
            let left = self.percent(at);
            Tick { left: format!("{left:.2}"), text: tick_text(at), last: left > 90.0 }
        };
        at.map(tick).collect()
    }
}

/// A round number of the largest unit that fits.
fn tick_text(at: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let millis = at.as_millis();
    let round = UNITS.iter().find(|(unit, _)| millis.is_multiple_of(*unit));
    match round {
        _ if millis == 0 => "0".to_owned(),
        Some((unit, name)) => format!("{} {name}", millis / unit),
        None => duration(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: i64, until: Option<i64>, unit: Option<&str>) -> TimelineEntry {
        let text = "built\nwith all its details".to_owned();
        TimelineEntry {
            at: UnixMillis(at),
            until: until.map(UnixMillis),
            unit: unit.map(str::to_owned),
            text,
            kind: EntryKind::Work,
        }
    }

    #[test]
    fn what_happens_at_the_same_time_is_drawn_one_below_the_other() {
        let entries = [entry(0, Some(50), Some("web")), entry(50, Some(100), Some("web")), entry(60, Some(80), Some("web"))];
        let drawn = timeline(&entries, &["web".to_owned()]);
        assert_eq!(drawn.rows.len(), 1);
        assert_eq!(drawn.rows[0].bars.iter().map(|bar| bar.lane).collect::<Vec<_>>(), [0, 0, 1]);
        assert_eq!((drawn.rows[0].lanes, drawn.rows[0].bars[2].left.as_str()), (2, "60.00"));
        assert_eq!(drawn.lines[0].text, "built");
    }

    #[test]
    fn every_entry_has_a_row_and_a_line() {
        let entries = [entry(5, None, None), entry(0, Some(9), Some("elsewhere")), entry(3, None, Some("web"))];
        let drawn = timeline(&entries, &["web".to_owned()]);
        assert_eq!(
            drawn.rows.iter().map(|row| (row.label.as_str(), row.bars.len())).collect::<Vec<_>>(),
            [(WHOLE, 2), ("web", 1)]
        );
        assert_eq!(drawn.lines.iter().map(|line| line.after.as_str()).collect::<Vec<_>>(), ["0 ms", "3 ms", "5 ms"]);
    }

    #[test]
    fn there_are_a_few_ticks_whatever_the_time() {
        for until in [0, 1, 40, 999, 61_000, 5_000_000, 900_000_000, 40_000_000_000] {
            let drawn = timeline(&[entry(0, Some(until), None)], &[]);
            assert!((1..=8).contains(&drawn.ticks.len()), "{until}: {}", drawn.ticks.len());
        }
        assert!(timeline(&[], &[]).rows.is_empty());
    }
}

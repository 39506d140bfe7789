//! Reports that are well formed and say what no tool would: other values, other types, fields that are gone or far too many.
//! Whatever it is, it is read or refused, the same each time, and in memory that its size bounds.

use pathops_evidence::report::{parse, parse_as};
use serde_json::{Value, json};

use crate::damage::{Numbers, read_all_ways};
use crate::fixtures::{self, Fixture};

/// The JSON of a fixture, a value a line where it is of lines; `None` where it is something else.
fn values(fixture: &Fixture) -> Option<Vec<Value>> {
    let whole = serde_json::from_slice(&fixture.bytes).map(|value| vec![value]);
    let lines = || fixture.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    whole.or_else(|_| lines().map(serde_json::from_slice).collect()).ok()
}

fn text(values: &[Value]) -> Vec<u8> {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes()
}

/// Changes the node with this number, counted from the top.
fn change(value: &mut Value, left: &mut Option<usize>, numbers: &mut Numbers) {
    match left {
        None => return,
        Some(0) => {
            *value = changed(value.take(), numbers);
            *left = None;
            return;
        }
        Some(left) => *left -= 1,
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, left, numbers)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change(field, left, numbers)),
        _ => {}
    }
}

fn nodes(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nodes).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(nodes).sum::<usize>(),
        _ => 1,
    }
}

fn changed(mut value: Value, numbers: &mut Numbers) -> Value {
    match (numbers.below(12), &mut value) {
        (0, Value::Object(fields)) => {
            let name = fields.keys().nth(numbers.below(fields.len())).cloned();
            name.and_then(|name| fields.remove(&name));
            value
        }
        (1, Value::Object(fields)) => {
            let name = fields.keys().nth(numbers.below(fields.len())).cloned();
            let field = name.and_then(|name| fields.remove(&name)).unwrap_or_default();
            fields.insert("another".to_owned(), field);
            value
        }
        (0, Value::Array(items)) => {
            items.pop();
            value
        }
        (1 | 2, Value::Array(items)) => Value::Array(items.iter().cycle().take(items.len() * 300).cloned().collect()),
        (0, Value::String(text)) => text.repeat(2_000).into(),
        (3, _) => Value::Null,
        (4, _) => json!(-1),
        (5, _) => json!(u64::MAX),
        (6, _) => json!(1e300),
        (7, _) => json!(true),
        (8, _) => json!("\0\u{202e}\u{1f4a5}<![CDATA["),
        (9, _) => (0..100).fold(value, |value, _| json!([value])),
        (10, _) => json!({}),
        _ => json!([value]),
    }
}

/// Words that stand in the place of a word, a number or what is between quotes.
const WORDS: [&str; 12] = [
    "",
    "0",
    "-1",
    "99999999999999999999999",
    "1e999",
    "NaN",
    "null",
    "true",
    "9999-12-31T23:59:60Z",
    "\u{202e}\u{1f4a5}",
    "&lt;&#0;&undefined;",
    "a: [*b, &b c]",
];

/// The report with one of its words, and all that are the same where chance has it, exchanged.
fn another_word(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<_> =
        text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '.')).filter(|word| !word.is_empty()).collect();
    let word = words[numbers.below(words.len())];
    let count = if numbers.below(3) == 0 { usize::MAX } else { 1 };
    text.replacen(word, WORDS[numbers.below(WORDS.len())], count).into_bytes()
}

/// The report with one of its lines left out, doubled, or far too often.
fn other_lines(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (place, other) = (numbers.below(lines.len()), numbers.below(lines.len()));
    match numbers.below(4) {
        0 => drop(lines.remove(place)),
        1 => lines.insert(other, lines[place]),
        2 => lines.swap(place, other),
        _ => drop(lines.splice(place..place, std::iter::repeat_n(lines[place], 500)).count()),
    }
    lines.concat()
}

/// The most memory that this process has had so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[test]
fn whatever_a_report_says_it_is_read_or_refused_in_bounded_memory() {
    let (fixtures, mut numbers, before) = (fixtures::all(), Numbers(0x5eed), peak());
    let (mut read, mut refused) = (0, 0);
    for fixture in &fixtures {
        let values = values(fixture);
        for round in 0..60 {
            let bytes = match (&values, round % 3) {
                (Some(values), 0 | 1) => {
                    let mut values = values.clone();
                    let line = numbers.below(values.len());
                    let node = numbers.below(nodes(&values[line]));
                    change(&mut values[line], &mut Some(node), &mut numbers);
                    text(&values)
                }
                (_, 1) => other_lines(&fixture.bytes, &mut numbers),
                _ => another_word(&fixture.bytes, &mut numbers),
            };
            let other = fixtures[numbers.below(fixtures.len())].format;
            read_all_ways(fixture.format, other, &bytes);
            let once = parse_as(fixture.format, &bytes);
            assert_eq!(format!("{once:?}"), format!("{:?}", parse_as(fixture.format, &bytes)), "{}", fixture.name);
            assert_eq!(format!("{:?}", parse(&bytes)), format!("{:?}", parse(&bytes)), "{}", fixture.name);
            if once.is_ok() { read += 1 } else { refused += 1 }
        }
    }
    // Neither is everything refused, so that nothing was tried, nor is everything read.
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
    assert!(peak() - before < 512 << 20, "{} MB", (peak() - before) >> 20);
}

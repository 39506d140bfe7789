//! How far back is read, and in which order lines come. On the fake.

use libtest_mimic::Trial;
use pathops_core::ErrorKind;
use pathops_core::adapter::{Collected, LogExcerpt, RuntimeSignals as _, SignalQuery};
use pathops_core::evidence::AbsenceKind;
use pathops_fakes::argocd::Request;

use crate::fake::Fake;
use crate::{ago, cx, loki, query, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("lines_of_all_streams_come_in_the_order_of_time", lines_of_all_streams_come_in_the_order_of_time),
        trial("both_ends_are_read_and_what_lies_between_is_counted", both_ends_are_read_and_what_lies_between_is_counted),
        trial("pages_are_read_back_until_there_is_enough", pages_are_read_back_until_there_is_enough),
        trial("pages_end_where_the_window_begins", pages_end_where_the_window_begins),
        trial("lines_of_one_instant_are_neither_lost_nor_doubled", lines_of_one_instant_are_neither_lost_nor_doubled),
        trial("an_instant_of_more_than_a_page_is_told", an_instant_of_more_than_a_page_is_told),
        trial("an_instant_of_just_a_page_leaves_nothing_out", an_instant_of_just_a_page_leaves_nothing_out),
        trial("between_two_gaps_nothing_is_kept", between_two_gaps_nothing_is_kept),
        trial("silence_names_the_selector", silence_names_the_selector),
        trial("a_label_without_a_value_selects_nothing", a_label_without_a_value_selects_nothing),
    ]
}

async fn text(fake: &Fake, tail_bytes: usize) -> String {
    let asked = SignalQuery { tail_bytes, ..query("orders") };
    match loki(fake.url()).logs(&cx(), &asked).await.unwrap() {
        Collected::Present(log) => String::from_utf8(log.bytes).unwrap(),
        Collected::Absent(why) => panic!("{why}"),
    }
}

/// Both ends of them.
async fn ends(fake: &Fake, head_bytes: usize, tail_bytes: usize) -> LogExcerpt {
    let asked = SignalQuery { head_bytes, tail_bytes, ..query("orders") };
    match loki(fake.url()).logs(&cx(), &asked).await.unwrap() {
        Collected::Present(log) => log,
        Collected::Absent(why) => panic!("{why}"),
    }
}

/// What was asked about lines, and not about how many.
fn pages(fake: &Fake) -> Vec<Request> {
    fake.asked().into_iter().filter(|request| request.path.ends_with("/query_range")).collect()
}

async fn both_ends_are_read_and_what_lies_between_is_counted() {
    let fake = Fake::start().await;
    for number in 0..20_000 {
        fake.print("orders", ["a", "b"][usize::try_from(number % 2).unwrap()], ago(250), number, &format!("line {number:05}"));
    }
    fake.print("orders", "a", ago(301), 0, "too early");
    let log = ends(&fake, 11_000, 33_000).await;
    let at = log.cut_at.unwrap();
    assert_eq!((at, log.bytes.len(), log.total_bytes, log.more), (11_000, 44_000, 220_000, false));
    let [head, tail] = [&log.bytes[..at], &log.bytes[at..]].map(|end| String::from_utf8(end.to_vec()).unwrap());
    assert!(head.starts_with("line 00000\nline 00001\n") && head.ends_with("line 00999\n"), "{head}");
    assert!(tail.starts_with("line 17000\n") && tail.ends_with("line 19999\n"), "{tail}");
    let asked = pages(&fake);
    assert!(asked.iter().all(|request| request.query("limit").unwrap().parse::<u64>().unwrap() < 700), "no more than is wanted");
    assert_eq!(asked.iter().filter(|request| request.query("direction") == Some("forward")).count(), 6);
    // All of it, where it fits to the byte; and nothing is counted then.
    let all = ends(&fake, 100_000, 120_000).await;
    assert_eq!((all.cut_at, all.total_bytes, all.bytes.len(), all.more), (None, 220_000, 220_000, false));
    assert!(fake.asked().iter().all(|request| request.path.ends_with("/query_range")));
    let one_less = ends(&fake, 100_000, 119_999).await;
    assert_eq!((one_less.cut_at, one_less.left_out(), one_less.more), (Some(100_000), 1, false));
}

async fn lines_of_all_streams_come_in_the_order_of_time() {
    let fake = Fake::start().await;
    for (pod, seconds, line) in
        [("b", 10, "fourth"), ("a", 40, "first"), ("b", 30, "second"), ("a", 20, "third"), ("a", 301, "no")]
    {
        fake.print("orders", pod, ago(seconds), 0, line);
    }
    fake.print("orders-api", "a", ago(15), 0, "of another");
    assert_eq!(text(&fake, 1 << 20).await, "first\nsecond\nthird\nfourth\n");
    assert_eq!(text(&fake, 9).await, "d\nfourth\n");
}

async fn pages_are_read_back_until_there_is_enough() {
    let fake = Fake::start().await;
    for number in 0..20_000 {
        fake.print("orders", "a", ago(250), number, &format!("line {number:05}"));
    }
    let told = text(&fake, 33_000).await;
    assert_eq!(told.len(), 33_000);
    assert!(told.starts_with("line 17000\n") && told.ends_with("line 19999\n"), "{}", &told[..50]);
    let asked = pages(&fake);
    assert!((6..=8).contains(&asked.len()), "{}", asked.len());
    assert!(asked.iter().all(|request| request.query("limit") == Some("515")));
}

async fn pages_end_where_the_window_begins() {
    let fake = Fake::start().await;
    for number in 0..2_500 {
        fake.print("orders", "a", ago(250), number, &format!("line {number:05}"));
    }
    let told = text(&fake, 1 << 20).await;
    assert_eq!((told.lines().count(), told.lines().next(), told.lines().last()), (2_500, Some("line 00000"), Some("line 02499")));
    assert_eq!(fake.asked().len(), 3);
}

async fn lines_of_one_instant_are_neither_lost_nor_doubled() {
    let fake = Fake::start().await;
    // Groups of 7 lines have one instant each, of which no page holds whole ones only.
    let at = ago(250);
    for number in 0..5_000_u64 {
        fake.print("orders", if number % 2 == 0 { "a" } else { "b" }, at, number / 7, &format!("line {number:05}"));
    }
    let told = text(&fake, 1 << 20).await;
    let mut lines: Vec<&str> = told.lines().collect();
    let group = |line: &&str| line[5..].parse::<u64>().unwrap() / 7;
    assert!(lines.is_sorted_by_key(group), "they come in the order of time");
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((lines.len(), told.lines().count()), (5_000, 5_000));
}

async fn an_instant_of_more_than_a_page_is_told() {
    let fake = Fake::start().await;
    let at = ago(250);
    fake.print("orders", "a", at, 0, "before");
    for number in 0..1_500 {
        fake.print("orders", "a", at, 1, &format!("line {number:05}"));
    }
    fake.print("orders", "a", at, 2, "after");
    let log = ends(&fake, 1_000, 1 << 20).await;
    let printed = 1_500 * 11 + 13;
    assert_eq!((log.cut_at, log.total_bytes, log.left_out(), log.more), (Some(7), printed, 500 * 11, false), "it is counted");
    let told = String::from_utf8(log.bytes).unwrap();
    assert!(told.starts_with("before\nline 00500\n") && told.ends_with("line 01499\nafter\n"), "{}", &told[..200]);
    // There is no room for the beginning.
    let log = ends(&fake, 0, 1 << 20).await;
    assert_eq!((log.cut_at, log.total_bytes, log.left_out()), (Some(0), printed, 500 * 11 + 7));
    // Where not all fits, each end goes as far as nothing is left out in it.
    for number in 0..1_000 {
        fake.print("orders", "a", at, 3 + number, &format!("last {number:05}"));
    }
    let log = ends(&fake, 1_000, 9_000).await;
    let told = String::from_utf8(log.bytes).unwrap();
    assert!(told.starts_with("before\nline 00000\n") && told.ends_with("last 00999\n"), "{}", &told[..200]);
    assert_eq!((log.cut_at, told.len(), log.total_bytes), (Some(7 + 15 * 11), 7 + 15 * 11 + 9_000, printed + 11_000));
    for number in 0..400 {
        fake.print("orders", "a", at, 2_000, &format!("same {number:05}"));
    }
    let log = ends(&fake, 0, 5_000).await;
    let told = String::from_utf8(log.bytes).unwrap();
    assert!(told.starts_with("same 00322\n") && told.ends_with("same 00399\n"), "{}", &told[..200]);
    assert_eq!((log.cut_at, told.len(), log.total_bytes), (Some(0), 78 * 11, printed + 1_400 * 11));
}

async fn an_instant_of_just_a_page_leaves_nothing_out() {
    let fake = Fake::start().await;
    let at = ago(250);
    fake.print("orders", "a", at, 0, "before");
    for number in 0..1_000 {
        fake.print("orders", "a", at, 1, &format!("line {number:05}"));
    }
    let log = ends(&fake, 0, 1 << 20).await;
    assert_eq!((log.cut_at, log.total_bytes, log.bytes.len(), log.more), (None, 11_007, 11_007, false));
}

async fn between_two_gaps_nothing_is_kept() {
    let fake = Fake::start().await;
    let at = ago(250);
    fake.print("orders", "a", at, 0, "before");
    for number in 0..3_000 {
        fake.print("orders", "a", at, 1 + number / 1_500 * 2, &format!("line {number:05}"));
    }
    fake.print("orders", "a", at, 2, "between");
    let log = ends(&fake, 1_000, 1 << 20).await;
    let told = String::from_utf8(log.bytes.clone()).unwrap();
    assert!(told.starts_with("before\nline 02000\n") && told.ends_with("line 02999\n"), "{}", &told[..200]);
    assert_eq!((log.cut_at, log.total_bytes, told.lines().count()), (Some(7), 33_015, 1_001));
}

async fn silence_names_the_selector() {
    let fake = Fake::start().await;
    fake.print("orders", "a", ago(301), 0, "too early");
    let Collected::Absent(why) = loki(fake.url()).logs(&cx(), &query("orders")).await.unwrap() else { panic!("something") };
    assert_eq!(why.kind, AbsenceKind::NothingThere);
    let why = why.to_string();
    assert!(why.starts_with(r#"Loki has no line of {namespace="shop", app="orders"} since"#), "{why}");
}

async fn a_label_without_a_value_selects_nothing() {
    let fake = Fake::start().await;
    let mut asked = query("orders");
    asked.target.namespace.clear();
    let error = loki(fake.url()).logs(&cx(), &asked).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("`namespace`"), "{error}");
    assert!(fake.asked().is_empty());
}

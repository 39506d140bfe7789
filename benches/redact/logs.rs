//! The corpus `shop-logs`: what a platform prints in a day, made from a seed. One line in a hundred holds a secret.

use super::corpus::{Numbers, Sample, placed, tokens};

/// So many bytes of logs, and a bit more.
pub(crate) fn shop_logs(bytes: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(2_026);
    let secrets: Vec<Sample> = (0..20).flat_map(|_| [tokens(&mut numbers), placed(&mut numbers)].concat()).collect();
    let mut out = Vec::with_capacity(bytes + 4_096);
    let mut second = 0;
    while out.len() < bytes {
        second += numbers.below(2);
        let line = match numbers.below(100) {
            0 => format!("{} INFO  set up: {}", time(second), numbers.one_of(&secrets).text),
            1..=30 => service(&mut numbers, second),
            31..=50 => structured(&mut numbers, second),
            51..=68 => access(&mut numbers, second),
            69..=78 => event(&mut numbers),
            79..=90 => build(&mut numbers),
            _ => trace(&mut numbers),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out
}

fn time(second: usize) -> String {
    format!("2026-11-25T{:02}:{:02}:{:02}.{:03}Z", second / 3_600 % 24, second / 60 % 60, second % 60, second * 37 % 1_000)
}

const APPS: &[&str] = &["orders", "catalog", "quotes", "payments", "checkout"];
const MESSAGES: &[&str] = &[
    "connection pool is at 90 %, 18 of 20 in use",
    "token of the session was renewed",
    "retrying in 250 ms after a timeout of the upstream",
    "wrote 128 records to topic orders.created partition 7",
    "the key of the cache was missing, loaded from the database",
    "request finished",
    "GET https://catalog.shop.svc.cluster.local:8443/api/v1/items?page=2 answered 200",
];

fn service(numbers: &mut Numbers, second: usize) -> String {
    let (level, app) = (*numbers.one_of(&["INFO ", "DEBUG", "WARN "]), *numbers.one_of(APPS));
    let (message, request) = (*numbers.one_of(MESSAGES), uuid(numbers));
    format!("{} {level} {app}::http request_id={request} {message} latency_ms={}", time(second), numbers.below(900))
}

fn uuid(numbers: &mut Numbers) -> String {
    [8, 4, 4, 4, 12].map(|length| numbers.hex(length)).join("-")
}

fn structured(numbers: &mut Numbers, second: usize) -> String {
    let (app, trace, message) = (*numbers.one_of(APPS), numbers.hex(32), *numbers.one_of(MESSAGES));
    if numbers.below(5) == 0 {
        return format!(
            r#"{{"ts":"{}","level":"error","app":"{app}","trace_id":"{trace}","msg":"query \"select * from {app}\" failed","stack":"at main\nat {app}.go:42\n\tat runtime"}}"#,
            time(second)
        );
    }
    format!(
        r#"{{"ts":"{}","level":"info","app":"{app}","trace_id":"{trace}","msg":"{message}","took":{}}}"#,
        time(second),
        numbers.below(99)
    )
}

fn access(numbers: &mut Numbers, second: usize) -> String {
    let (address, path) = (
        numbers.below(255),
        *numbers.one_of(&["/", "/api/v1/orders", "/assets/app.3f2a9c1b.js", "/search?q=red%20kettle&page=2"]),
    );
    format!(
        r#"10.4.0.{address} - - [{}] "GET {path} HTTP/1.1" 200 {} "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36""#,
        time(second),
        numbers.below(90_000)
    )
}

fn event(numbers: &mut Numbers) -> String {
    let (app, pod) = (*numbers.one_of(APPS), numbers.letters("bcdfghjklmnpqrstvwxz2456789", 10));
    format!(
        "Normal  Pulled  2m  kubelet  Successfully pulled image \"registry.example.com/shop/{app}@sha256:{}\" in 1.2s, pod {app}-{pod}-x2x4z",
        numbers.hex(64)
    )
}

fn build(numbers: &mut Numbers) -> String {
    match numbers.below(3) {
        0 => format!("test {}::tests::price_with_tax_is_rounded_half_even_{} ... ok", numbers.one_of(APPS), numbers.below(99)),
        1 => format!("   Compiling {}-client v0.{}.{} (/build/src)", numbers.one_of(APPS), numbers.below(30), numbers.below(9)),
        _ => format!("github.com/example/{} v1.{}.0 h1:{}=", numbers.one_of(APPS), numbers.below(30), numbers.word(43)),
    }
}

fn trace(numbers: &mut Numbers) -> String {
    format!(
        "\tat com.example.shop.{}.OrderController$Handler.handleRequest(OrderController.java:{})",
        numbers.one_of(APPS),
        numbers.below(900)
    )
}

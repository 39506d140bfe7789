//! Whatever is read, nothing panics, and nothing is ready but the whole.

use pathops_core::adapter::IdSource as _;
use pathops_core::memory::SeededIds;

use super::*;

fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut children: Vec<(String, &Value)> = Vec::new();
    match value {
        Value::Object(fields) => {
            children.extend(fields.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)));
        }
        Value::Array(values) => children.extend(values.iter().enumerate().map(|(index, value)| (index.to_string(), value))),
        _ => {}
    }
    for (key, value) in children {
        let pointer = format!("{at}/{key}");
        into.push(pointer.clone());
        pointers(value, &pointer, into);
    }
}

/// The same numbers for the same seed.
struct Random(SeededIds);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.0.fresh() % bound as u128).unwrap()
    }

    /// Any JSON, as deep as this at the most, with words of Flux among its texts.
    fn json(&mut self, depth: usize) -> Value {
        const WORDS: [&str; 12] = [
            "",
            "x",
            "True",
            "False",
            "Ready",
            "Healthy",
            "a_b_apps_Deployment",
            "_____",
            "main@sha1:",
            "\u{0}é@:/_",
            "2026-11-22T12:00:20Z",
            "9999-12-31T23:59:59Z",
        ];
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => json!(null),
            1 => json!(self.below(2) == 0),
            2 => json!([i64::MIN, -1, 0, 3, i64::MAX][self.below(5)]),
            3 => json!(1.5e300),
            4 | 5 => json!(WORDS[self.below(WORDS.len())]),
            6 => Value::Array((0..self.below(4)).map(|_| self.json(depth - 1)).collect()),
            _ => (0..self.below(4)).map(|_| (WORDS[self.below(WORDS.len())].to_owned(), self.json(depth - 1))).collect(),
        }
    }
}

#[test]
fn no_json_in_any_place_makes_it_panic() {
    let mut all = Vec::new();
    pointers(&ready(), "", &mut all);
    let mut random = Random(SeededIds::new(1));
    let (mut read, mut unread) = (0, 0);
    for round in 0..20_000 {
        let mut state = ready();
        for _ in 0..=random.below(3) {
            let pointer = &all[random.below(all.len())];
            let value = random.json(3);
            if let Some(place) = state.pointer_mut(pointer) {
                *place = value;
            }
        }
        match objects(&state) {
            Ok(objects) => {
                read += 1;
                let expected = expected().settle(Duration::from_secs(round % 30));
                let verdict = judge(&expected, &objects, &Line, at(30).parse().unwrap());
                assert!(!verdict.to_string().is_empty());
                drop((objects.kustomization().healthy_since(), objects.kustomization().looked_at(), objects.running("reg/app")));
            }
            Err(error) => {
                unread += 1;
                assert!(error.to_string().starts_with("this is no "), "{error}");
            }
        }
    }
    assert!(read > 1_000 && unread > 1_000, "{read} were read and {unread} were not: one side is hardly tested");
}

#[test]
fn no_json_that_is_something_else_is_read() {
    let mut random = Random(SeededIds::new(2));
    for _ in 0..5_000 {
        let any = random.json(4).to_string().into_bytes();
        assert!(Kustomization::from_json(&any).is_err());
        assert!(Source::from_json(&any).is_err());
        assert!(HelmRelease::from_json(&any).is_err());
        assert!(Workload::from_json(&any).is_err());
    }
    let source = ready()["source"].to_string().into_bytes();
    assert!(Kustomization::from_json(&source).is_err());
    let bucket = put(ready(), "/source/kind", json!("Bucket"))["source"].to_string();
    let error = Source::from_json(bucket.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("it is a Bucket of source.toolkit.fluxcd.io/v1"), "{error}");
    let foreign = put(ready(), "/source/apiVersion", json!("source.example/v1"))["source"].to_string();
    assert!(Source::from_json(foreign.as_bytes()).is_err());
    assert!(Source::from_json(format!("[{bucket}]").as_bytes()).is_err());
    assert_eq!(UnixMillis(0), UnixMillis::default());
}

/// Without any one of these fields nobody can know.
#[test]
fn what_is_left_out_is_not_ready() {
    for pointer in [
        "/kustomization/metadata",
        "/kustomization/spec",
        "/kustomization/status",
        "/source/metadata",
        "/source/spec",
        "/source/status",
        "/workload/metadata",
        "/workload/spec",
        "/workload/status",
    ] {
        let state = put(ready(), pointer, json!({}));
        assert!(!verdict(&expected(), &state).is_ready(), "{pointer}");
    }
}

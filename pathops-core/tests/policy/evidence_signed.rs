//! Signatures and payloads, spoilt: what nobody trusted has signed, or what is signed and no statement, stops everything.

use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Envelope, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::Verdict;
use serde_json::{Value, json};

use crate::shop::{AT, KINDS, Kind, Shop, cx, ready, seal_bytes, signer};

const INTEGRITY: (&str, Verdict) = ("evidence-integrity", Verdict::Fail);

/// A change of one envelope.
type Spoil = fn(&mut Shop, Kind);

#[test]
fn what_nobody_trusted_has_signed_is_rejected() {
    let table: [(&str, Spoil); 11] = [
        ("by a stranger", |shop, kind| shop.put(kind, by_a_stranger(kind))),
        ("by a stranger in another's name", |shop, kind| {
            let mut json = serde_json::to_value(by_a_stranger(kind)).unwrap();
            json["signatures"][0]["keyid"] = json!(signer().public_key().id().0.hex());
            shop.put(kind, serde_json::from_value(json).unwrap());
        }),
        ("by a key without a name", |shop, kind| shop.tamper(kind, |it| it["signatures"][0]["keyid"] = json!(""))),
        ("by nobody", |shop, kind| shop.tamper(kind, |it| it["signatures"] = json!([]))),
        ("twice", |shop, kind| {
            shop.tamper(kind, |it| it["signatures"] = json!([it["signatures"][0].clone(), it["signatures"][0].clone()]));
        }),
        ("as something else was", |shop, kind| {
            let other = serde_json::to_value(seal_bytes(&signer(), b"{}")).unwrap();
            shop.tamper(kind, |it| it["signatures"] = other["signatures"].clone());
        }),
        ("with no signature", |shop, kind| shop.tamper(kind, |it| it["signatures"][0]["sig"] = json!("bm9uZQ=="))),
        ("with another payload", |shop, kind| {
            let other = serde_json::to_value(seal_bytes(&signer(), &kind.dated(AT).to_canonical().unwrap())).unwrap();
            shop.tamper(kind, |it| it["payload"] = other["payload"].clone());
        }),
        ("with a payload that is not base64", |shop, kind| shop.tamper(kind, |it| it["payload"] = json!("{}"))),
        ("and called something else", |shop, kind| shop.tamper(kind, |it| it["payloadType"] = json!(OTHER_TYPE))),
        ("as something else", |shop, kind| shop.put(kind, signed_as_something_else(kind))),
    ];
    for (name, spoil) in table {
        for kind in KINDS {
            let mut shop = Shop::passing();
            spoil(&mut shop, kind);
            refuses(&shop, kind, &format!("signed {name}"));
        }
    }
}

#[test]
fn what_is_signed_and_no_canonical_statement_is_rejected() {
    for kind in KINDS {
        let statement = kind.statement();
        let json = serde_json::to_value(&statement).unwrap();
        let with = |name: &str, value: Value| {
            let mut json = json.clone();
            json[name] = value;
            serde_json::to_vec(&json).unwrap()
        };
        let text = String::from_utf8(statement.to_canonical().unwrap()).unwrap();
        for (name, payload) in [
            ("laid out", serde_json::to_vec_pretty(&json).unwrap()),
            ("with a line at its end", format!("{text}\n").into_bytes()),
            ("with a member twice", text.replacen('{', r#"{"_type":"x","#, 1).into_bytes()),
            ("cut off", text.as_bytes()[..text.len() - 1].to_vec()),
            ("empty", Vec::new()),
            ("not UTF-8", vec![0xff]),
            ("with a member too many", with("extra", json!(1))),
            ("of another version", with("_type", json!("https://in-toto.io/Statement/v0.1"))),
            ("about nothing", with("subject", json!([]))),
            ("about something without a digest", with("subject", json!([{"name": "orders.tar", "digest": {}}]))),
        ] {
            let mut shop = Shop::passing();
            shop.put(kind, seal_bytes(&signer(), &payload));
            refuses(&shop, kind, name);
        }
    }
}

/// One bad envelope is enough, also where the evidence is complete without it.
#[test]
fn evidence_that_proves_nothing_stops_a_promotion_that_would_pass_without_it() {
    for kind in KINDS {
        let mut shop = Shop::passing();
        shop.envelopes.push((kind, by_a_stranger(kind)));
        shop.refuses(&format!("{kind:?}"), &[INTEGRITY]);
    }
}

const OTHER_TYPE: &str = "application/json";

#[track_caller]
fn refuses(shop: &Shop, kind: Kind, case: &str) {
    shop.refuses(&format!("{kind:?}: {case}"), &[INTEGRITY, (kind.requirement(), Verdict::Unknown)]);
}

fn by_a_stranger(kind: Kind) -> Envelope {
    seal_bytes(&MemorySigner::from_seed(2).unwrap(), &kind.statement().to_canonical().unwrap())
}

fn signed_as_something_else(kind: Kind) -> Envelope {
    let payload = kind.statement().to_canonical().unwrap();
    let signature = ready(signer().sign(&cx("sign"), &pre_authentication_encoding(OTHER_TYPE, &payload))).unwrap();
    let mut json = serde_json::to_value(Envelope::new(&payload, &signer().public_key(), signature)).unwrap();
    json["payloadType"] = json!(OTHER_TYPE);
    serde_json::from_value(json).unwrap()
}

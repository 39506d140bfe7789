//! Requests that somebody else made, or made something of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pathops_adapters::webhook::{SecretError, Secrets, Source};
use pathops_core::UnixMillis;
use pathops_core::adapter::{Rejection, WebhookSource as _};

use crate::request::{NOW, Request, SECRET, all, github, hex, secrets, sentry, standard};

#[test]
fn the_documented_vector_of_github_is_taken() {
    let source = Source::github("github".parse().unwrap(), Secrets::new("It's a Secret to Everybody").unwrap());
    let value = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [("X-GitHub-Event", "ping"), ("X-GitHub-Delivery", "1"), ("X-Hub-Signature-256", value)];
    assert!(Request::new(&headers, b"Hello, World!").to(&source).is_ok());
    assert_eq!(Request::new(&headers, b"Hello, World!\n").to(&source), Err(Rejection::Unauthentic));
}

/// The example of the specification of Standard Webhooks.
#[test]
fn the_documented_vector_of_standard_webhooks_is_taken() {
    let keys = Secrets::whsec("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let source = Source::standard("standard".parse().unwrap(), keys);
    let headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    let request = Request::new(&headers, br#"{"test": 2432232314}"#);
    assert!(request.seen(UnixMillis(1_614_265_330_000), |it| source.receive(it)).is_ok());
}

#[test]
fn each_good_request_is_taken_and_without_its_proof_it_is_not() {
    for (source, request, proof) in all() {
        request.to(&source).unwrap();
        let mut without = request.clone();
        without.headers.retain(|(name, _)| name != proof);
        assert_eq!(without.to(&source), Err(Rejection::Missing(proof)), "{source:?}");
    }
}

#[test]
fn a_proof_with_another_secret_is_refused() {
    for (source, mut request, proof) in all() {
        let value = request.value(proof);
        *value = String::from_utf8(value.clone()).unwrap().replace(SECRET, "another secret of tests").into_bytes();
        match proof {
            "X-Hub-Signature-256" => *request.value(proof) = format!("sha256={}", hex("another secret", &request.body)).into(),
            "Sentry-Hook-Signature" => *request.value(proof) = hex("another secret", &request.body).into(),
            "webhook-signature" => request = standard("another secret", "msg_1", NOW, &request.body),
            "Authorization" if source.name().as_str() == "alertmanager" => {
                *request.value(proof) = format!("Basic {}", STANDARD.encode("another secret")).into();
            }
            _ => {}
        }
        assert_eq!(request.to(&source), Err(Rejection::Unauthentic), "{source:?}");
    }
}

#[test]
fn a_header_that_is_there_twice_is_refused_whatever_it_holds() {
    for (source, request, proof) in all() {
        for (name, value) in
            [(proof.to_ascii_uppercase(), b"x".to_vec()), (proof.to_owned(), request.clone().value(proof).clone())]
        {
            for first in [true, false] {
                let mut twice = request.clone();
                twice.headers.insert(if first { 0 } else { twice.headers.len() }, (name.clone(), value.clone()));
                assert_eq!(twice.to(&source), Err(Rejection::Repeated(proof)), "{source:?}");
            }
        }
    }
    let mut both = sentry(b"{}");
    both.headers.push(("Sentry-App-Signature".to_owned(), both.headers[1].1.clone()));
    assert_eq!(both.to(&all()[1].0), Err(Rejection::Repeated("Sentry-App-Signature")));
}

#[test]
fn a_name_that_cannot_be_read_is_refused() {
    let source = &all()[0].0;
    for id in ["", "a b", &"x".repeat(201)] {
        let mut request = github("ping", b"{}");
        *request.value("X-GitHub-Delivery") = id.into();
        assert_eq!(request.to(source), Err(Rejection::Unreadable("X-GitHub-Delivery")), "{id}");
    }
}

#[test]
fn signatures_are_taken_in_one_spelling() {
    let source = &all()[0].0;
    let good = github("ping", b"{}");
    let signature = String::from_utf8(good.clone().value("X-Hub-Signature-256").clone()).unwrap();
    let digits = signature.strip_prefix("sha256=").unwrap();
    for spelt in [
        digits.to_owned(),
        format!("SHA256={digits}"),
        format!("sha256={}", digits.to_uppercase()),
        format!("sha256={digits} "),
        format!("sha256={digits}00"),
        format!("sha256={}", &digits[..62]),
        format!("sha256={digits}, sha256={digits}"),
        format!("sha1={digits}"),
        "sha256=".to_owned(),
    ] {
        let mut request = good.clone();
        *request.value("X-Hub-Signature-256") = spelt.clone().into();
        assert_eq!(request.to(source), Err(Rejection::Unauthentic), "{spelt}");
    }
}

#[test]
fn a_body_written_otherwise_is_another_body() {
    let source = &all()[0].0;
    for written in
        [&br#"{ "a":"\u00e9"}"#[..], "{\"a\":\"é\"}".as_bytes(), b"\xef\xbb\xbf{\"a\":\"\\u00e9\"}", br#"{"a":"\u00E9"}"#]
    {
        let mut request = github("ping", br#"{"a":"\u00e9"}"#);
        request.body = written.to_vec();
        assert_eq!(request.to(source), Err(Rejection::Unauthentic));
    }
}

#[test]
fn what_was_signed_at_another_time_is_stale() {
    let source = &all()[7].0;
    let at = |seconds: i64| standard(SECRET, "msg", UnixMillis(NOW.0 + seconds * 1_000), b"{\"type\":\"a\"}").to(source);
    for seconds in [-300, 0, 300] {
        assert!(at(seconds).is_ok(), "{seconds}");
    }
    for seconds in [-301, 301, -86_400, 86_400] {
        assert_eq!(at(seconds), Err(Rejection::Stale), "{seconds}");
    }
}

#[test]
fn names_and_times_that_are_signed_cannot_be_exchanged() {
    let source = &all()[7].0;
    for (name, value) in [("webhook-id", "msg_9"), ("webhook-timestamp", "1790000001"), ("webhook-timestamp", "+1790000000")] {
        let mut request = standard(SECRET, "msg_2", NOW, b"{}");
        *request.value(name) = value.into();
        assert_eq!(request.to(source), Err(Rejection::Unauthentic), "{name}");
    }
}

#[test]
fn of_several_signatures_one_has_to_be_right_and_few_are_looked_at() {
    let source = &all()[7].0;
    let good = standard(SECRET, "msg_2", NOW, b"{}");
    let signature = String::from_utf8(good.clone().value("webhook-signature").clone()).unwrap();
    let with = |text: String| {
        let mut request = good.clone();
        *request.value("webhook-signature") = text.into();
        request.to(source)
    };
    assert!(with(format!("v1a,AAAA v1,AAAA {signature}")).is_ok());
    assert_eq!(with(format!("{} {signature}", ["v1,AAAA"; 8].join(" "))), Err(Rejection::Unauthentic));
    assert_eq!(with(signature.replace("v1,", "v1a,")), Err(Rejection::Unauthentic));
    assert_eq!(with(signature.replace('=', "")), Err(Rejection::Unauthentic));
}

#[test]
fn two_secrets_are_live_while_one_is_changed() {
    let old = Secrets::new("the secret of before").unwrap();
    let source = Source::github("github".parse().unwrap(), secrets().and(old).unwrap());
    let mut request = github("ping", b"{}");
    assert!(request.to(&source).is_ok());
    *request.value("X-Hub-Signature-256") = format!("sha256={}", hex("the secret of before", b"{}")).into();
    assert!(request.to(&source).is_ok());
    assert_eq!(request.to(&all()[0].0), Err(Rejection::Unauthentic));
}

#[test]
fn secrets_are_long_enough_and_are_not_shown() {
    assert_eq!(Secrets::new("").unwrap_err(), SecretError::Short(0));
    assert_eq!(Secrets::new("fifteen bytes..").unwrap_err(), SecretError::Short(15));
    assert_eq!(Secrets::whsec("whsec_%").unwrap_err(), SecretError::NoKey);
    assert_eq!(Secrets::whsec("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap_err(), SecretError::NoKey);
    let two = secrets().and(secrets()).unwrap();
    assert_eq!(two.clone().and(secrets()).unwrap_err(), SecretError::Third);
    for (source, _, _) in all() {
        assert!(!format!("{source:?} {two:?}").contains(SECRET));
    }
}

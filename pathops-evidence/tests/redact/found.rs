//! How much is found of what must be, and how much of what must stay.

use std::collections::BTreeMap;

use pathops_evidence::redact::{Personal, Redactor};

use crate::corpus::{ENCODINGS, Numbers, Sample, ordinary, secrets};

/// The kinds of which something was missed, and how many of how many were found.
fn recall(redactor: &Redactor, samples: &[Sample]) -> (BTreeMap<&'static str, Vec<String>>, usize) {
    let mut missed: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for sample in samples {
        let text = redactor.redact_text(&sample.text);
        if sample.is_left_in(&text) {
            missed.entry(sample.kind).or_default().push(format!("{:?} became {text:?}", sample.text));
        }
    }
    let found = samples.len() - missed.values().map(Vec::len).sum::<usize>();
    (missed, found)
}

#[track_caller]
fn check_recall(samples: &[Sample], least_per_thousand: usize) {
    let redactor = Redactor::new([]).unwrap();
    let (missed, found) = recall(&redactor, samples);
    let counts: BTreeMap<_, _> = missed.iter().map(|(kind, texts)| (*kind, texts.len())).collect();
    println!("recall: {found} of {} ({:.2} %), missed: {counts:?}", samples.len(), percent(found, samples.len()));
    let some: Vec<_> = missed.values().flatten().take(12).collect();
    assert!(found * 1_000 >= samples.len() * least_per_thousand, "{counts:?}\n{some:#?}");
}

fn percent(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    100.0 * number(part) / number(whole)
}

#[test]
fn every_secret_is_found_where_it_stands_and_in_every_encoding() {
    let samples: Vec<_> = (1..=5).flat_map(|seed| secrets(seed, false)).collect();
    check_recall(&samples, 1_000);
}

#[test]
fn every_secret_is_found_in_every_encoding_of_an_encoding() {
    check_recall(&secrets(7, true), 1_000);
}

#[test]
fn ordinary_text_stays_as_it_is() {
    let redactor = Redactor::new([]).unwrap();
    let lines = ordinary(3);
    let text = lines.join("\n");
    let redacted = redactor.redact_text(&text);
    let changed: Vec<_> = redacted.lines().filter(|line| line.contains("[redacted")).collect();
    println!("false hits: {} in {} ordinary lines ({} bytes)", changed.len(), lines.len(), text.len());
    assert_eq!((changed.len(), redacted == text), (0, true), "{:#?}", changed.iter().take(20).collect::<Vec<_>>());
}

#[test]
fn a_secret_is_found_however_a_program_assigns_it_or_hands_it_on() {
    let redactor = Redactor::builder().high_entropy(false).build().unwrap();
    for form in [
        "shop_TOKEN ?= \"{}\"",
        "shop_TOKEN ::= {}",
        "shop_TOKEN :::= {}",
        "shop_TOKEN += {}",
        "$shopToken .= \"{}\"",
        "shop_token ||= '{}'",
        "shop_token ??= '{}'",
        "var shopToken string = \"{}\"",
        "let shop_token: &str = \"{}\";",
        "let shop_token: &'static str = \"{}\";",
        "const shopToken: string = '{}';",
        "System.setProperty(\"SHOP_TOKEN\", \"{}\")",
        "os.Setenv(\"SHOP_TOKEN\", `{}`)",
        "env.add(\"SHOP_PASSWORD\", \"value\"=\"{}\")",
    ] {
        let expected = form.replace("{}", "[redacted assignment]");
        assert_eq!(redactor.redact_text(&form.replace("{}", "140f88724f5c3c60")), expected);
    }
    // A password may be words, as it may be behind a colon.
    for form in ["os.Setenv(\"DB_PASSWORD\", \"{}\")", "{\"DB_PASSWORD\": \"{}\"}"] {
        let expected = form.replace("{}", "[redacted assignment]");
        assert_eq!(redactor.redact_text(&form.replace("{}", "correct-horse-battery")), expected);
    }
    for ordinary in [
        "setTimeout(\"token\", 3600000)",
        "t(\"password\", locale12)",
        "check(\"api_key\", settings.key2)",
        "os.Getenv(\"SHOP_TOKEN\")",
        "expect(\"token\", \"identifier\")",
        "[\"token\", \"refresh_token\", \"expires_in\"]",
        "{\"kind\": [\"token\", \"abc123def456\"]}",
        "let token: String = lexer.next();",
        "let token: &str = next(lexer);",
        "fn login(user: &str, token: &str) -> bool",
        "path token::=",
    ] {
        assert_eq!(redactor.redact_text(ordinary), ordinary);
    }
}

#[test]
fn tokens_of_slack_are_found_from_the_length_on_that_gitleaks_asks_for() {
    let redactor = Redactor::builder().high_entropy(false).build().unwrap();
    for (begin, least) in [("xoxa-2", 8), ("xoxr-a", 8), ("xoxb-1", 10)] {
        let token = |length: usize| format!("posts with {begin}{}.", &"aB3dE5gH7"[..length - 1]);
        assert_eq!(redactor.redact_text(&token(least)), "posts with [redacted slack-token].", "{begin}");
        assert_eq!(redactor.redact_text(&token(least - 1)), token(least - 1), "{begin}");
    }
}

#[test]
fn a_known_value_is_found_in_every_encoding() {
    for value in ["kettle-1", "kettle", "tea!", "a rather long value that somebody chose", "line one of it\nline two of it"] {
        let redactor = Redactor::new([value.to_owned()]).unwrap();
        for (name, encode) in crate::corpus::ENCODINGS {
            let text = format!("it is {} now", encode(value));
            let redacted = redactor.redact(text.as_bytes());
            assert!(redacted.removed.contains_key("known"), "{value:?} in {name}: {text:?}");
        }
    }
}

#[test]
fn known_values_that_overlap_are_gone_wholly() {
    let redactor = Redactor::new(["abcdef".to_owned(), "efghij".to_owned(), "cd".to_owned()]).unwrap();
    assert_eq!(redactor.redact_text("x abcdefghij cd"), "x [redacted known] cd");
}

#[test]
fn of_an_encoded_word_all_is_taken_out_and_of_escapes_only_the_secret() {
    let redactor = Redactor::new(["kettle-number-one".to_owned()]).unwrap();
    let check = |text: &str, expected: &str| assert_eq!(redactor.redact_text(text), expected);
    check(r#"say \"kettle-number-one\" twice"#, r#"say \"[redacted known]\" twice"#);
    check("q=a%20kettle%2Dnumber%2Done%20b", "q=a%20[redacted known]%20b");
    check("x YSBrZXR0bGUtbnVtYmVyLW9uZSBi y", "x [redacted known] y");
    check("x 6b6574746c652d6e756d6265722d6f6e65 y", "x [redacted known] y");
}

#[test]
fn people_are_masked_where_the_policy_says_so() {
    let text = "Alice Example <alice@example.com> told Alicent, see git@example.com:shop and %61lice%40example.com";
    let keep = Redactor::builder().people(["alice".to_owned()]).build().unwrap();
    assert_eq!(keep.redact_text(text), text);
    let mask = Redactor::builder().personal(Personal::Mask).people(["alice".to_owned(), "Example".to_owned()]).build().unwrap();
    let expected =
        "[redacted person] [redacted person] <[redacted email]> told Alicent, see git@example.com:shop and [redacted email]";
    assert_eq!(mask.redact_text(text).replace("git@[redacted person]", "git@example"), expected);
    assert_eq!(mask.redact(text.as_bytes()).removed["email"], 2);
}

#[test]
fn words_that_look_random_stay_where_that_net_is_off() {
    let mut numbers = Numbers::new(11);
    let text = format!("made {}", crate::corpus::random(&mut numbers, 40));
    assert_eq!(Redactor::new([]).unwrap().redact_text(&text), "made [redacted high-entropy]");
    assert_eq!(Redactor::builder().high_entropy(false).build().unwrap().redact_text(&text), text);
}

#[test]
fn compressed_files_come_through_unchanged() {
    let mut numbers = Numbers::new(5);
    let redactor = Redactor::new([]).unwrap();
    for begin in [&b"PK\x03\x04"[..], b"\x89PNG\r\n\x1a\n", b"\x1f\x8b\x08"] {
        let file = [begin, &numbers.bytes(1 << 20)].concat();
        let redacted = redactor.redact(&file);
        assert!(redacted.bytes == file, "{:?}", redacted.removed);
    }
}

#[test]
fn a_gate_hears_of_what_is_surely_a_secret_and_of_nothing_else() {
    let redactor = Redactor::new(["known-value-1".to_owned()]).unwrap();
    let finds = |text: &str| redactor.finds_token(text.as_bytes()).map(str::to_owned);
    let mut numbers = Numbers::new(9);
    assert_eq!(finds("let password = \"swordfish-12\"; // Authorization: Bearer 0123456789abcdef0123"), None);
    assert_eq!(finds("a known-value-1 b").as_deref(), Some("known"));
    assert_eq!(finds(&format!("token = \"{}\"", crate::corpus::jwt(&mut numbers))).as_deref(), Some("jwt"));
    assert_eq!(finds("postgres://app:s3cr3t@db/x").as_deref(), Some("url-password"));
}

#[test]
fn a_secret_in_the_name_of_a_field_is_taken_out_and_no_field_is_lost() {
    let redactor = Redactor::new(["known-value-1".to_owned(), "known-value-2".to_owned()]).unwrap();
    let mut value = serde_json::json!({
        "known-value-1": 1,
        "[redacted known]": "its own name",
        "known-value-2": { "by known-value-1": ["known-value-2", 2] },
        "plain": null,
    });
    let mut removed = std::collections::BTreeMap::new();
    redactor.redact_json(&mut value, &mut removed);
    let expected = serde_json::json!({
        "[redacted known] (2)": 1,
        "[redacted known]": "its own name",
        "[redacted known] (3)": { "by [redacted known]": ["[redacted known]", 2] },
        "plain": null,
    });
    assert_eq!((value.clone(), removed["known"]), (expected, 4));
    let again = value.clone();
    redactor.redact_json(&mut value, &mut removed);
    assert_eq!((value, removed["known"]), (again, 4), "what is left of it says nothing any more");
}

/// What takes out no word for looking random.
fn by_form() -> Redactor {
    Redactor::builder().high_entropy(false).build().unwrap()
}

/// A token that stands in no file as a whole.
fn token() -> String {
    ["gh", "p_"].concat() + "pYlSXpfKtHF4vUCsMehGAkWvj7FAc9QeWJKY"
}

#[test]
fn hexadecimal_is_found_in_pairs_with_a_mark_between_them() {
    let redactor = by_form();
    let pairs: Vec<_> = token().bytes().map(|byte| format!("{byte:02x}")).collect();
    for mark in [":", " ", "-", "_", ".", ",", "\t"] {
        let text = pairs.join(mark);
        for text in [&text, &text.to_uppercase()] {
            assert_eq!(redactor.redact_text(&format!("= {text};")), "= [redacted github-token];", "{mark:?}");
        }
        for (name, encode) in ENCODINGS {
            let encoded = encode(&text);
            let removed = redactor.redact(encoded.as_bytes()).removed;
            assert!(removed.contains_key("github-token"), "{mark:?} in {name}: {encoded:?}");
        }
    }
    let known = Redactor::new(["kettle-1".to_owned()]).unwrap();
    assert_eq!(known.redact_text("is 6b:65:74:74:6c:65:2d:31:0a here"), "is [redacted known] here");
}

#[test]
fn a_character_without_width_hides_nothing() {
    let (redactor, token) = (by_form(), token());
    let (first, rest) = token.split_at(7);
    for hidden in
        ["\u{200b}", "\u{ad}", "\u{2060}", "\u{feff}", "\u{200d}\u{202e}", "\\u200b", "%E2%80%8B", "&#8203;", "&#xfeff;"]
    {
        let text = format!("\u{feff}a {first}{hidden}{rest} b");
        assert_eq!(redactor.redact_text(&text), "\u{feff}a [redacted github-token] b", "{hidden:?}");
    }
}

#[test]
fn entities_of_xml_are_read() {
    let (redactor, token) = (by_form(), token());
    let text = format!("<a>&#103;&#x68;{}</a>", &token[2..]);
    assert_eq!(redactor.redact_text(&text), "<a>[redacted github-token]</a>");
    let text = "say &quot;password&quot;: &quot;two words&quot; now";
    assert_eq!(redactor.redact_text(text), "say &quot;password&quot;: &quot;[redacted assignment]&quot; now");
}

#[test]
fn a_password_in_a_url_goes_up_to_the_last_sign_before_a_host() {
    let redactor = by_form();
    for (url, left) in [
        ("postgres://bob:p@ss/SECRET@db/x", "postgres://bob:{}@db/x"),
        ("postgres://bob:p@ss.w0rd/x@db.example.com:5432/x", "postgres://bob:{}@db.example.com:5432/x"),
        ("postgres://bob:p/q?r#s@db", "postgres://bob:{}@db"),
        ("amqp://u:a/b?c#d@e@mq:5672/v?x=1@2", "amqp://u:{}@mq:5672/v?x=1@2"),
        ("http://u:a@b@[::1]:80/", "http://u:{}@[::1]:80/"),
        ("redis://:a@b@${HOST}:${PORT}/0", "redis://:{}@${HOST}:${PORT}/0"),
        ("https://ci:kettle@registry/app@sha256:0a1b2c3d4e5f6a7b", "https://ci:{}@registry/app@sha256:0a1b2c3d4e5f6a7b"),
        ("a://u:p1@h, b://v:p2@i;c://w:p3@j", "a://u:{}@h, b://v:{}@i;c://w:{}@j"),
        ("dsn app:pa=ss@/w@tcp(db:3306)/shop", "dsn app:{}@tcp(db:3306)/shop"),
    ] {
        assert_eq!(redactor.redact_text(url), left.replace("{}", "[redacted url-password]"));
    }
    for url in [
        "https://example.com:8080/a@2x.png",
        "ssh://git@github.com:org/repo@v1",
        "https://h/p?next=u:p@x",
        "https://example.com:443/a?mail=b@c",
    ] {
        assert_eq!(redactor.redact_text(url), url);
    }
}

#[test]
fn passwords_on_the_lines_of_commands_are_found() {
    let redactor = by_form();
    for line in [
        "mysqldump -u root -p{} shop",
        "cd /x; mysqladmin -p'{}' status",
        "sshpass -p {} ssh -p 2222 db",
        "sshpass -p{} scp -p file db:",
        "docker login -u ci -p {} r.example.com && docker run -p 8080:80 app",
        "helm registry login r.example.com -u ci -p \"{}\"",
        "az login --service-principal -u id -p {} --tenant t",
        "mongosh -u root -p {}",
        "redis-cli -h cache -a {} ping",
        "sqlcmd -S db -U sa -P {}",
        "ldapsearch -x -w {} -b dc=example",
        "openssl rsa -in k.pem -passin pass:{}",
        "7z a -p{} a.7z b",
        "zip -P {} a.zip b",
        "curl -sS -uadmin:{} https://x.example",
    ] {
        let left = line.replace("{}", "[redacted basic-auth]");
        assert_eq!(redactor.redact_text(&line.replace("{}", "swordfish-7")), left);
    }
}

//! Rules in gitleaks' format: what each field means, and the file that gitleaks has built in.

use pathops_evidence::redact::{Redactor, Rules};

/// What the rules leave of a text.
#[track_caller]
fn check(rules: &str, text: &str, expected: &str) {
    let rules = Rules::from_toml(rules).unwrap();
    let redactor = Redactor::builder().rules(rules).high_entropy(false).build().unwrap();
    assert_eq!(redactor.redact_text(text), expected);
}

#[test]
fn the_group_is_taken_out_or_the_first_one_or_the_match() {
    let rule = |more: &str| format!("[[rules]]\nid = \"r\"\nkeywords = [\"Shop\"]\n{more}");
    check(&rule("regex = '''shop-[0-9]+'''"), "a SHOP shop-12 b", "a SHOP [redacted r] b");
    check(&rule("regex = '''shop-(?:(x+)|([0-9]{12,}))'''"), "shop-123456789012", "shop-[redacted r]");
    check(&rule("regex = '''shop-([a-z]+)-([0-9]+)'''\nsecretGroup = 2"), "shop-a-12", "shop-a-[redacted r]");
    // A short first group is a piece of the secret, as in `([0-9]-){3}`.
    check(&rule("regex = '''shop-([0-9]-){3}'''"), "shop-1-2-3-", "[redacted r]");
}

#[test]
fn a_rule_looks_only_where_its_keyword_stands() {
    let rules = "[[rules]]\nid = \"r\"\nkeywords = [\"shop\"]\nregex = '''n[0-9]{4}'''";
    check(rules, "n1234\nshop n1234", "n1234\nshop [redacted r]");
    let always = "[[rules]]\nid = \"r\"\nregex = '''n[0-9]{4}'''";
    check(always, "n1234", "[redacted r]");
    // Far from the keyword, and longer than what is looked at first.
    let long = "0".repeat(9_000);
    let rules = "[[rules]]\nid = \"r\"\nkeywords = [\"shop-\"]\nregex = '''shop-([0-9]+)'''";
    check(rules, &format!("shop-{long} shop-123456789012 x"), "shop-[redacted r] shop-[redacted r] x");
}

#[test]
fn entropy_and_allowlists_spare_what_is_no_secret() {
    let rule = "[[rules]]\nid = \"r\"\nkeywords = [\"k=\"]\nregex = '''k=([a-z0-9]{12})'''\n";
    check(&format!("{rule}entropy = 3.0"), "k=aaaaaaaaaaaa k=a1b2c3d4e5f6", "k=aaaaaaaaaaaa k=[redacted r]");
    let text = "k=example00000 k=a1b2c3d4e5f6 # demo";
    let first = "k=example00000 k=[redacted r] # demo";
    check(&format!("{rule}[[rules.allowlists]]\nstopwords = [\"EXAMPLE\"]"), text, first);
    check(&format!("{rule}[[rules.allowlists]]\nregexes = ['''^example''']"), text, first);
    check(&format!("{rule}[[rules.allowlists]]\nregexTarget = \"match\"\nregexes = ['''^k=example''']"), text, first);
    check(&format!("{rule}[[rules.allowlists]]\nregexTarget = \"line\"\nregexes = ['''# demo$''']"), text, text);
    check(&format!("[allowlist]\nregexes = ['''^example''']\n{rule}"), text, first);
    check(
        &format!("{rule}[[allowlists]]\ntargetRules = [\"other\"]\nregexes = ['''^example''']"),
        text,
        "k=[redacted r] k=[redacted r] # demo",
    );
    let both = "[[rules.allowlists]]\ncondition = \"AND\"\nstopwords = [\"example\"]\n";
    check(&format!("{rule}{both}regexes = ['''^a''']"), text, "k=[redacted r] k=[redacted r] # demo");
    // A stream has no path, so nothing is allowed for one.
    check(&format!("{rule}{both}paths = ['''demo''']"), text, "k=[redacted r] k=[redacted r] # demo");
    check(&format!("{rule}[[rules.allowlists]]\npaths = ['''.*''']"), text, "k=[redacted r] k=[redacted r] # demo");
}

#[test]
fn rules_that_cannot_be_used_are_refused_by_name() {
    let refused = |text: &str, why: &str| {
        let error = Rules::from_toml(text).map(|rules| rules.len()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    refused("[[rules", "not TOML");
    refused("[[rules]]\nregex = 'a'", "gitleaks' form");
    refused("[[rules]]\nid = \"open\"\nregex = '('", "`open`");
    refused("[[rules]]\nid = \"two\"\nregex = '(a)'\nsecretGroup = 2", "group 2");
    refused("[[rules]]\nid = \"a]b\"\nregex = 'a'", "id");
    refused("[extend]\nuseDefault = true", "as a whole");
    refused("[[rules]]\nid = \"r\"\nregex = 'a'\n[[rules.allowlists]]\ncondition = \"maybe\"\nstopwords = [\"a\"]", "maybe");
    let no_regex = "[[rules]]\nid = \"file\"\npath = '\\.p12$'\n[[rules]]\nid = \"part\"\nregex = 'a'\nskipReport = true";
    assert_eq!(Rules::from_toml(no_regex).unwrap().len(), 0);
}

/// gitleaks' own rules, out of the real program; our samples stand for what it is asked most.
#[test]
fn the_rules_of_gitleaks_are_read_and_find() {
    let Some(text) = crate::built_in::rules() else {
        #[expect(clippy::disallowed_methods, reason = "whether a program may be absent depends on the machine")]
        let may_be_absent = std::env::var("CI").is_err();
        assert!(may_be_absent, "gitleaks is missing, or has no rules built in: `.ci/test` installs it");
        eprintln!("skipped: gitleaks is not installed; `.ci/test` does it");
        return;
    };
    let rules = Rules::from_toml(&text).unwrap();
    assert!(rules.len() > 200, "{}", rules.len());
    let redactor = Redactor::builder().rules(rules).high_entropy(false).build().unwrap();
    let mut numbers = crate::corpus::Numbers::new(31);
    let mut missed = Vec::new();
    let samples = crate::corpus::tokens(&mut numbers);
    for sample in samples.iter().filter(|sample| sample.kind != "random") {
        let text = redactor.redact_text(&format!("it is \"{}\" now", sample.text));
        if text.contains(&sample.secret) {
            missed.push(sample.kind);
        }
    }
    println!("{} rules, missed {missed:?} of {}", redactor_rules(&redactor), samples.len());
    assert!(missed.len() <= 3, "{missed:?}");
    let line = "2026-11-25T09:15:02Z INFO orders listening on 0.0.0.0:8080, commit 0a12a502f3579bc4\n";
    assert_eq!(redactor.redact_text(line), line);
}

fn redactor_rules(redactor: &Redactor) -> String {
    format!("{redactor:?}")
}

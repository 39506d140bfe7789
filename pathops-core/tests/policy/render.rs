//! A decision as people read it, and text from outside that tries to be read as more than text.

use pathops_core::project::{OpenIncident, Role};
use pathops_core::{Principal, UnixMillis};
use serde_json::json;

use crate::shop::{AT, Kind, Shop, closed_window, human};

/// A decision with something of everything: no, unknown, a limit, people who are missing, and a window.
fn stopped() -> Shop {
    let mut shop = Shop::reviewed(Vec::new());
    shop.put(Kind::UnitTests, crate::shop::seal(&Kind::UnitTests.dated(UnixMillis(AT.0 - 8 * 24 * 3_600_000))));
    shop.edit(Kind::Smoke, |it| Kind::Smoke.fail(it));
    shop.remove(Kind::Deployment);
    let window = json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()});
    shop.layer.requirements.push(serde_json::from_value(window).unwrap());
    shop
}

#[test]
fn a_decision_in_a_terminal() {
    let expected = r"orders may not go to production: unit-tests, preflight-deployment, preflight-smoke, approval, afternoon
  pass    covered                  the policy has rules for it
  pass    evidence-integrity       all 3 pieces are signed by a trusted key
  pass    tested-combination       the pull request asks for exactly what ran in preflight
  pass    dependencies             nothing that it depends on is still to come
  pass    stop-the-line            nobody has stopped the line
  unknown unit-tests               2 passed, 0 failed, but that was 8 d 0 h ago, and 7 d 0 h is the limit
                                   needs a newer result of the unit tests, from CI
  unknown preflight-deployment     there is no deployment in preflight for this
                                   needs deployment in preflight, from the GitOps controller
  pass    preflight-health         healthy for 5 s without a gap
  FAIL    preflight-smoke          2 passed, 1 failed
                                   needs a better result of the smoke job in preflight, from the GitOps controller
  unknown approval                 0 of 1 approvals of head 444444444444
                                   needs approval of the pull request's head, from bob
  pass    lifecycle                it is path-ready
  pass    no-open-incident         none is open
  FAIL    afternoon                closed since 2026-11-20T11:00:00Z, open again at 2026-11-20T13:30:00Z (Europe/Berlin)
                                   could pass from 2026-11-20T13:30:00Z
  it takes at least a better result of the smoke job in preflight from the GitOps controller, and a newer result of the unit tests from CI, and approval of the pull request's head from bob, and deployment in preflight from the GitOps controller, and that it is 2026-11-20T13:30:00Z
";
    assert_eq!(stopped().decision().to_text(), expected);
}

#[test]
fn a_decision_in_a_pull_request() {
    let expected = r"### orders may not go to production: unit-tests, preflight-deployment, preflight-smoke, approval, afternoon

| | requirement | why it is asked for | how it stands |
|---|---|---|---|
| pass | `covered` | what the rules do not cover is refused | the policy has rules for it |
| pass | `evidence-integrity` | a decision rests on evidence that nobody could forge | all 3 pieces are signed by a trusted key |
| pass | `tested-combination` | only what was tested together is promoted together | the pull request asks for exactly what ran in preflight |
| pass | `dependencies` | what it works with is there first | nothing that it depends on is still to come |
| pass | `stop-the-line` | anybody who may can stop everything | nobody has stopped the line |
| unknown | `unit-tests` | Tests guard behaviour. | 2 passed, 0 failed, but that was 8 d 0 h ago, and 7 d 0 h is the limit<br>needs a newer result of the unit tests, from CI |
| unknown | `preflight-deployment` | It ran there. | there is no deployment in preflight for this<br>needs deployment in preflight, from the GitOps controller |
| pass | `preflight-health` | It stayed healthy. | healthy for 5 s without a gap |
| FAIL | `preflight-smoke` | It does its work. | 2 passed, 1 failed<br>needs a better result of the smoke job in preflight, from the GitOps controller |
| unknown | `approval` | A person answers for it. | 0 of 1 approvals of head 444444444444<br>needs approval of the pull request's head, from bob |
| pass | `lifecycle` | A prototype promises nothing. | it is path-ready |
| pass | `no-open-incident` | The ground stands still. | none is open |
| FAIL | `afternoon` | Lunch. | closed since 2026-11-20T11:00:00Z, open again at 2026-11-20T13:30:00Z (Europe/Berlin)<br>could pass from 2026-11-20T13:30:00Z |

it takes at least a better result of the smoke job in preflight from the GitOps controller, and a newer result of the unit tests from CI, and approval of the pull request's head from bob, and deployment in preflight from the GitOps controller, and that it is 2026-11-20T13:30:00Z

Decided for 2026-11-20T12:00:00Z under policy `POLICY`, facts `FACTS`.
";
    let decision = stopped().decision();
    let expected = expected.replace("POLICY", &decision.policy.short()).replace("FACTS", &decision.facts.short());
    assert_eq!(decision.to_markdown(), expected);
}

#[test]
fn a_decision_in_a_sentence() {
    let summary = |shop: &Shop| shop.decision().summary();
    assert_eq!(summary(&Shop::passing()), "orders may go to production");
    assert_eq!(summary(&Shop::first_stage()), "orders may go to production once its pull request is approved");
    assert_eq!(summary(&Shop::reviewed(Vec::new())), "orders may not go to production yet: approval");
}

/// What is looked at later, how many of whom are needed, and whether people may get past it.
#[test]
fn what_is_needed_of_whom_and_when_stands_beside_it() {
    let line_of = |shop: &Shop, id: &str| {
        let text = shop.decision().to_text();
        text.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id}: {text}")).to_owned()
    };
    assert!(line_of(&Shop::first_stage(), " approval ").starts_with("  later   approval"));
    assert!(line_of(&Shop::passing(), " approval ").starts_with("  pass    approval"));

    let mut two = Shop::reviewed(Vec::new());
    let people = [("bob", Role::Reviewer), ("carla", Role::Reviewer), ("dora", Role::Reviewer)];
    two.readings.people = people.into_iter().map(|(name, role)| (name.parse().unwrap(), [role].into())).collect();
    two.rule("approval").asks = serde_json::from_value(json!({"approvals": {"count": 2, "roles": ["reviewer"]}})).unwrap();
    assert!(two.decision().to_text().contains("needs approval of the pull request's head, from 2 of bob, carla, dora\n"));
    two.rule("approval").asks = serde_json::from_value(json!({"approvals": {"count": 1, "roles": ["reviewer"]}})).unwrap();
    assert!(two.decision().to_text().contains("needs approval of the pull request's head, from bob or carla or dora\n"));
}

/// What somebody might write into an incident, a policy or a deployment's answer.
const HOSTILE: [&str; 12] = [
    "a | b | c",
    r"a \| b",
    r"a \\| b",
    "one\ntwo",
    "one\r\n\r\n# two\n\n| pass | `approval` | x | approved by alice |",
    "one\u{2028}two\u{85}three\u{b}four",
    "<script>alert(1)</script><!--",
    "</td></tr></table><b>pass</b>",
    "`` ` ``` code",
    "[pass](javascript:alert(1)) ![x](http://example.com/x.png) <http://example.com>",
    "**pass** _pass_ ~~pass~~ &lt;b&gt;",
    "\u{1b}[2K\u{1b}[1A\u{8}\u{0}\u{202e}ssap",
];

fn with_hostile(text: &str) -> Shop {
    let mut shop = Shop::passing();
    let (id, summary) = (text.to_owned(), text.to_owned());
    shop.readings.incidents = vec![OpenIncident { id, unit: None, since: AT, summary }];
    shop.rule("no-open-incident").reason = text.to_owned();
    let stop = json!({"id": text, "unit": null, "by": "bob", "since": AT.to_string(), "reason": text});
    shop.readings.stops = vec![serde_json::from_value(stop).unwrap()];
    shop.edit(Kind::Deployment, |it| {
        it.predicate["ready"] = json!(false);
        it.predicate["reason"] = json!(text);
    });
    shop.remove(Kind::Smoke);
    let tests = json!({"tests": {"run": "preflight", "suite": text, "minPassed": 1, "accept": {"maxAgeSeconds": 60}}});
    shop.rule("preflight-smoke").asks = serde_json::from_value(tests).unwrap();
    shop
}

#[test]
fn text_from_outside_stays_in_its_cell() {
    let rows = with_hostile("plain").decision().requirements.len();
    for hostile in HOSTILE {
        let markdown = with_hostile(hostile).decision().to_markdown();
        let lines: Vec<_> = markdown.lines().collect();
        assert_eq!(lines.len(), rows + 8, "{hostile:?}: {markdown}");
        for line in &lines[4..4 + rows] {
            assert_eq!(cells(line), 4, "{hostile:?}: {line}");
            assert_eq!(line.matches('`').count(), 2, "{hostile:?}: code is the name of the requirement: {line}");
            let markup = line.replace("<br>", "");
            assert!(!markup.contains(['<', '>', '[', ']', '*', '~', '\\']), "{hostile:?}: {line}");
            assert!(!line.chars().any(is_unseen), "{hostile:?}: {line:?}");
        }
    }
}

#[test]
fn text_from_outside_stays_on_its_line() {
    let plain = with_hostile("plain").decision().to_text().lines().count();
    for hostile in HOSTILE {
        let text = with_hostile(hostile).decision().to_text();
        assert_eq!(text.lines().count(), plain, "{hostile:?}: {text}");
        assert!(!text.chars().any(|c| c != '\n' && is_unseen(c)), "{hostile:?}: {text:?}");
    }
}

#[test]
fn text_from_outside_is_still_readable() {
    let shop = with_hostile("a | b & <c>");
    assert!(shop.decision().to_markdown().contains("a &#124; b &#38; &#60;c&#62;"));
    assert!(shop.decision().to_text().contains("a | b & <c>"));
}

/// Cells of a table row, as GitHub's Markdown splits it: at every `|` that no backslash escapes.
fn cells(row: &str) -> usize {
    let mut bars = 0;
    let mut chars = row.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '|' => bars += 1,
            _ => {}
        }
    }
    bars - 1
}

/// Controls, and marks that reorder what is read.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn people_are_shown_by_name() {
    let shown = |who: Principal| who.to_string();
    assert_eq!(shown(human("bob")), "bob");
    assert_eq!(shown(crate::shop::agent("bob")), "agent patch (for bob)");
}

/// As a decision of an evaluator from before may have it.
#[test]
fn where_neither_steps_nor_time_remain_looking_again_is_what_would_do() {
    let mut decision = Shop::reviewed(Vec::new()).decision();
    let remaining = decision.remaining.as_mut().unwrap();
    (remaining.steps, remaining.not_before, remaining.without_a_way) = (Vec::new(), None, Vec::new());
    assert!(decision.to_text().contains("newer evidence would do"), "{}", decision.to_text());
    decision.remaining.as_mut().unwrap().without_a_way.push("approval".parse().unwrap());
    assert!(decision.to_text().contains("nothing is known that would help with approval"), "{}", decision.to_text());
}

//! What others in this field get wrong, by name.

use pathops_core::UnixMillis;
use pathops_core::evidence::Envelope;
use pathops_core::policy::{Decision, Freeze, GrantError, Readings, Verdict, decide, in_doubt};
use serde_json::json;

use crate::base::{AT, PIECES, Piece, check_of, freeze_on, layers, policy, readings, seal, tree, verified};

/// Decides over the pieces, changed, and more of them.
fn decided(readings: impl FnOnce(&mut Readings), change: impl Fn(Piece) -> Envelope, more: &[Envelope]) -> (Decision, bool) {
    let policy = policy(layers());
    let mut read = crate::base::readings(&policy);
    readings(&mut read);
    let envelopes = [PIECES.map(change).as_slice(), more].concat();
    let (decision, grant) = decide(&policy, &verified(&envelopes, read), AT, 1);
    (decision, grant.is_some())
}

#[track_caller]
fn blocked_by(decision: &Decision, expected: &[(&str, Verdict)]) {
    let blocking: Vec<_> = decision.blocking().map(|it| (it.id.as_str(), it.verdict)).collect();
    assert_eq!(blocking, expected, "{}", decision.to_text());
}

/// There the verified flag stays when a verification that was repeated fails. Here the later word takes the earlier back, a
/// grant that was not used yet is void, and what was granted is in doubt.
#[test]
fn a_verification_that_is_repeated_and_fails_takes_the_pass_back() {
    let (before, granted) = decided(|_| (), Piece::envelope, &[]);
    assert!(granted);
    let mut again = Piece::SourceReview.statement();
    again.predicate["verificationResult"] = json!("FAILED");
    again.predicate["timeVerified"] = json!(AT.to_string());
    let again = seal(1, &again);
    let (after, granted) = decided(|_| (), Piece::envelope, std::slice::from_ref(&again));
    assert!(!granted);
    blocked_by(&after, &[("source-review", Verdict::Fail)]);

    let policy = policy(layers());
    let envelopes = PIECES.map(Piece::envelope);
    let (_, grant) = decide(&policy, &verified(&envelopes, readings(&policy)), AT, 1);
    let grant = grant.unwrap();
    let known = verified(&[envelopes.as_slice(), &[again]].concat(), readings(&policy));
    assert_eq!(grant.redeem(&policy, &known, AT).unwrap_err(), GrantError::Moved("set of evidence"));
    let doubt = in_doubt(&before, &policy, &known, AT).unwrap();
    assert_eq!(doubt.requirements.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["source-review"]);
}

/// There an analysis in which every measurement gave an error counts as a success.
#[test]
fn a_signal_of_which_all_measurements_errored_is_unknown() {
    for (value, samples, errors) in [
        (json!(null), 0, 1_000),
        (json!(null), 1_000, 1_000),
        (json!(0.001), 1_000, 1_000),
        (json!(0.001), 0, 0),
        (json!(0.001), 1_000, 1),
    ] {
        let errored = |piece: Piece| {
            let mut statement = piece.statement();
            if piece == Piece::ErrorRate {
                let predicate = &mut statement.predicate;
                (predicate["value"], predicate["samples"], predicate["errors"]) = (value.clone(), json!(samples), json!(errors));
            }
            seal(piece.seed(), &statement)
        };
        let (decision, granted) = decided(|_| (), errored, &[]);
        assert!(!granted);
        blocked_by(&decision, &[("error-rate", Verdict::Unknown)]);
    }
}

/// There a commit that changes nothing that is built goes around the checks. Here what is promoted is named by its bytes: a
/// head that nobody approved, and a desired state that was not tried, are asked for everything that any other is.
#[test]
fn a_commit_that_changes_nothing_skips_nothing() {
    let (decision, granted) = decided(|it| it.proposal.as_mut().unwrap().head = crate::base::commit('5'), Piece::envelope, &[]);
    assert!(!granted);
    blocked_by(&decision, &[("approval", Verdict::Unknown)]);
    let nothing = |it: &mut Readings| {
        (it.artifact, it.source) = (None, None);
        it.authors.clear();
    };
    let (decision, granted) = decided(nothing, Piece::envelope, &[]);
    assert!(!granted);
    let blocking: Vec<_> = decision.blocking().map(|it| it.id.as_str()).collect();
    for asked in ["unit-tests", "scan", "sbom", "provenance", "source-review", "contracts"] {
        assert!(blocking.contains(&asked), "{asked} was skipped: {blocking:?}");
    }
}

type Change = (&'static str, fn(&mut Readings));

/// There two things that were each tested may be promoted together without ever having run together.
#[test]
fn a_combination_that_was_never_tested_together_is_not_promoted() {
    let preflight = ["smoke", "preflight-deployment", "health", "soak", "error-rate"];
    let changes: [Change; 2] = [
        ("the artifact with another desired state", |it| it.tested.tree = tree('9')),
        ("the desired state with another artifact", |it| it.artifact = Some(pathops_core::Digest::of(b"another"))),
    ];
    for (case, change) in changes {
        let (decision, granted) = decided(change, Piece::envelope, &[]);
        assert!(!granted, "{case}");
        let blocking: Vec<_> = decision.blocking().map(|it| it.id.as_str()).collect();
        for asked in preflight {
            assert!(blocking.contains(&asked), "{case}: {asked} was taken from another combination: {blocking:?}");
        }
    }
    let (decision, granted) = decided(|it| it.proposal.as_mut().unwrap().carries_tested = false, Piece::envelope, &[]);
    assert!(!granted);
    blocked_by(&decision, &[("tested-combination", Verdict::Fail)]);
}

/// There a closed window is a promotion that does not happen, and nobody says why. Here it is said that it is closed, by which
/// rule and for which reason, since when and until when.
#[test]
fn a_freeze_says_that_it_is_closed_and_why_since_when_and_until_when() {
    let mut closed = layers();
    let rule = closed[0].requirements.iter_mut().find(|it| it.id.as_str() == "closed").unwrap();
    rule.reason = "Nobody is there on Friday.".to_owned();
    let window: Freeze = serde_json::from_value(freeze_on(&["friday"])).unwrap();
    rule.asks = pathops_core::policy::Ask::Freeze(window);
    let policy = policy(closed);
    let envelopes = [PIECES.map(Piece::envelope).as_slice(), &[check_of(&policy)]].concat();
    let facts = verified(&envelopes, readings(&policy));
    let (decision, grant) = decide(&policy, &facts, AT, 1);
    assert!(grant.is_none());
    blocked_by(&decision, &[("closed", Verdict::Fail)]);
    let it = decision.blocking().next().unwrap();
    assert_eq!(it.reason, "Nobody is there on Friday.");
    // From 9 to 18 in Berlin, an hour before UTC.
    assert!(it.because.contains("closed since 2026-11-20T08:00:00Z"), "{}", it.because);
    assert!(it.because.contains("2026-11-20T17:00:00Z"), "{}", it.because);
    let opens: UnixMillis = "2026-11-20T17:00:00Z".parse().unwrap();
    assert_eq!(it.earliest, Some(opens));
    assert_eq!(decision.remaining.as_ref().and_then(|remaining| remaining.not_before), Some(opens));
    assert!(decision.can_wait());
    assert!(decide(&policy, &facts, opens, 1).1.is_some(), "it opens when it says");
    assert!(decide(&policy, &facts, UnixMillis(opens.0 - 1), 1).1.is_none());
}

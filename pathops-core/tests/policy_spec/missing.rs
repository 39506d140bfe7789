//! Of each piece of evidence that is not there, what is missing and who could supply it.

use pathops_core::policy::{Step, Verdict, decide};

use crate::base::{AT, PIECES, Piece, layers, policy, readings, verified};

/// What is missing without it, and from whom.
fn told(piece: Piece) -> (&'static str, &'static str) {
    match piece {
        Piece::UnitTests => ("result of the unit tests", "CI"),
        Piece::Smoke => ("result of the smoke job in preflight", "the GitOps controller"),
        Piece::Scan => ("a report of https://example.org/grype", "CI"),
        Piece::Sbom => ("bill of materials", "CI"),
        Piece::Provenance => ("evidence of the type https://slsa.dev/provenance/v1", "who makes it"),
        Piece::SourceReview => ("evidence of the type https://slsa.dev/verification_summary/v1", "who makes it"),
        Piece::Contract => ("a comparison of orders-api", "CI"),
        Piece::Deployment => ("deployment in preflight", "the GitOps controller"),
        Piece::ErrorRate => ("measurement of error-rate", "the monitoring"),
        Piece::Budget => ("measurement of budget", "the monitoring"),
        Piece::Rules => ("check of the policy", "those who keep the policy"),
        // Without one of the two the time is too short, and passes.
        Piece::Settled | Piece::Soaked => ("", ""),
    }
}

#[test]
fn what_is_not_there_is_named_with_whoever_could_supply_it() {
    let policy = policy(layers());
    for piece in PIECES {
        let envelopes: Vec<_> = PIECES.into_iter().filter(|it| *it != piece).map(Piece::envelope).collect();
        let (decision, _) = decide(&policy, &verified(&envelopes, readings(&policy)), AT, 1);
        let it = decision.blocking().find(|it| it.id.as_str() == piece.requirement()).unwrap();
        assert_eq!((it.verdict, it.evidence.is_empty()), (Verdict::Unknown, !told(piece).0.is_empty()), "{piece:?}");
        let step = it.missing.as_ref().map_or(("", ""), |it| (it.what.as_str(), it.from[0].as_str()));
        assert_eq!(step, told(piece), "{piece:?}");
        let remaining = decision.remaining.as_ref().unwrap();
        let named = Step { what: told(piece).0.to_owned(), from: Some(told(piece).1.to_owned()) };
        assert_eq!(remaining.steps.contains(&named), it.missing.is_some(), "{piece:?}: {remaining:?}");
        assert!(remaining.without_a_way.is_empty(), "{piece:?}: {remaining:?}");
    }
}

/// Where nothing at all is there, a report of any scanner would do if none is named.
#[test]
fn a_report_of_any_scanner_is_asked_for_where_none_is_named() {
    let mut layers = layers();
    for requirement in &mut layers[0].requirements {
        if let pathops_core::policy::Ask::Findings(rule) = &mut requirement.asks {
            rule.scanners.clear();
        }
    }
    let policy = policy(layers);
    let envelopes: Vec<_> = PIECES.into_iter().filter(|it| *it != Piece::Scan).map(Piece::envelope).collect();
    let (decision, grant) = decide(&policy, &verified(&envelopes, readings(&policy)), AT, 1);
    assert!(grant.is_none());
    let missing = decision.blocking().next().unwrap().missing.clone().unwrap();
    assert_eq!((missing.what.as_str(), missing.from.as_slice()), ("report of a scanner", ["CI".to_owned()].as_slice()));
}

/// A condition tells its reasons, and without any whether it holds.
#[test]
fn why_a_condition_holds_or_does_not_is_told() {
    for (word, verdict, because) in [
        ("calm", Verdict::Pass, "it holds"),
        ("no", Verdict::Fail, "somebody said no; twice"),
        ("what", Verdict::Unknown, "it cannot be evaluated: nobody knows the word"),
        ("falls", Verdict::Unknown, "it cannot be evaluated: its engine panicked"),
        ("falls hard", Verdict::Unknown, "it cannot be evaluated: its engine panicked"),
    ] {
        let mut layers = layers();
        for requirement in layers.iter_mut().flat_map(|layer| &mut layer.requirements) {
            if let pathops_core::policy::Ask::Condition(rule) = &mut requirement.asks {
                word.clone_into(&mut rule.text);
            }
        }
        let policy = policy(layers);
        let (decision, _) = decide(&policy, &verified(&PIECES.map(Piece::envelope), readings(&policy)), AT, 1);
        let it = decision.requirements.iter().find(|it| it.id.as_str() == "quiet").unwrap();
        assert_eq!((it.verdict, it.because.as_str()), (verdict, because));
    }
}

#[test]
fn a_time_that_is_too_short_is_told_in_its_greatest_units() {
    let policy = policy(layers());
    for (millis, told) in [(0, "0 ms"), (500, "500 ms"), (1_000, "1 s"), (59_999, "59 s")] {
        let short = |piece: Piece| {
            let mut statement = piece.statement();
            if piece == Piece::Settled {
                statement.predicate["settledMillis"] = serde_json::json!(millis);
            }
            crate::base::seal(piece.seed(), &statement)
        };
        let (decision, _) = decide(&policy, &verified(&PIECES.map(short), readings(&policy)), AT, 1);
        let it = decision.requirements.iter().find(|it| it.id.as_str() == "health").unwrap();
        assert_eq!(it.because, format!("healthy for {told}, and 60 s are asked for"));
        let begun = AT.0 - 60_000 - millis;
        assert_eq!((it.stale, it.earliest), (true, Some(pathops_core::UnixMillis(begun + 60_000))), "by looking again");
    }
}

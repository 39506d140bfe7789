//! The evaluator against the plain rule, over generated promotions.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::UnixMillis;
use pathops_core::policy::{Decision, DecisionRecord, HypotheticalFacts, Policy, Severity, Summary, Verdict, evaluate, replay};

use crate::base::{self, languages, policy};
use crate::corpus;
use crate::generate::{Case, Dice, generated, generated_policy};
use crate::spec::{Judgement, Question, judge};
use crate::spec_summary::summary;
use crate::spec_told::Held;

/// How many promotions are judged under one policy.
const EACH: u64 = 25;

/// What came out, so that nothing is tested only in name.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    verdicts: BTreeMap<Verdict, u64>,
    granted: u64,
    overridden: u64,
    first: u64,
    /// How often a condition was told something.
    summaries: u64,
    /// By requirement, how often it stood in which way.
    requirements: BTreeMap<String, BTreeMap<Verdict, u64>>,
}

impl Tally {
    fn take(&mut self, Compared { told: judgement, summaries, .. }: &Compared) {
        self.summaries += u64::from(summaries.is_some());
        self.cases += 1;
        *self.verdicts.entry(judgement.verdict).or_default() += 1;
        self.granted += u64::from(judgement.granted);
        self.overridden += u64::from(judgement.overridden);
        self.first += u64::from(!judgement.deferred.is_empty());
        for (id, verdict) in judgement.counting.iter().chain(&judgement.advisory) {
            *self.requirements.entry(id.clone()).or_default().entry(*verdict).or_default() += 1;
        }
    }

    /// Whether enough came out in every way.
    #[expect(clippy::print_stdout, reason = "it is for whoever asks for it with `--nocapture`")]
    fn is_wide(&self) {
        println!("{self:?}");
        if self.cases < CASES / PARTS {
            return;
        }
        let least = |count: Option<&u64>, share: u64| count.is_some_and(|count| *count >= self.cases / share);
        assert!(least(Some(&self.summaries), 2), "too few conditions are told anything");
        for verdict in [Verdict::Pass, Verdict::Unknown, Verdict::Fail] {
            assert!(least(self.verdicts.get(&verdict), 6), "too few are {verdict}");
        }
        assert!(least(Some(&self.granted), 6) && least(Some(&self.overridden), 100) && least(Some(&self.first), 50));
        for (id, verdicts) in &self.requirements {
            let (some, never): (&[Verdict], &[Verdict]) = match id.as_str() {
                "covered" | "evidence-integrity" | "tested-combination" | "lifecycle" | "no-open-incident" | "stop-the-line" => {
                    (&[Verdict::Pass, Verdict::Fail], &[Verdict::Unknown])
                }
                "sbom" | "soak" => (&[Verdict::Pass, Verdict::Unknown], &[Verdict::Fail]),
                // Nearly nothing speaks for or against these two.
                "lint" => (&[Verdict::Unknown], &[]),
                "quiet" => (&[Verdict::Pass, Verdict::Fail], &[]),
                _ => (&[Verdict::Pass, Verdict::Unknown, Verdict::Fail], &[]),
            };
            assert!(some.iter().all(|it| verdicts.contains_key(it)), "{id} never stood in some way: {verdicts:?}");
            assert!(never.iter().all(|it| !verdicts.contains_key(it)), "{id} stood as it cannot: {verdicts:?}");
        }
    }
}

/// What the evaluator decided, in the words of the plain rule.
fn as_judgement(decision: &Decision) -> Judgement {
    let of = |severity| {
        let these = decision.requirements.iter().filter(move |it| it.severity == severity && !it.deferred);
        these.map(|it| (it.id.to_string(), it.verdict)).collect::<BTreeMap<_, _>>()
    };
    let deferred: BTreeSet<_> = decision.requirements.iter().filter(|it| it.deferred).map(|it| it.id.to_string()).collect();
    let (counting, advisory) = (of(Severity::Required), of(Severity::Advisory));
    assert_eq!(counting.len() + advisory.len() + deferred.len(), decision.requirements.len(), "a name is there twice");
    let overridden = decision.overridden.is_some();
    Judgement { counting, advisory, deferred, verdict: decision.verdict, overridden, granted: decision.is_granted() }
}

/// The first and the last second that RFC 3339 can say, as far as time zones reach.
const FIRST: i64 = -377_705_023_201_000;
const LAST: i64 = 253_402_207_200_000;

/// A case, judged by both.
struct Compared {
    told: Judgement,
    /// What may be told of each requirement.
    held: BTreeMap<String, Held>,
    decision: Decision,
    known: HypotheticalFacts,
    /// What conditions have to be told, and what they were told; `None` where there was none.
    summaries: Option<(Summary, Summary)>,
}

fn compare(policy: &Policy, case: &Case) -> Compared {
    let known = HypotheticalFacts::from(case.facts(policy));
    let _ = base::told();
    let decision = evaluate(policy, &known, case.at);
    let told = base::told();
    let at = UnixMillis(case.at.0.clamp(FIRST, LAST));
    assert_eq!(decision.at, at, "the instant that it was made for");
    let question = Question { layers: policy.layers(), policy: policy.digest(), facts: known.facts(), at };
    let summaries = told.map(|told| (summary(question), told));
    let (told, held) = judge(question);
    Compared { told, held, decision, known, summaries }
}

impl Compared {
    /// What differs, in words; `None` where they agree.
    fn difference(&self) -> Option<String> {
        let between = self.difference_in_decision().or_else(|| self.difference_in_what_is_told());
        between.or_else(|| self.difference_in_summary())
    }

    /// What is wrong with it, in words: it differs from the rule, or is not what every decision is. The second costs more than
    /// the comparison, and is asked only with `dice` to shuffle by.
    fn fault(&self, policy: &Policy, case: &Case, dice: Option<&mut Dice>) -> Option<String> {
        let sound = || remaining_is_sound(policy, self).err();
        let held = || dice.and_then(|dice| holds(policy, case, self, dice).err());
        self.difference().or_else(sound).or_else(held)
    }

    /// The evidence that decided, what is missing, and the earliest instant.
    fn difference_in_what_is_told(&self) -> Option<String> {
        let told = self.decision.requirements.iter().filter_map(|it| Some((it, self.held.get(it.id.as_str())?)));
        let (result, held) = { told }.find(|(result, held)| !held.is_told_by(result))?;
        Some(format!("the evaluator tells\n{result:#?}\nand by the rule one of these may be told\n{:#?}", held.ways))
    }

    fn difference_in_summary(&self) -> Option<String> {
        let (plain, told) = self.summaries.as_ref()?;
        (plain != told).then(|| format!("conditions are told\n{told:#?}\nand by the rule\n{plain:#?}"))
    }

    fn difference_in_decision(&self) -> Option<String> {
        let decided = as_judgement(&self.decision);
        if self.told == decided {
            return None;
        }
        let (told, decided) = (parts(&self.told), parts(&decided));
        let names: BTreeSet<_> = told.keys().chain(decided.keys()).collect();
        let line = |name: &String| {
            let because =
                self.decision.requirements.iter().find(|it| it.id.as_str() == name).map_or("", |it| it.because.as_str());
            format!("{name}: {:?} by the rule, {:?} by the evaluator ({because})", told.get(name), decided.get(name))
        };
        Some(names.into_iter().filter(|name| told.get(*name) != decided.get(*name)).map(line).collect::<Vec<_>>().join("\n"))
    }
}

fn parts(judgement: &Judgement) -> BTreeMap<String, String> {
    let requirements =
        judgement.counting.iter().chain(&judgement.advisory).map(|(id, verdict)| (id.clone(), verdict.to_string()));
    let deferred = judgement.deferred.iter().map(|id| (id.clone(), "deferred".to_owned()));
    let whole = [
        ("the decision", judgement.verdict.to_string()),
        ("overridden", judgement.overridden.to_string()),
        ("granted", judgement.granted.to_string()),
    ];
    requirements.chain(deferred).chain(whole.map(|(name, value)| (name.to_owned(), value))).collect()
}

/// Says what is wrong unless something is so.
macro_rules! ensure {
    ($so:expr, $($wrong:tt)+) => {
        if !$so {
            return Err(format!($($wrong)+));
        }
    };
}

/// What is true of every decision: its JSON comes back as it was, the order of evidence makes no difference, and it replays,
/// stored or not.
fn holds(policy: &Policy, case: &Case, Compared { decision, known, .. }: &Compared, dice: &mut Dice) -> Result<(), String> {
    let text = serde_json::to_string(decision).unwrap();
    let back: Decision = serde_json::from_str(&text).unwrap();
    ensure!(serde_json::to_string(&back).unwrap() == text, "the JSON of a decision does not come back as it was: {text}");
    let mut shuffled = case.facts(policy);
    for place in (1..shuffled.evidence.len()).rev() {
        shuffled.evidence.swap(place, dice.below(place + 1));
    }
    let again = evaluate(policy, &HypotheticalFacts::from(shuffled), case.at);
    ensure!(serde_json::to_string(&again).unwrap() == text, "the order of evidence makes a difference: {text}");
    let record = DecisionRecord::new(policy, known, decision.clone());
    let replayed = replay(&record, &languages());
    ensure!(replayed.as_ref() == Ok(decision), "a decision replays to {replayed:#?} from {decision:#?}");
    let stored: DecisionRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    let replayed = replay(&stored, &languages()).map(|it| serde_json::to_string(&it).unwrap());
    ensure!(replayed.as_ref() == Ok(&text), "a stored decision replays to {replayed:?} from {text}");
    Ok(())
}

/// What remains tells of nothing that passes, and of everything that does not, once it has been waited for what time brings.
fn remaining_is_sound(policy: &Policy, Compared { decision, known, .. }: &Compared) -> Result<(), String> {
    let Some(remaining) = &decision.remaining else {
        ensure!(decision.verdict == Verdict::Pass, "something stands in the way, and nothing remains");
        return Ok(());
    };
    ensure!(decision.verdict != Verdict::Pass, "nothing stands in the way, and something remains");
    let until = remaining.not_before.filter(|until| *until > decision.at);
    let waited = until.map(|until| evaluate(policy, known, until));
    let decision = waited.as_ref().unwrap_or(decision);
    for id in &remaining.without_a_way {
        let Some(it) = decision.blocking().find(|it| it.id == *id) else { return Err(format!("{id} is not in the way")) };
        let too_few = it.all_missing().any(|missing| {
            let from = if missing.by_people { missing.from.len() } else { missing.from.len().max(1) };
            from < usize::try_from(missing.count).unwrap()
        });
        ensure!(too_few || it.missing.is_none(), "{id} has a way: {:?}", it.missing);
    }
    for it in decision.blocking().filter(|it| !remaining.without_a_way.contains(&it.id)) {
        for missing in it.all_missing() {
            let given = remaining.steps.iter().filter(|step| step.what == missing.what).filter(|step| match &step.from {
                Some(from) => missing.from.contains(from),
                None => missing.from.is_empty(),
            });
            ensure!(given.count() >= usize::try_from(missing.count).unwrap(), "the steps are not enough for {}", it.id);
        }
    }
    Ok(())
}

/// How many promotions a test of so many makes: `PATHOPS_SPEC_CASES` asks for another number in all.
#[expect(clippy::disallowed_methods, reason = "this is no library")]
fn wanted(cases: u64) -> u64 {
    let asked: Option<u64> = std::env::var("PATHOPS_SPEC_CASES").ok().map(|text| text.parse().unwrap());
    asked.map_or(cases, |all| all / PARTS)
}

const PARTS: u64 = 4;
const CASES: u64 = 100_000;

/// The part of all promotions with this number.
fn part(number: u64) {
    let mut tally = Tally::default();
    for policies in 0..wanted(CASES / PARTS) / EACH {
        let seed = policies * PARTS + number;
        let mut dice = Dice::new(seed);
        let policy = generated_policy(&mut dice);
        for place in 0..EACH {
            let case = generated(&mut dice, policy.layers());
            let compared = compare(&policy, &case);
            let shuffle = (place == 0 && policies % 2 == 0).then_some(&mut dice);
            if let Some(why) = compared.fault(&policy, &case, shuffle) {
                panic!("seed {seed}, case {place}:\n{why}\n{}", corpus::keep(&case, &format!("seed-{seed}-{place}")));
            }
            tally.take(&compared);
        }
    }
    tally.is_wide();
}

#[test]
fn the_evaluator_agrees_with_the_plain_rule_1() {
    part(0);
}

#[test]
fn the_evaluator_agrees_with_the_plain_rule_2() {
    part(1);
}

#[test]
fn the_evaluator_agrees_with_the_plain_rule_3() {
    part(2);
}

#[test]
fn the_evaluator_agrees_with_the_plain_rule_4() {
    part(3);
}

#[test]
fn the_same_seed_gives_the_same_promotion() {
    let draw = || {
        let mut dice = Dice::new(7);
        let policy = generated_policy(&mut dice);
        serde_json::to_string(&generated(&mut dice, policy.layers())).unwrap()
    };
    assert_eq!(draw(), draw());
}

#[test]
fn every_case_of_the_corpus_agrees() {
    let cases = corpus::all();
    assert!(!cases.is_empty(), "the corpus is gone");
    for (name, case) in cases {
        let policy = policy(case.layers.clone());
        let compared = compare(&policy, &case);
        assert_eq!(compared.fault(&policy, &case, Some(&mut Dice::new(1))), None, "{name}");
    }
}

/// Whether something still is wrong with it.
pub(crate) fn is_faulty(case: &Case) -> bool {
    let policy = Policy::new(case.layers.clone(), &languages());
    policy.is_ok_and(|policy| compare(&policy, case).fault(&policy, case, Some(&mut Dice::new(1))).is_some())
}

//! Promotions that nobody thought of: one that passes, with blows struck at its policy, its facts and its instant. The same
//! seed gives the same promotion.

use std::sync::OnceLock;

use pathops_core::policy::{Facts, Finding, Policy, PolicyLayer};
use pathops_core::{Digest, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::base::{AT, DAY, HOUR, MINUTE, PIECES, Piece, languages, layers, policy, readings, verified};
use crate::generate_evidence::strike_evidence;
use crate::generate_policy::strike_policy;
use crate::generate_readings::{break_glass, strike_readings};

/// What is decided about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Case {
    pub(crate) layers: Vec<PolicyLayer>,
    pub(crate) facts: Facts,
    pub(crate) at: UnixMillis,
    /// Whether the pull request shows this very policy, whatever its digest is.
    pub(crate) shows_policy: bool,
}

/// Numbers that follow from a seed: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    pub(crate) fn some<T: Ord + Clone, C: FromIterator<T>>(&mut self, from: &[T]) -> C {
        from.iter().filter(|_| self.one_in(2)).cloned().collect()
    }

    /// An instant near those that rules turn on, or a far one.
    pub(crate) fn instant(&mut self) -> i64 {
        let near = [0, MINUTE, HOUR, 3 * HOUR, DAY, 7 * DAY, 30 * DAY];
        let off = [0, 1, -1, 500, MINUTE, -MINUTE, MINUTE + 1, -MINUTE - 1, HOUR];
        match self.below(40) {
            0 => self.pick(&[i64::MIN, i64::MAX, 0, i64::MIN + 1, i64::MAX - 1]),
            1 => self.number().cast_signed(),
            _ => AT.0 - self.pick(&near) + self.pick(&off),
        }
    }
}

fn passing_layers() -> &'static Vec<PolicyLayer> {
    static LAYERS: OnceLock<Vec<PolicyLayer>> = OnceLock::new();
    LAYERS.get_or_init(layers)
}

fn passing() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(|| {
        let envelopes = PIECES.map(Piece::envelope);
        verified(&envelopes, readings(&policy(layers()))).facts().clone()
    })
}

/// The policy that the passing promotion is decided under.
pub(crate) fn checked_policy() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| policy(layers()).digest())
}

/// The policy of a seed. Layers that are no policy are drawn again.
pub(crate) fn generated_policy(dice: &mut Dice) -> Policy {
    loop {
        let mut layers = passing_layers().clone();
        let blows = dice.pick(&[0, 0, 1, 1, 2, 3, 6]);
        for _ in 0..blows {
            strike_policy(dice, &mut layers);
        }
        if let Ok(policy) = Policy::new(layers, &languages()) {
            return policy;
        }
    }
}

/// A promotion under these layers.
pub(crate) fn generated(dice: &mut Dice, layers: &[PolicyLayer]) -> Case {
    let mut case = Case { layers: layers.to_vec(), facts: passing().clone(), at: AT, shows_policy: !dice.one_in(40) };
    let (evidence, read) = (dice.pick(&[0, 0, 0, 1, 1, 2, 5]), dice.pick(&[0, 0, 0, 1, 1, 2, 5]));
    for _ in 0..evidence {
        strike_evidence(dice, &mut case.facts.evidence);
    }
    for _ in 0..read {
        strike_readings(dice, &mut case.facts.readings);
    }
    if dice.one_in(5) {
        break_glass(dice, &mut case.facts.readings);
    }
    if dice.one_in(60) {
        case.facts.rejected.push("the key is not in the trust root".to_owned());
    }
    if dice.one_in(30) {
        case.facts.time_zones = "2019a".to_owned();
    }
    if dice.one_in(8) {
        case.at = UnixMillis(dice.instant());
    }
    case
}

impl Case {
    /// The facts, with the policy shown that is shown.
    pub(crate) fn facts(&self, policy: &Policy) -> Facts {
        let mut facts = self.facts.clone();
        if let Some(proposal) = facts.readings.proposal.as_mut() {
            let other = pathops_core::Digest::of(b"another policy");
            proposal.shown.policy = if self.shows_policy { policy.digest() } else { other };
        }
        // What was checked is this very policy, whatever its digest is.
        let checks = facts.evidence.iter_mut().filter(|it| matches!(it.says, Finding::Policy { .. }));
        for subject in checks.flat_map(|it| &mut it.subjects).filter(|it| it.has("sha256", &checked_policy().hex())) {
            subject.digest.insert("sha256".to_owned(), policy.digest().hex());
        }
        facts
    }
}

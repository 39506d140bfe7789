//! What has come to change sets since their machine is there, each under a number.

use serde::{Deserialize, Serialize};

/// A behaviour that a change set has from its beginning to its end, or never: it begins with all that its version knows, and none comes to
/// it later, so that whichever version drives it makes the same of the same. Its number is never another one's.
///
/// A version that does not know a flag of a change set does not touch it, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
#[non_exhaustive]
pub enum Flag {
    /// 1, since the first release: what could not be done waits for somebody who has it tried again, for as long as the limits say, and people reset
    /// units to earlier steps.
    Rescue,
}

impl Flag {
    /// All that this version knows.
    pub const ALL: [Self; 1] = [Self::Rescue];

    /// Its number.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Rescue => 1,
        }
    }
}

impl From<Flag> for u32 {
    fn from(flag: Flag) -> Self {
        flag.number()
    }
}

impl TryFrom<u32> for Flag {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        let unknown = || {
            format!(
                "it has flag {number}, which this version does not know: go on with the version that began it, or a newer one"
            )
        };
        Self::ALL.into_iter().find(|flag| flag.number() == number).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_number_of_its_own_and_is_read_back() {
        let numbers: BTreeSet<u32> = Flag::ALL.into_iter().map(Flag::number).collect();
        assert_eq!(numbers.len(), Flag::ALL.len());
        let stored = serde_json::to_string(&Flag::ALL).unwrap();
        assert_eq!(stored, "[1]", "numbers are for ever");
        assert_eq!(serde_json::from_str::<Vec<Flag>>(&stored).unwrap(), Flag::ALL);
    }

    #[test]
    fn one_that_is_not_known_is_refused_by_its_number() {
        let error = serde_json::from_str::<BTreeSet<Flag>>("[1, 4711]").unwrap_err();
        assert!(error.to_string().contains("it has flag 4711, which this version does not know"), "{error}");
    }
}

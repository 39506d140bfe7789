//! Who did something.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, PersonId};

/// Who did something: a person, an agent in the name of a person, or PathOps itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Principal {
    /// A person.
    Human(PersonId),
    /// An agent. Its sponsor is the person who answers for it.
    Agent {
        /// The agent.
        agent: AgentId,
        /// The person who answers for it.
        sponsor: PersonId,
    },
    /// PathOps itself.
    System,
}

impl Principal {
    /// The person behind it: the human, or the agent's sponsor.
    #[must_use]
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Principal::Human(person) => Some(person),
            Principal::Agent { sponsor, .. } => Some(sponsor),
            Principal::System => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::Human(person) => write!(f, "{person}"),
            Principal::Agent { agent, sponsor } => write!(f, "agent {agent} (for {sponsor})"),
            Principal::System => f.write_str("pathops"),
        }
    }
}

//! Bugs that are planted to see whether the simulation finds them.
//!
//! Each is one defect of one system around PathOps (or of a part that a host supplies), switched on in the wrappers of
//! [`adapters`](crate::adapters) and nowhere else. To add one: a variant here, a line in [`Bug::says`], and what it does in the
//! wrapper of its adapter. The test of the list fails until some seed finds it.

use std::fmt;

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident = $says:literal),* $(,)?) => {
        /// A planted bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $(#[doc = $says] $bug),*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$bug),*];

            /// What is wrong.
            #[must_use]
            pub fn says(self) -> &'static str {
                match self { $(Self::$bug => $says),* }
            }

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|bug| bug.to_string() == name)
            }
        }
    };
}

bugs! {
    HostForgetsKeys = "The Git host knows no request again, and opens another pull request.",
    HostForgetsMarkers = "The Git host does not find its own comments, and writes another one.",
    HostLosesCloses = "The Git host acknowledges that it closes a pull request, and does not.",
    HostLosesStatuses = "The Git host acknowledges a success, and does not keep it.",
    HostKeepsOldSuccesses = "The Git host keeps a success that is taken back.",
    HostInventsSuccess = "The Git host says that the promotion status is a success where there is none.",
    HostDoesNotProtect = "The Git host says that production is protected, and lets people merge without the status.",
    HostSaysMerged = "The Git host says now and then of an open pull request that it is merged.",
    HostHidesAuthors = "The Git host says that PathOps is the author of every commit.",
    HostMistakesAnyWordForYes = "The Git host says that every review is an approval.",
    HostMistakesPeople = "The Git host says that every review is by the same person.",
    HostServesALaxPolicy = "The Git host serves a policy that covers every unit.",
    HostServesStrangers = "The Git host serves a list of people with a stranger on it.",
    ProxySignsWithItsToken = "Something between adds its credential to every pull request.",
    GatePushesTheAgentsName = "A file is added to what the gate let pass, before it is pushed.",
    AgentPushesByItself = "An agent has found a credential, and pushes.",
    HostGivesAgentsItsToken = "The host gives its credential to agents.",
    CiSaysPassed = "CI says that every pipeline passed.",
    ControllerSaysReady = "The controller does not wait for the jobs.",
    ControllerHidesFailures = "The controller says that failed jobs passed.",
    ControllerInventsChecks = "The controller says that a job passed which checked nothing.",
    JournalLosesAWrite = "The journal acknowledges a transition now and then, and does not keep it.",
    JournalKeepsNoIntent = "The journal does not keep which operations were begun.",
    JournalForgetsWhatEnded = "The journal gives out operations that have ended.",
    JournalForgetsNumbers = "The journal forgets which numbers of operations were used.",
    StoreLosesABlob = "The store acknowledges a blob now and then, and does not keep it.",
    SignerUsesAnotherKey = "The signer signs with a key that nobody trusts.",
    NotifierForgetsKeys = "The notifier tells people again what they were told.",
    ClockStandsStill = "The host's clock stands still.",
}

impl fmt::Display for Bug {
    /// Like `host-forgets-keys`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, c) in format!("{self:?}").chars().enumerate() {
            if c.is_uppercase() && place > 0 {
                f.write_str("-")?;
            }
            write!(f, "{}", c.to_lowercase())?;
        }
        Ok(())
    }
}

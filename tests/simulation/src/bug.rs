//! Bugs that are planted to see whether the simulation finds them.
//!
//! Each is one defect of one system around PathOps (or of a part that a host supplies), switched on in the wrappers of
//! [`adapters`](crate::adapters) and nowhere else. To add one: a line in the list, and what it does in the wrapper of its
//! adapter. The test of the list fails until a seed finds it by the invariant that the line names.

use std::fmt;

macro_rules! bugs {
    ($($bug:ident: $by:literal = $says:literal),* $(,)?) => {
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

            /// The first word of the invariant that finds it.
            #[must_use]
            pub fn found_by(self) -> &'static str {
                match self { $(Self::$bug => $by),* }
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
    HostForgetsKeys: "i6" = "The Git host knows no request again, and opens another pull request.",
    HostForgetsMarkers: "i6" = "The Git host does not find its own comments, and writes another one.",
    HostLosesCloses: "in" = "The Git host acknowledges that it closes a pull request, and does not.",
    HostLosesDeletions: "in" = "The Git host acknowledges that it deletes a branch, and does not.",
    HostLosesStatuses: "i7" = "The Git host acknowledges a success, and does not keep it.",
    HostKeepsOldSuccesses: "i1" = "The Git host keeps a success that is taken back.",
    HostInventsSuccess: "i7" = "The Git host says that the promotion status is a success where there is none.",
    HostDoesNotProtect: "i1" = "The Git host says that production is protected, and lets people merge without the status.",
    HostSaysMerged: "i7" = "The Git host says now and then of an open pull request that it is merged.",
    HostHidesAuthors: "i2" = "The Git host says that PathOps is the author of every commit.",
    HostMistakesAnyWordForYes: "i2" = "The Git host says that every review is an approval.",
    HostMistakesPeople: "i2" = "The Git host says that every review is by the same person.",
    HostServesALaxPolicy: "i11" = "The Git host serves a policy that covers every unit.",
    HostServesStrangers: "i11" = "The Git host serves a list of people with a stranger on it.",
    HostServesOldIncidents: "incidents" = "The Git host shows an incident an hour after it was declared.",
    HostSaysIncidentsAreClosed: "runs" = "The Git host says to who watches an incident that people have closed it.",
    ProxySignsWithItsToken: "i8" = "Something between adds its credential to every pull request.",
    GatePushesTheAgentsName: "i10" = "A file is added to what the gate let pass, before it is pushed.",
    AgentPushesByItself: "i10" = "An agent has found a credential, and pushes.",
    HostGivesAgentsItsToken: "i8" = "The host gives its credential to agents.",
    CiSaysPassed: "i4" = "CI says that every pipeline passed.",
    ControllerSaysReady: "i7" = "The controller does not wait for the jobs.",
    ControllerHidesFailures: "i7" = "The controller says that failed jobs passed.",
    ControllerInventsChecks: "i7" = "The controller says that a job passed which checked nothing.",
    JournalLosesAWrite: "i6" = "The journal acknowledges a transition now and then, and does not keep it.",
    JournalKeepsNoIntent: "in" = "The journal does not keep which operations were begun.",
    JournalForgetsWhatEnded: "in" = "The journal gives out operations that have ended.",
    JournalForgetsNumbers: "in" = "The journal forgets which numbers of operations were used.",
    JournalChangesDates: "journals" = "The journal keeps another date of a transition than it was given.",
    JournalTellsNothing: "what" = "The journal acknowledges what runs are told, and does not give it out.",
    JournalHidesRuns: "one" = "The journal lists no runs that have not ended.",
    JournalForgetsIncidents: "in" = "The journal gives out no run of an incident to go on with.",
    JournalArchivesWhatGoesOn: "archive" = "The journal moves to the archive what has not ended.",
    JournalLosesTheArchive: "in" = "The journal does not know any more what it has moved to the archive.",
    InboxLosesADelivery: "i7" = "The inbox acknowledges a delivery now and then, and does not keep it.",
    InboxGivesOutWhatWasHandled: "deliveries" = "The inbox gives out again what was handled.",
    SourceBelievesAnybody: "i7" = "The source of alarms does not look at who has sent them.",
    StoreLosesABlob: "i3" = "The store acknowledges an envelope now and then, and does not keep it.",
    SignerUsesAnotherKey: "i3" = "The signer signs with a key that nobody trusts.",
    NotifierForgetsKeys: "i6" = "The notifier tells people again what they were told.",
    ClockStandsStill: "i9" = "The host's clock stands still.",
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

//! The handbook: how PathOps works, and why it works that way.
//!
//! | you want to | read |
//! |---|---|
//! | see the parts and follow a change through them | [`architecture`] |
//! | know what a word means here | [`glossary`] |
//! | write a policy, or read a decision | [`policies`] |
//! | know where an app, an artifact or a change set can be | [`lifecycles`] |
//! | know what can be relied on, and which test holds it | [`invariants`] |
//! | know which secrets are taken out of what is stored, and decide about it | [`redaction`] |
//! | run it: the sample, a project of your own, a host of your own | [`running`] |
//! | handle an error, or report one | [`errors`] |
//! | connect a system that nobody has connected yet | [`writing_an_adapter`] |
//! | test an adapter or a host | [`testing`] |
//! | know why something is as it is | [`decisions`] |

pub mod architecture {
    //! The crates, the way of a change through them, and where things live.
    #![doc = include_str!("docs/architecture.md")]
}

pub mod glossary {
    //! What the words mean.
    #![doc = include_str!("docs/glossary.md")]
}

pub mod invariants {
    //! What always holds, how it is held, and by which tests.
    #![doc = include_str!("docs/invariants.md")]
}

pub mod lifecycles {
    //! Where an app, an artifact and a change set can be, and what leads from one state to the next.
    #![doc = include_str!("docs/lifecycles.md")]
}

pub mod policies {
    //! Writing a policy, and reading what it decides.
    #![doc = include_str!("docs/policies.md")]
}

pub mod redaction {
    //! Taking secrets out of what is stored: what a host decides, what is recorded, how sure it is and what it costs.
    #![doc = include_str!("docs/redaction.md")]
}

pub mod errors {
    //! Errors: what they say, and who does what about them.
    #![doc = include_str!("docs/errors.md")]
}

pub mod testing {
    //! The tests there are, and those that you write.
    #![doc = include_str!("docs/testing.md")]
}

pub mod running {
    //! Running the sample, a project and a host.
    #![doc = include_str!("docs/running.md")]
}

pub mod writing_an_adapter {
    //! From a trait to a tested adapter, step by step.
    #![doc = include_str!("docs/writing_an_adapter.md")]
}

pub mod decisions {
    //! Decision records: what was decided, from which situation, and what it costs.
    //!
    //! A record is never rewritten when a decision changes; a later one replaces it and says so.

    pub mod d0001_git_in_process {
        //! Git in this process, not as a program.
        #![doc = include_str!("docs/decisions/0001-git-in-process.md")]
    }

    pub mod d0002_verification_in_core {
        //! Signatures are checked in the core.
        #![doc = include_str!("docs/decisions/0002-verification-in-core.md")]
    }

    pub mod d0003_environments_in_git {
        //! An environment is a branch and a folder.
        #![doc = include_str!("docs/decisions/0003-environments-in-git.md")]
    }

    pub mod d0004_journal {
        //! The journal holds a state and open operations.
        #![doc = include_str!("docs/decisions/0004-journal.md")]
    }

    pub mod d0005_grants {
        //! A promotion grant is a value, not a record.
        #![doc = include_str!("docs/decisions/0005-grants.md")]
    }

    pub mod d0006_processes_die_with_the_host {
        //! What the host starts dies with it.
        #![doc = include_str!("docs/decisions/0006-processes-die-with-the-host.md")]
    }

    pub mod d0007_records_in_the_meta_repository {
        //! The record of a change set is JSON in the meta repository.
        #![doc = include_str!("docs/decisions/0007-records-in-the-meta-repository.md")]
    }

    pub mod d0008_requests_name_their_units {
        //! A feature request names the units that change.
        #![doc = include_str!("docs/decisions/0008-requests-name-their-units.md")]
    }

    pub mod d0009_recurrence_rules {
        //! Recurrence rules come from a library without a clock or a zone.
        #![doc = include_str!("docs/decisions/0009-recurrence-rules.md")]
    }

    pub mod d0010_layers_of_typed_requirements {
        //! A policy is a stack of layers of typed requirements.
        #![doc = include_str!("docs/decisions/0010-layers-of-typed-requirements.md")]
    }

    pub mod d0011_evidence_index {
        //! Evidence of others is found by an index, and believed by its envelope.
        #![doc = include_str!("docs/decisions/0011-evidence-index.md")]
    }

    pub mod d0012_not_the_catalog {
        //! Declarations are not entities of a software catalog.
        #![doc = include_str!("docs/decisions/0012-not-the-catalog.md")]
    }

    pub mod d0013_streams_of_snapshots {
        //! A snapshot takes its number by being created under it.
        #![doc = include_str!("docs/decisions/0013-streams-of-snapshots.md")]
    }

    pub mod d0014_evidence_of_the_policy {
        //! The policy has evidence of its own.
        #![doc = include_str!("docs/decisions/0014-evidence-of-the-policy.md")]
    }

    pub mod d0015_inbox {
        //! Webhooks wait in an inbox of their own.
        #![doc = include_str!("docs/decisions/0015-inbox.md")]
    }

    pub mod d0016_engines {
        //! Engines follow a shell.
        #![doc = include_str!("docs/decisions/0016-engines.md")]
    }

    pub mod d0017_ledger {
        //! One log, without a lease, in objects that anybody can read.
        #![doc = include_str!("docs/decisions/0017-ledger.md")]
    }

    pub mod d0018_event_bus {
        //! An event bus tells.
        #![doc = include_str!("docs/decisions/0018-event-bus.md")]
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use pathops_core::{IdError, ProducerName, RequirementId, UnixMillis};

/// Looks into a promotion policy. Exit codes: 0 it holds, 1 it does not, 2 unusable input, 4 the promotion is blocked.
///
/// Where the policy has conditions in Cedar or Rego, build it with the language, or with both:
/// `cargo run --example policy --features cedar,rego -- …`
#[derive(Debug, Parser)]
#[command(name = "policy")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Says what is wrong with a meta repository, and what its policy will not do: `file:line: what; how to mend it`.
    /// Code 1 where there is an error, 0 where there are warnings at most.
    Lint(Lint),
    /// Runs the cases in `policy-tests` of a meta repository. Code 1 where one of them fails.
    Test {
        /// The folder of the meta repository.
        dir: PathBuf,
    },
    /// Decides over facts. Code 0: promote. Code 4: blocked, also where there is no production pull request yet.
    Evaluate {
        #[command(flatten)]
        over: Over,
        /// Print the decision in JSON.
        #[arg(long)]
        json: bool,
        /// Write the decision with everything it was made of into this file, for `replay` and `diff`.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
    },
    /// Explains how one requirement stands, and what became of every piece of evidence.
    Explain {
        #[command(flatten)]
        over: Over,
        /// The requirement.
        requirement: RequirementId,
    },
    /// Makes a decision again. Code 0: the same, in every field. Code 1: another one, or the record is not what it was made of,
    /// or it was made by another version of something: that is said, and whether it comes to the same.
    Replay {
        /// The decision record, in JSON.
        record: PathBuf,
    },
    /// Says which past decisions another policy would have made differently, and why. Code 1 where there are any.
    Diff {
        /// The policy.
        policy: PathBuf,
        /// The other policy.
        other: PathBuf,
        /// JSON Lines, each `{"facts": …, "at": "…"}` or a decision record.
        history: PathBuf,
    },
}

/// What is to be linted.
#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// The folder of the meta repository.
    pub(crate) dir: PathBuf,
    /// The instant, in RFC 3339, for what ends or begins some day [default: now].
    #[arg(long, value_name = "INSTANT")]
    pub(crate) at: Option<UnixMillis>,
    /// Somebody whose evidence the host trusts; without any, producers are not looked at.
    #[arg(long, value_name = "NAME")]
    pub(crate) producer: Vec<ProducerName>,
    /// A predicate type that a producer makes, as `NAME=TYPE`; without any, what they make is not looked at.
    #[arg(long, value_name = "NAME=TYPE", value_parser = makes)]
    pub(crate) makes: Vec<(ProducerName, String)>,
    /// A suite that builds report; without any, suites are not looked at.
    #[arg(long, value_name = "NAME")]
    pub(crate) build_suite: Vec<String>,
}

fn makes(text: &str) -> Result<(ProducerName, String), String> {
    let (name, kind) = text.split_once('=').ok_or("there is no `=` in it")?;
    Ok((name.parse().map_err(|error: IdError| error.to_string())?, kind.to_owned()))
}

/// What is decided over.
#[derive(Debug, Args)]
pub(crate) struct Over {
    /// The policy: a document of the kind `Policy`, in YAML. Once for each layer.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<PathBuf>,
    /// The facts: YAML, or JSON where the name ends in `.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: PathBuf,
    /// The instant of the decision, in RFC 3339.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) at: UnixMillis,
}

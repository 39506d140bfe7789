//! The command line.

use std::path::PathBuf;

use clap::Parser;
use pathops_examples::variable;

use crate::{controller, engine, git_host};

/// The first argument with which this program is the shop's store.
pub(crate) const STORE: &str = "shop-store";

/// Takes a feature to production on this machine: real Git repositories, real processes, signed evidence.
#[derive(Clone, Debug, Parser)]
#[command(name = "golden_path")]
pub(crate) struct Arguments {
    /// Ask before each review and merge, instead of letting simulated people do it.
    #[arg(long)]
    pub(crate) interactive: bool,
    /// The project: a folder with `meta/` and the repositories of its apps and components [default: the sample `shop`].
    #[arg(long, value_name = "DIR")]
    pub(crate) project: Option<PathBuf>,
    /// The feature requests of the project to carry out, in this order [default: all, by name].
    #[arg(long, value_name = "NAME")]
    pub(crate) request: Vec<String>,
    /// Where everything is kept [default: `target/golden-path` of this workspace]. A run that was stopped goes on from here.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// How long an app's `ci/run` may take.
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) ci_limit: u64,
    /// The Git host of the project: a fake of a vendor's is started beside the example, and ends with it.
    #[arg(long, value_name = "HOST", default_value = "local")]
    pub(crate) scm: git_host::Choice,
    /// The GitOps controller: a fake of a vendor's is started beside the example, tells of what the embedded one deploys, and
    /// ends with it.
    #[arg(long, value_name = "CONTROLLER", default_value = "local")]
    pub(crate) gitops: controller::Choice,
    /// The engine that keeps the change sets and drives them.
    #[arg(long, value_name = "ENGINE", default_value = "embedded")]
    pub(crate) engine: engine::Choice,
    /// A Temporal server, such as `http://127.0.0.1:7233` [default: one for development is started, and ends with the example].
    #[arg(long, value_name = "URL")]
    pub(crate) address: Option<String>,
    /// Keep the apps running at the end, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print a summary in JSON at the end; the account goes to standard error.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Arguments {
    /// The project's folder.
    pub(crate) fn project(&self) -> PathBuf {
        self.project.clone().unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/shop")))
    }

    /// The folder that everything is kept in.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.clone().unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/golden-path")))
    }
}

/// What this program is to be.
pub(crate) enum Mode {
    /// The shop's store.
    Store { port: u16, data: PathBuf },
    /// The golden path.
    GoldenPath(Box<Arguments>),
    /// The store was started without what it needs.
    Unusable(String),
}

/// Reads the command line and, for the store, the two variables that the reconciler gives to every process.
pub(crate) fn mode() -> Mode {
    if std::env::args().nth(1).as_deref() != Some(STORE) {
        return Mode::GoldenPath(Box::new(Arguments::parse()));
    }
    let port = variable("PORT").and_then(|port| port.parse().ok());
    match (port, variable("DATA_DIR")) {
        (Some(port), Some(data)) => Mode::Store { port, data: PathBuf::from(data) },
        _ => Mode::Unusable("the store needs PORT and DATA_DIR".to_owned()),
    }
}

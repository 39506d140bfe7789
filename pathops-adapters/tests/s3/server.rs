//! Servers that speak S3, on free ports of this machine, in a folder that goes with them. The tests across the crates use them too.
#![expect(clippy::print_stderr, reason = "a skip is told")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const KEY: &str = "test-key";
pub(crate) const SECRET: &str = "test-secret";
pub(crate) const BUCKET: &str = "evidence";
/// How long a server may take to start, on a machine that does other things too.
const START: Duration = Duration::from_secs(40);
/// How often one is started: somebody else may have taken a port before it.
const TRIES: u32 = 3;

/// A server that is stopped when this is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// SeaweedFS, which honours conditional writes; `None`, and told, where it is not installed and need not be.
    pub(crate) fn seaweed_fs() -> Option<Self> {
        let program = program("weed")?;
        let (server, filer) = tried(|| Self::seaweed_fs_from(&program));
        let made = || request(filer, "POST", &format!("/buckets/{BUCKET}/")).is_some_and(|answer| answer.contains(" 201 "));
        wait("make a bucket", made);
        Some(server)
    }

    /// And the port of its filer.
    fn seaweed_fs_from(program: &Path) -> Result<(Self, u16), String> {
        let folder = tempfile::tempdir().unwrap();
        let identity = format!(
            r#"{{"identities":[{{"name":"test","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],"actions":["Admin"]}}]}}"#
        );
        std::fs::write(folder.path().join("s3.json"), identity).unwrap();
        let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = free_ports();
        let mut command = Command::new(program);
        command.args(["server", "-filer", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]);
        command.args(["-volume.max=20", "-volume.preStopSeconds=0", "-master.volumeSizeLimitMB=64", "-s3.config=s3.json"]);
        command.args(["-dir=.", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        for (name, port, grpc) in
            [("master", master, master_grpc), ("volume", volume, volume_grpc), ("filer", filer, filer_grpc), ("s3", s3, s3_grpc)]
        {
            command.arg(format!("-{name}.port={port}")).arg(format!("-{name}.port.grpc={grpc}"));
        }
        Ok((Self::start(command, s3, folder)?, filer))
    }

    /// rclone, which ignores the conditions of a write.
    pub(crate) fn rclone() -> Option<Self> {
        let program = program("rclone")?;
        Some(tried(|| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
            let [port] = free_ports();
            let mut command = Command::new(&program);
            command.args(["serve", "s3", "--config", "", "--auth-key", &format!("{KEY},{SECRET}")]);
            command.args(["--addr", &format!("127.0.0.1:{port}"), "."]);
            Self::start(command, port, folder)
        }))
    }

    /// The server, or what it printed before it ended.
    fn start(mut command: Command, port: u16, folder: tempfile::TempDir) -> Result<Self, String> {
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command.current_dir(folder.path()).env("HOME", folder.path()).env_remove("HTTP_PROXY").env_remove("HTTPS_PROXY");
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut server = Self { process: command.spawn().unwrap(), port, folder };
        let mut ended = None;
        wait("answer", || {
            ended = server.process.try_wait().unwrap();
            ended.is_some() || request(port, "GET", "/").is_some_and(|answer| answer.starts_with("HTTP/1.1 "))
        });
        match ended {
            None => Ok(server),
            Some(status) => {
                let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
                Err(format!("the server ended with {status}: {log}"))
            }
        }
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn tried<T>(start: impl Fn() -> Result<T, String>) -> T {
    let mut told = Vec::new();
    for _ in 0..TRIES {
        match start() {
            Ok(server) => return server,
            Err(why) => told.push(why),
        }
    }
    panic!("{}", told.join("\n"));
}

/// A program that `.ci/test` installs.
fn program(name: &str) -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/ci-tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(installed).chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "`{name}` is missing: `.ci/test` installs it");
        eprintln!("skipped: `{name}` is not installed; `.ci/test` does it");
    }
    found
}

/// They are held together, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn request(port: u16, method: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "a server of its own starts in its own time")]
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < START, "the server does not {what} within {START:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

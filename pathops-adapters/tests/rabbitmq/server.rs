//! A RabbitMQ server of our own: on ports and in a folder that are free, and stopped at the end with all that it started.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pathops_adapters::rabbitmq::RabbitMqConfig;
use tempfile::TempDir;

/// The folder of its programs, where they are installed. Those that Debian has on the path switch to another user.
pub(crate) fn installed() -> Option<PathBuf> {
    Some(PathBuf::from("/usr/lib/rabbitmq/bin")).filter(|folder| folder.join("rabbitmq-server").is_file())
}

pub(crate) struct Server {
    process: Option<Child>,
    /// Tells where Erlang's nodes are, which are as many as one here. The server would start one that stays.
    names: Child,
    programs: PathBuf,
    folder: TempDir,
    ports: [u16; 4],
    exchanges: AtomicU32,
}

impl Server {
    pub(crate) fn start(programs: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|it| it.local_addr().unwrap().port());
        let encrypted = certificate(folder.path()).display().to_string();
        let config = format!(
            "default_user = pathops\ndefault_pass = a-password\nloopback_users = none\nlisteners.ssl.1 = 127.0.0.1:{}\n\
             ssl_options.certfile = {encrypted}\nssl_options.keyfile = {encrypted}\nssl_options.verify = verify_none\n",
            ports[3]
        );
        fs::write(folder.path().join("rabbitmq.conf"), config).unwrap();
        let names = quiet(Command::new("epmd").args(["-address", "127.0.0.1", "-port", &ports[2].to_string()])).spawn().unwrap();
        let (process, programs, exchanges) = (None, programs.to_owned(), AtomicU32::new(0));
        let mut server = Self { process, names, programs, folder, ports, exchanges };
        server.start_again();
        server
    }

    /// One of the server's programs, beside it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("HOME", self.folder.path()).env("RABBITMQ_NODENAME", "pathops@localhost");
        command.env("ERL_EPMD_ADDRESS", "127.0.0.1").env("ERL_EPMD_PORT", self.ports[2].to_string());
        command
    }

    /// Lets it have no memory left, until it is started again.
    pub(crate) fn run_out_of_memory(&self) {
        let mut control = self.command("rabbitmqctl");
        control.env("RABBITMQ_CTL_ERL_ARGS", "-start_epmd false").args(["set_vm_memory_high_watermark", "0.0000001"]);
        assert!(quiet(&mut control).status().unwrap().success(), "the server could not be told");
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
        let [port, between_nodes, ..] = self.ports;
        let at = |name: &str| self.folder.path().join(name);
        let mut server = self.command("rabbitmq-server");
        // It is this process, then, and not one that the script waits for.
        server.env("RUNNING_UNDER_SYSTEMD", "true");
        server.env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1").env("RABBITMQ_NODE_PORT", port.to_string());
        server.env("RABBITMQ_DIST_PORT", between_nodes.to_string());
        server.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}");
        server.env("RABBITMQ_MNESIA_BASE", at("data")).env("RABBITMQ_LOG_BASE", at("log"));
        server.env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins")).env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"));
        self.process = Some(quiet(&mut server).spawn().unwrap());
        let patience = Instant::now() + Duration::from_secs(120);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < patience, "RabbitMQ does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// An exchange of its own.
    pub(crate) fn config(&self) -> RabbitMqConfig {
        let mut config = self.as_nobody().with_user("pathops", "a-password");
        config.exchange = format!("case-{}", self.exchanges.fetch_add(1, Ordering::Relaxed));
        config
    }

    pub(crate) fn as_nobody(&self) -> RabbitMqConfig {
        RabbitMqConfig::new(self.address("amqp://", ""))
    }

    /// Encrypted, with a certificate that nobody trusts who is not told to.
    pub(crate) fn encrypted(&self) -> RabbitMqConfig {
        RabbitMqConfig::new(format!("amqps://127.0.0.1:{}", self.ports[3])).with_user("pathops", "a-password")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate")
    }

    /// With this before and behind it.
    pub(crate) fn address(&self, before: &str, behind: &str) -> String {
        format!("{before}127.0.0.1:{}{behind}", self.ports[0])
    }
}

/// Makes one for this machine, with its key in the same file.
fn certificate(folder: &Path) -> PathBuf {
    let (made, wanted) = (folder.join("certificate"), folder.join("wanted"));
    let form = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n[name]\nCN = localhost\n\
                [more]\nsubjectAltName = IP:127.0.0.1\n";
    fs::write(&wanted, form).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.arg("-config").arg(wanted).arg("-keyout").arg(&made).arg("-out").arg(folder.join("public"));
    assert!(quiet(&mut openssl).status().unwrap().success(), "no certificate could be made");
    let both = [fs::read(&made).unwrap(), fs::read(folder.join("public")).unwrap()].concat();
    fs::write(&made, both).unwrap();
    made
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        self.names.kill().ok();
        self.names.wait().ok();
    }
}

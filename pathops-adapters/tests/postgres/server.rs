//! A PostgreSQL server of our own: in a folder that is taken away, reached by a socket in it, and stopped at the end.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;

/// The folder with `initdb` and `postgres`, where they are installed.
pub(crate) fn installed() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&on_path).collect();
    // Where Debian has them, which are not on the path.
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(debian.map(|version| version.path().join("bin")));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

pub(crate) struct Server {
    process: Child,
    programs: PathBuf,
    folder: TempDir,
    databases: AtomicU32,
}

impl Server {
    pub(crate) async fn start(programs: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = owner() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let copied = Command::new("cp").arg("-a").arg(cluster(programs)).arg(folder.path().join("data")).status().unwrap();
        assert!(copied.success(), "the cluster could not be copied");
        let process = serve(programs, &folder);
        let mut server = Self { process, programs: programs.to_owned(), folder, databases: AtomicU32::new(0) };
        server.wait().await;
        server
    }

    /// Kills it, as a machine that fails would, and starts it again.
    pub(crate) async fn fail(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.wait().await;
    }

    /// Until it answers. Where it does not run, it is started: its processes take a moment to notice that it was killed, and
    /// until they have let go of the memory they share, it ends at once.
    async fn wait(&mut self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while PgConnection::connect(&self.url("postgres")).await.is_err() {
            assert!(Instant::now() < patience, "PostgreSQL does not start");
            if self.process.try_wait().unwrap().is_some() {
                self.process = serve(&self.programs, &self.folder);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://pathops:a-password@localhost/{database}?host={}&sslmode=disable", self.folder.path().display())
    }

    /// An empty database of its own.
    pub(crate) async fn database(&self) -> String {
        let name = format!("case{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
        self.url(&name)
    }

    async fn execute(&self, database: &str, sql: &str) -> Result<(), sqlx::Error> {
        execute(&self.url(database), sql).await
    }
}

pub(crate) async fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await?;
    connection.close().await
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked to, it takes its shared memory along.
        let asked = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            self.process.kill().ok();
        }
        self.process.wait().ok();
    }
}

/// A cluster without databases of ours, which is made once and copied for each server: making one takes longer than most tests.
fn cluster(programs: &Path) -> PathBuf {
    let made =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("postgres{}", programs.display().to_string().replace('/', "-")));
    if made.join("pg_hba.conf").is_file() {
        return made;
    }
    let folder = tempfile::tempdir().unwrap();
    if let Some((user, group)) = owner() {
        chown(folder.path(), Some(user), Some(group)).unwrap();
    }
    let mut initdb = command(programs, &folder, "initdb");
    initdb.args(["-U", "pathops", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8"]);
    assert!(initdb.status().unwrap().success(), "initdb failed");
    // All are let in but one, whose password has to be right.
    let rules = "local all locked scram-sha-256\nlocal all all trust\n";
    fs::write(folder.path().join("data/pg_hba.conf"), rules).unwrap();
    // Several tests may make one at once: each copies, and the first one to rename wins.
    let near = made.with_extension(std::process::id().to_string());
    let copied = Command::new("cp").arg("-a").arg(folder.path().join("data")).arg(&near).status().unwrap();
    assert!(copied.success(), "the cluster could not be kept");
    if fs::rename(&near, &made).is_err() {
        fs::remove_dir_all(&near).unwrap();
    }
    made
}

fn command(programs: &Path, folder: &TempDir, program: &str) -> Command {
    let mut command = Command::new(programs.join(program));
    command.arg("-D").arg(folder.path().join("data")).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).env_remove("PGDATA");
    if let Some((user, group)) = owner() {
        command.gid(group).uid(user);
    }
    command
}

fn serve(programs: &Path, folder: &TempDir) -> Child {
    let socket = format!("unix_socket_directories={}", folder.path().display());
    let mut server = command(programs, folder, "postgres");
    server.args(["-c", "listen_addresses=", "-c", &socket, "-c", "fsync=off"]).spawn().unwrap()
}

/// Who runs the server, where it is not who runs the test: PostgreSQL refuses to be run by root.
fn owner() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let fields: Vec<_> = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|it| it[0] == name)?;
        Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user that is not root"))
}

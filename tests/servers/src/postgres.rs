//! PostgreSQL.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    blocking, password, program,
    server::{Kind, Server},
    supervisor::{self, User},
};

const USER: User = User::InPlaceOfRoot("postgres");
const DATA: &str = "data";
const PASSWORD_FILE: &str = "password";

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// It does, as in earnest.
    On,
    /// It does not: what was committed outlives the server, but no power loss.
    Off,
}

/// A PostgreSQL server. A cheap handle; when the last one is dropped, the server ends.
#[derive(Clone, Debug)]
pub struct Postgres {
    server: Arc<Server<Kept>>,
}

/// An empty database of one's own. It is removed when this is dropped, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    /// How to connect to it.
    pub url: String,
    name: String,
    server: Arc<Server<Kept>>,
}

/// What a server is started with.
#[derive(Debug)]
struct Kept {
    programs: PathBuf,
    password: String,
    fsync: Fsync,
}

impl Postgres {
    /// Starts one whose commits wait for the disk.
    pub async fn start() -> Self {
        Self::start_with(Fsync::On).await
    }

    /// Starts one.
    pub async fn start_with(fsync: Fsync) -> Self {
        blocking(move || Self::begin(fsync)).await
    }

    pub(crate) fn begin(fsync: Fsync) -> Self {
        let kept = Kept { programs: program::postgres(), password: password(), fsync };
        Self { server: Arc::new(Server::start(kept)) }
    }

    /// Makes an empty database.
    pub async fn database(&self) -> Database {
        static MADE: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
        let url = self.url(&name);
        let made = name.clone();
        let created = self.server.apart(move |server| server.administer("createdb", &[&made])).await;
        created.unwrap_or_else(|error| panic!("createdb: {error}"));
        Database { url, name, server: Arc::clone(&self.server) }
    }

    /// How to connect to a database of it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{}/{database}", self.server.kind.password, self.server.port)
    }

    /// Ends it in order: who is connected is cut off, what they have not committed is undone.
    pub async fn stop(&self) {
        self.server.apart(Server::stop).await;
    }

    /// Ends it at once, as if the machine had died.
    pub async fn kill(&self) {
        self.server.apart(Server::kill).await;
    }

    /// Stops it (`SIGSTOP`): connections stay, and nobody answers.
    pub async fn pause(&self) {
        self.server.apart(Server::pause).await;
    }

    /// Lets it go on after [`Postgres::pause`].
    pub async fn go_on(&self) {
        self.server.apart(Server::go_on).await;
    }

    /// Starts it again after [`Postgres::stop`] or [`Postgres::kill`], at the same address and with what it kept.
    pub async fn restart(&self) {
        self.server.apart(Server::restart).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that was ended has nothing to remove: its folder goes with it.
        let _ = self.server.administer("dropdb", &["--force", "--if-exists", &self.name]);
    }
}

impl Server<Kept> {
    /// Runs one of the programs for administrators to its end.
    fn administer(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = self.kind.command(program);
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p"]).arg(self.port.to_string()).args(arguments);
        output(command.env("PGPASSWORD", &self.kind.password))
    }
}

impl Kept {
    fn command(&self, program: &str) -> Command {
        let mut command = supervisor::command(USER, self.programs.join(program));
        command.current_dir("/");
        command
    }
}

impl Kind for Kept {
    const NAME: &'static str = "postgres";
    // A fast shutdown; SIGTERM would wait for those who are connected.
    const STOP_SIGNAL: &'static str = "INT";
    const USER: User = USER;

    fn program(&self, port: u16) -> Vec<String> {
        let mut settings = vec![
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=100",
            "shared_buffers=32MB",
            "timezone=UTC",
        ];
        if self.fsync == Fsync::Off {
            settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
        }
        let program = self.programs.join("postgres").display().to_string();
        let mut program = vec![program, "-D".into(), DATA.into(), "-p".into(), port.to_string()];
        program.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting.to_owned()]));
        program
    }

    fn prepare(&self, folder: &Path, _port: u16) {
        let file = folder.join(PASSWORD_FILE);
        fs::write(&file, &self.password).expect("the server's folder can be written to");
        let mut command = self.command("initdb");
        command.args([
            "--username=postgres",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        command.arg("--pwfile").arg(file).arg("-D").arg(folder.join(DATA));
        output(&mut command).unwrap_or_else(|error| panic!("initdb: {error}"));
    }

    /// Its own word for it: the first line of its file is who wrote it, the eighth how it is.
    fn is_ready(&self, folder: &Path, _port: u16, pid: u32) -> bool {
        let file = fs::read_to_string(folder.join(DATA).join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = file.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
    }
}

/// Runs a command to its end; what it said where it failed.
fn output(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

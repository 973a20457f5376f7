//! One running gateway, which can be killed and started again on the same data.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output},
    time::Duration,
};

use http::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Http, binary, http::request, on_core::OnCore, wait};

/// The longest that a start may take.
pub const START_MAX: Duration = Duration::from_secs(60);
/// The longest that an ordered end may take.
pub const STOP_MAX: Duration = Duration::from_secs(60);
const LOG_LINES_SHOWN: usize = 60;

/// How the gateway is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    environment: Vec<(String, String)>,
    binary: Option<PathBuf>,
    bare: bool,
    role: Option<&'static str>,
    listen: Option<SocketAddr>,
    core: Option<usize>,
}

impl Launch {
    /// Another build of the program.
    pub fn build(self, binary: PathBuf) -> Self {
        Self { binary: Some(binary), ..self }
    }

    /// Without the demo: there is nobody and nothing at first.
    pub fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    /// As one of several nodes.
    pub fn role(self, role: &'static str) -> Self {
        Self { role: Some(role), ..self }
    }

    /// At this address, in every life.
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: Some(address), ..self }
    }

    /// On one core alone, or on all.
    pub fn core(self, core: Option<usize>) -> Self {
        Self { core, ..self }
    }

    /// With its logs on a server, which must outlive it.
    pub fn on(self, database: &servers::Database) -> Self {
        self.set("DATABASE_URL", &database.url)
    }

    /// Whether that variable is set, named without `VELOERA_`.
    pub fn sets(&self, name: &str) -> bool {
        self.environment.iter().any(|(set, _)| *set == format!("VELOERA_{name}"))
    }

    /// Sets a variable, named without `VELOERA_`.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((format!("VELOERA_{name}"), value.to_string()));
        self
    }
}

/// A gateway on a data directory of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Veloera {
    folder: TempDir,
    launch: Launch,
    child: Child,
    address: String,
}

impl Veloera {
    /// Starts one on an empty data directory and waits until it is ready.
    pub async fn start(launch: Launch) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder for the data"), launch).await
    }

    /// The same in a folder whose `data` may have been made before.
    pub async fn start_in(folder: TempDir, launch: Launch) -> Self {
        let child = spawn(&folder, &launch);
        let mut started = Self { folder, launch, child, address: String::new() };
        started.ready().await;
        started
    }

    /// A start that must fail by itself; how it did, and what it said.
    pub fn attempt(launch: &Launch) -> (ExitStatus, String) {
        let folder = tempfile::tempdir().expect("a folder for the data");
        let status = command(&folder, launch).status().expect("the binary starts");
        let log = fs::read(log_path(&folder)).unwrap_or_default();
        (status, String::from_utf8_lossy(&log).into_owned())
    }

    /// Starts it again on the same data, after it has ended.
    pub async fn restart(&mut self) {
        assert!(self.child.try_wait().expect("its state").is_some(), "it still runs");
        self.child = spawn(&self.folder, &self.launch);
        self.ready().await;
    }

    /// What was set is not, from its next life on.
    pub fn unset(&mut self, name: &str) {
        self.launch.environment.retain(|(set, _)| *set != format!("VELOERA_{name}"));
    }

    /// `kill -9`: it learns nothing of it.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it can be told");
    }

    /// Stops it where it is: it learns nothing of the time that goes by.
    pub fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("it can be stopped");
    }

    /// Lets it go on after [`Veloera::pause`].
    pub fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("it can go on");
    }

    /// Waits for the end that it was asked for.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait::until("the ordered end", STOP_MAX, async || child.try_wait().expect("its state")).await
    }

    /// How it ended, if it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state")
    }

    /// Another process on the same data, which comes to its end by itself; and how.
    pub fn rival(&self) -> ExitStatus {
        command(&self.folder, &self.launch).spawn().expect("the binary starts").wait().expect("it ends")
    }

    /// The process, as the system counts it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its data is.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The address it listens on now.
    pub fn address(&self) -> SocketAddr {
        self.address.parse().expect("an address")
    }

    /// `path` on the address it listens on now.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What `--demo` wrote for people and programs.
    pub fn demo(&self) -> Value {
        let text = fs::read_to_string(self.data_dir().join("demo.json")).expect("the demo was made");
        serde_json::from_str(&text).expect("demo.json is JSON")
    }

    /// Runs a command on its data, beside it or after its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let data_dir = self.data_dir().display().to_string();
        let url = self.launch.environment.iter().find(|(name, _)| name == "VELOERA_DATABASE_URL");
        let url = url.map(|(_, url)| ["--database-url", url]).into_iter().flatten();
        let place = ["--data-dir", &data_dir].into_iter().chain(url);
        binary::run(arguments.iter().copied().chain(place))
    }

    /// What `audit verify --json` says of its data, which must be that everything holds.
    pub fn verified(&self) -> Value {
        let output = self.run(&["audit", "verify", "--json"]);
        let said = String::from_utf8_lossy(&output.stdout);
        let report: Value = serde_json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
        assert!(output.status.success() && report["ok"] == true, "the history is not intact: {report:#}");
        report
    }

    /// All that it printed in all its lives.
    pub fn log(&self) -> String {
        let log = fs::read(log_path(&self.folder)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    async fn ready(&mut self) {
        let http = Http::default();
        let file = self.data_dir().join("listen");
        let child = &mut self.child;
        self.address = wait::until("readiness", START_MAX, async || {
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "it ended while starting: {ended:?}");
            let address = fs::read_to_string(&file).ok()?.trim().to_owned();
            let ask = request(Method::GET, &format!("http://{address}/readyz"), "", None);
            let ready = http.exchange(ask).await.is_ok_and(|answer| answer.status == StatusCode::OK);
            ready.then_some(address)
        })
        .await;
    }
}

impl Drop for Veloera {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
            eprintln!("--- the gateway's log ends with\n{}", shown.join("\n"));
        }
    }
}

fn log_path(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

fn spawn(folder: &TempDir, launch: &Launch) -> Child {
    // The address of an earlier life must not be taken for this one's.
    let _ = fs::remove_file(folder.path().join("data").join("listen"));
    let _there = launch.core.map(OnCore::move_to);
    command(folder, launch).spawn().expect("the binary starts")
}

fn command(folder: &TempDir, launch: &Launch) -> Command {
    let log = File::options().create(true).append(true).open(log_path(folder)).expect("a log");
    let program = launch.binary.clone().unwrap_or_else(binary::path);
    let listen = launch.listen.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string());
    let mut command = binary::command_of(&program);
    command
        .args(["serve", "--listen", &listen, "--data-dir"])
        .arg(folder.path().join("data"))
        .args(launch.role.map(|role| ["--role", role]).into_iter().flatten())
        .args(if launch.bare { &[][..] } else { &["--demo"] })
        .current_dir(folder.path())
        .envs(launch.environment.iter().map(|(name, value)| (name, value)))
        .stdout(log.try_clone().expect("the log twice"))
        .stderr(log);
    command
}

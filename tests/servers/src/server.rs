//! What all servers have in common: a port, a life that can be ended and begun again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    blocking, port,
    supervisor::{Supervisor, User},
};

/// The longest that a server may take to be ready.
const READY_MAX: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(5);
/// How often another port is tried: somebody may take one before the server does.
const ATTEMPTS_MAX: usize = 5;
const LOG_LINES_SHOWN: usize = 30;

/// What a kind of server is.
pub(crate) trait Kind: Send + Sync + 'static {
    /// Names its folder.
    const NAME: &'static str;
    /// Ends it in order.
    const STOP_SIGNAL: &'static str;
    /// As whom it runs.
    const USER: User;

    /// Its program and arguments; paths are relative to its folder.
    fn program(&self, port: u16) -> Vec<String>;
    /// Makes what must be there before the first start.
    fn prepare(&self, folder: &Path, port: u16);
    /// Whether it serves. `pid` is the process that should.
    fn is_ready(&self, folder: &Path, port: u16, pid: u32) -> bool;
}

/// A server of some kind. Dropping it ends it at once.
#[derive(Debug)]
pub(crate) struct Server<K> {
    pub(crate) kind: K,
    pub(crate) port: u16,
    folder: PathBuf,
    supervisor: Mutex<Supervisor>,
}

impl<K: Kind> Server<K> {
    /// Starts one and waits until it serves.
    pub(crate) fn start(mut kind: K) -> Self {
        for _ in 0..ATTEMPTS_MAX {
            let port = port::free();
            let supervisor = Supervisor::start(K::NAME, K::USER, &kind.program(port));
            let folder = supervisor.folder().to_owned();
            kind.prepare(&folder, port);
            let server = Self { kind, port, folder, supervisor: Mutex::new(supervisor) };
            match server.run() {
                Ok(()) => return server,
                Err(_) if !port::is_free(port) => kind = server.kind,
                Err(log) => panic!("{} does not start:\n{log}", K::NAME),
            }
        }
        panic!("{}: every port was taken from under it", K::NAME)
    }

    /// Starts it again after it was ended, where it was, and waits until it serves.
    pub(crate) fn restart(&self) {
        if let Err(log) = self.run() {
            panic!("{} does not start again:\n{log}", K::NAME);
        }
    }

    /// Ends it in order.
    pub(crate) fn stop(&self) {
        self.supervisor.lock().stop(K::STOP_SIGNAL);
    }

    /// Ends it at once.
    pub(crate) fn kill(&self) {
        self.supervisor.lock().kill();
    }

    /// Lets it do nothing, and nobody know: connections stay.
    pub(crate) fn pause(&self) {
        self.supervisor.lock().tell("STOP");
    }

    /// Lets it go on where it was paused.
    pub(crate) fn go_on(&self) {
        self.supervisor.lock().tell("CONT");
    }

    /// Does what blocks where it keeps no task from running.
    pub(crate) async fn apart<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let server = Arc::clone(self);
        blocking(move || work(&server)).await
    }

    /// Where it keeps what it keeps.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The end of its log where it does not come to serve.
    fn run(&self) -> Result<(), String> {
        let pid = self.supervisor.lock().run();
        for _ in 0..READY_MAX.as_millis() / PAUSE.as_millis() {
            if self.kind.is_ready(&self.folder, self.port, pid) {
                return Ok(());
            }
            if has_ended(pid) {
                break;
            }
            thread::sleep(PAUSE);
        }
        Err(self.log())
    }

    fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

/// Whether a process is no more, or waits only for its end to be heeded.
fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

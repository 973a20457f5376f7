//! The shell that runs a server and ends it when this process ends, however that comes about.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

const SCRIPT: &str = include_str!("supervisor.sh");
/// The longest that a server may take to end in order.
const ORDER_MAX: Duration = Duration::from_mins(1);
/// Programs of the system, and nothing else of whoever runs the tests.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// As whom a server runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Oneself,
    /// This one, where oneself is root.
    InPlaceOfRoot(&'static str),
}

/// Such a shell. Dropping it ends the server at once.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shell: Child,
    /// Nothing else holds this end of the pipe: the system closes it when this process is gone.
    orders: Option<ChildStdin>,
    answers: Receiver<String>,
    folder: PathBuf,
}

/// A command with nothing of this process's environment, run by that user.
pub(crate) fn command(user: User, program: impl Into<OsString>) -> Command {
    // A session of its own: signals from a terminal are for the tests, and what they leave behind clears up.
    let mut command = Command::new("setsid");
    if let User::InPlaceOfRoot(name) = user
        && is_root()
    {
        command.args(["setpriv", &format!("--reuid={name}"), &format!("--regid={name}"), "--init-groups"]);
    }
    command.arg(program.into()).env_clear().env("PATH", PATH).env("LC_ALL", "C");
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").expect("there is /proc").uid() == 0
}

impl Supervisor {
    /// Starts the shell, which makes the folder that `program` will be run in, called `name` and more.
    pub(crate) fn start(name: &str, user: User, program: &[String]) -> Self {
        let mut shell = command(user, "sh");
        shell.arg("-c").arg(SCRIPT).arg(name).arg(env::temp_dir()).args(program).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap_or_else(|error| panic!("a shell for {name}: {error}"));
        let orders = shell.stdin.take();
        let output = BufReader::new(shell.stdout.take().expect("its output is ours"));
        let (answers_tx, answers) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if answers_tx.send(line).is_err() {
                    break;
                }
            }
        });
        let mut started = Self { shell, orders, answers, folder: PathBuf::new() };
        started.folder = started.answer().into();
        started
    }

    /// Where the server runs, as its paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the program and says which process it is.
    pub(crate) fn run(&mut self) -> u32 {
        self.order("start").parse().expect("a process has a number")
    }

    /// Sends the signal and waits for the end.
    pub(crate) fn stop(&mut self, signal: &str) {
        self.order(&format!("stop {signal}"));
    }

    /// Sends the signal to it and all its children, and waits for nothing.
    pub(crate) fn tell(&mut self, signal: &str) {
        self.order(&format!("tell {signal}"));
    }

    /// Ends it at once, with all its children.
    pub(crate) fn kill(&mut self) {
        self.order("kill");
    }

    fn order(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("it is open until it is dropped");
        writeln!(orders, "{order}").unwrap_or_else(|error| panic!("the shell takes no orders: {error}"));
        self.answer()
    }

    fn answer(&self) -> String {
        self.answers.recv_timeout(ORDER_MAX).unwrap_or_else(|error| {
            panic!("the shell over {} does not answer: {error}", self.folder.display())
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.shell.wait();
    }
}

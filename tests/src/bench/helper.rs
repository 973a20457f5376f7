//! Processes of our own, so that the CPU of each is counted by itself.

use std::{
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::TcpListener, runtime::Runtime};

/// A running program. Dropping it tells it to end and waits for that.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    /// Starts `command`.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Not SIGKILL: nginx would leave its worker behind.
        let _ = kill_process(Pid::from_child(&self.0), Signal::TERM);
        let _ = self.0.wait();
    }
}

/// This binary once more, as one of the servers.
#[derive(Debug)]
pub(super) struct Helper {
    running: Running,
    /// Where it listens.
    pub(super) address: SocketAddr,
}

impl Helper {
    /// Starts the subcommand and waits until it says where it listens.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = Running::start(&mut command).expect("this program starts once more");
        let output = running.0.stdout.take().expect("its output is ours");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().unwrap_or_else(|error| panic!("{arguments:?}: {error}: {line}"));
        Self { running, address }
    }

    pub(super) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

/// Within the subcommand: listens, says where, and serves until whoever started it is gone.
pub(super) fn serve(runtime: Runtime, server: impl AsyncFnOnce(TcpListener)) {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("its address"));
        thread::spawn(|| {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(0);
        });
        server(listener).await;
    });
}

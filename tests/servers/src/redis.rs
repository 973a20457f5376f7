//! Redis, which keeps nothing on disk.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use crate::{
    blocking, password, program,
    server::{Kind, Server},
    supervisor::User,
};

const CONFIGURATION: &str = "redis.conf";
/// The longest that an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A Redis server. A cheap handle; when the last one is dropped, the server ends.
#[derive(Clone, Debug)]
pub struct Redis {
    server: Arc<Server<Kept>>,
}

/// What a server is started with.
#[derive(Debug)]
struct Kept {
    program: String,
    password: String,
}

impl Redis {
    /// Starts one.
    pub async fn start() -> Self {
        blocking(|| {
            let program = program::find("redis-server", "redis-server").display().to_string();
            Self { server: Arc::new(Server::start(Kept { program, password: password() })) }
        })
        .await
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.server.kind.password, self.server.port)
    }

    /// Forgets everything; who is connected stays so.
    pub async fn wipe(&self) {
        let answer = self.server.apart(|server| server.kind.ask(server.port, "FLUSHALL")).await;
        assert_eq!(answer.expect("Redis answers"), "+OK", "Redis does not forget");
    }

    /// Ends it in order.
    pub async fn stop(&self) {
        self.server.apart(Server::stop).await;
    }

    /// Ends it at once.
    pub async fn kill(&self) {
        self.server.apart(Server::kill).await;
    }

    /// Stops it (`SIGSTOP`): connections stay, and nobody answers.
    pub async fn pause(&self) {
        self.server.apart(Server::pause).await;
    }

    /// Lets it go on after [`Redis::pause`].
    pub async fn go_on(&self) {
        self.server.apart(Server::go_on).await;
    }

    /// Starts it again after [`Redis::stop`] or [`Redis::kill`], at the same address and empty.
    pub async fn restart(&self) {
        self.server.apart(Server::restart).await;
    }
}

impl Kept {
    /// Asks for one thing that is answered with one line.
    fn ask(&self, port: u16, command: &str) -> io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", port))?;
        connection.set_read_timeout(Some(ANSWER_MAX))?;
        write!(connection, "AUTH {}\r\n{command}\r\nQUIT\r\n", self.password)?;
        let mut answers = String::new();
        connection.read_to_string(&mut answers)?;
        Ok(answers.lines().nth(1).unwrap_or_default().to_owned())
    }
}

impl Kind for Kept {
    const NAME: &'static str = "redis";
    const STOP_SIGNAL: &'static str = "TERM";
    const USER: User = User::Oneself;

    fn program(&self, _port: u16) -> Vec<String> {
        vec![self.program.clone(), CONFIGURATION.into()]
    }

    fn prepare(&self, folder: &Path, port: u16) {
        let password = &self.password;
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\ndaemonize no\n"
        );
        fs::write(folder.join(CONFIGURATION), settings).expect("the server's folder can be written to");
    }

    fn is_ready(&self, _folder: &Path, port: u16, _pid: u32) -> bool {
        self.ask(port, "PING").is_ok_and(|answer| answer == "+PONG")
    }
}

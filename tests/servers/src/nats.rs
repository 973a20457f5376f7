//! NATS with `JetStream`, which keeps its streams on disk.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind},
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

const CONFIGURATION: &str = "nats.conf";
const STREAMS: &str = "streams";
const USER_NAME: &str = "tests";
/// The longest that a greeting may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A NATS server. A cheap handle; when the last one is dropped, the server ends.
#[derive(Clone, Debug)]
pub struct Nats {
    server: Arc<Server<Kept>>,
}

/// What a server is started with.
#[derive(Debug)]
struct Kept {
    program: String,
    password: String,
}

impl Nats {
    /// Starts one.
    pub async fn start() -> Self {
        blocking(|| {
            let program = program::nats().display().to_string();
            Self { server: Arc::new(Server::start(Kept { program, password: password() })) }
        })
        .await
    }

    /// How to connect to it.
    pub fn url(&self) -> String {
        format!("nats://{USER_NAME}:{}@127.0.0.1:{}", self.server.kind.password, self.server.port)
    }

    /// Starts it anew without its streams; who is connected is cut off.
    pub async fn wipe(&self) {
        self.server.apart(Server::without_streams).await;
    }

    /// Ends it in order.
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

    /// Lets it go on after [`Nats::pause`].
    pub async fn go_on(&self) {
        self.server.apart(Server::go_on).await;
    }

    /// Starts it again after [`Nats::stop`] or [`Nats::kill`], at the same address and with its streams.
    pub async fn restart(&self) {
        self.server.apart(Server::restart).await;
    }
}

impl Server<Kept> {
    fn without_streams(&self) {
        self.kill();
        match fs::remove_dir_all(self.folder().join(STREAMS)) {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("streams stay: {error}"),
            Ok(()) | Err(_) => self.restart(),
        }
    }
}

impl Kind for Kept {
    const NAME: &'static str = "nats";
    const STOP_SIGNAL: &'static str = "TERM";
    const USER: User = User::Oneself;

    fn program(&self, _port: u16) -> Vec<String> {
        vec![self.program.clone(), "-c".into(), CONFIGURATION.into()]
    }

    fn prepare(&self, folder: &Path, port: u16) {
        let (password, streams) = (&self.password, folder.join(STREAMS));
        let settings = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: {streams:?} }}\n\
             authorization {{ user: {USER_NAME}, password: \"{password}\" }}\n"
        );
        fs::write(folder.join(CONFIGURATION), settings).expect("the server's folder can be written to");
    }

    /// It greets only when its streams are there.
    fn is_ready(&self, _folder: &Path, port: u16, _pid: u32) -> bool {
        let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) else { return false };
        let mut greeting = String::new();
        connection.set_read_timeout(Some(ANSWER_MAX)).is_ok()
            && BufReader::new(connection).read_line(&mut greeting).is_ok()
            && greeting.starts_with("INFO ")
    }
}

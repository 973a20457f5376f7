//! A line to a NATS server on which every message goes twice, whichever way it goes.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp},
    task::JoinSet,
};

use super::through;

/// What carries a message: its last word says how long that is.
const MESSAGES: [&str; 4] = ["PUB", "HPUB", "MSG", "HMSG"];

/// A way to a NATS server. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Twice {
    repeated: Arc<AtomicU64>,
    _connections: JoinSet<()>,
}

impl Twice {
    /// One that leads to where `url` does, and the `url` that leads through it.
    pub async fn within(url: &str) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (server, through) = through(url, listener.local_addr().expect("its address"));
        let repeated = Arc::<AtomicU64>::default();
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, server, Arc::clone(&repeated)));
        (Self { repeated, _connections: connections }, through)
    }

    /// How many messages were repeated.
    pub fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, repeated: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                connections.spawn(carry(client, server, Arc::clone(&repeated)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(client: TcpStream, server: SocketAddr, repeated: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // An end that breaks is what is to be seen at the other.
    tokio::select! {
        _ = repeat(from_client, to_server, &repeated) => {}
        _ = repeat(from_server, to_client, &repeated) => {}
    }
}

async fn repeat(
    from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    repeated: &AtomicU64,
) -> io::Result<()> {
    let (mut from, mut frame) = (BufReader::new(from), Vec::new());
    loop {
        frame.clear();
        if from.read_until(b'\n', &mut frame).await? == 0 {
            return Ok(());
        }
        if let Some(bytes) = message_bytes(&frame) {
            let head = frame.len();
            frame.resize(head + bytes, 0);
            from.read_exact(&mut frame[head..]).await?;
            to.write_all(&frame).await?;
            repeated.fetch_add(1, Ordering::Relaxed);
        }
        to.write_all(&frame).await?;
    }
}

/// How many bytes follow a line that begins a message.
pub(super) fn message_bytes(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let (verb, rest) = line.split_once(' ')?;
    let is_message = MESSAGES.iter().any(|message| message.eq_ignore_ascii_case(verb));
    let bytes = is_message.then(|| rest.split_whitespace().next_back()).flatten()?;
    Some(bytes.parse::<usize>().expect("a message says how long it is") + "\r\n".len())
}

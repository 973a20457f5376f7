//! Somebody at a NATS server who writes every event once more: as it is, and as nobody's.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
};

use super::{server_of, twice::message_bytes};

/// What a header block begins with, and what tells the stranger's own messages.
const HEAD: &str = "NATS/1.0\r\n";
const MARK: &str = "Stranger: 1\r\n";

/// Dropped, they are gone.
#[derive(Debug)]
pub struct Stranger {
    written: Arc<AtomicU64>,
    _work: JoinSet<()>,
}

impl Stranger {
    /// One who has the credentials of `url`.
    pub async fn at(url: &str) -> Self {
        let written = Arc::<AtomicU64>::default();
        let mut connection = TcpStream::connect(server_of(url)).await.expect("the server is there");
        let (user, password) = credentials(url);
        let greeting = format!(
            "CONNECT {{\"verbose\":false,\"headers\":true,\"user\":\"{user}\",\"pass\":\"{password}\"}}\r\nSUB evt.> 1\r\n"
        );
        connection.write_all(greeting.as_bytes()).await.expect("the server listens");
        let mut work = JoinSet::new();
        let counts = Arc::clone(&written);
        work.spawn(async move {
            // Where the server ends, so does this.
            let _ = repeat(connection, &counts).await;
        });
        Self { written, _work: work }
    }

    /// How many messages they wrote.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

fn credentials(url: &str) -> (&str, &str) {
    let named = url.split("://").nth(1).and_then(|rest| rest.split_once('@'));
    named.and_then(|(named, _)| named.split_once(':')).expect("a url with a user")
}

async fn repeat(connection: TcpStream, written: &AtomicU64) -> io::Result<()> {
    let (from, mut to) = connection.into_split();
    let (mut from, mut line) = (BufReader::new(from), Vec::new());
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if line.starts_with(b"PING") {
            to.write_all(b"PONG\r\n").await?;
        }
        let Some(bytes) = message_bytes(&line) else { continue };
        let mut message = vec![0; bytes];
        from.read_exact(&mut message).await?;
        if let Some(copies) = copies(&line, &message) {
            to.write_all(&copies).await?;
            written.fetch_add(2, Ordering::Relaxed);
        }
    }
}

/// The event as it is, headers and all, and its body alone; nothing for what the stranger wrote.
fn copies(line: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split_whitespace().collect();
    let ["HMSG", subject, .., head_bytes, _] = words[..] else { return None };
    let (head, body) = message.split_at_checked(head_bytes.parse().ok()?)?;
    let headers = std::str::from_utf8(head).ok()?.strip_prefix(HEAD)?;
    if headers.contains(MARK) {
        return None;
    }
    let body = body.strip_suffix(b"\r\n")?;
    let mut copies = Vec::new();
    for headers in [format!("{HEAD}{MARK}{headers}"), format!("{HEAD}{MARK}\r\n")] {
        let (head, total) = (headers.len(), headers.len() + body.len());
        copies.extend_from_slice(format!("HPUB {subject} {head} {total}\r\n{headers}").as_bytes());
        copies.extend_from_slice(body);
        copies.extend_from_slice(b"\r\n");
    }
    Some(copies)
}

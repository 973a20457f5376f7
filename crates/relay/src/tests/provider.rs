//! A provider on a local port that does exactly what a script says, wrong things included.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// What is done with one connection, in order; then it is closed.
#[derive(Clone)]
pub(super) enum Act {
    Send(Vec<u8>),
    Await(Arc<Notify>),
    Tell(Arc<Notify>),
    /// Reads another request of the same connection.
    Read,
}

pub(super) struct Provider {
    pub(super) address: SocketAddr,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Provider {
    /// Serves one script per connection.
    pub(super) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (mut serving, seen) = (JoinSet::new(), Arc::clone(&requests));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            let mut scripts = VecDeque::from(scripts);
            while let Ok((stream, _)) = listener.accept().await {
                let Some(script) = scripts.pop_front() else { continue };
                connections.spawn(serve(stream, script, Arc::clone(&seen)));
            }
        });
        Self { address, requests, _serving: serving }
    }
}

async fn serve(mut stream: TcpStream, script: Vec<Act>, seen: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    seen.lock().push(request);
    for act in script {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Await(notify) => notify.notified().await,
            Act::Tell(notify) => notify.notify_one(),
            Act::Read => {
                let request = read_request(&mut stream).await;
                seen.lock().push(request);
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return String::from_utf8(bytes).unwrap();
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

/// An answer of that status with a body.
pub(super) fn status(status: u16, extra: &str, body: &str) -> Act {
    let length = body.len();
    Act::Send(
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{extra}\r\n{body}")
            .into_bytes(),
    )
}

/// A completion that says `text`, with that usage, written as it is.
pub(super) fn completion(text: &str, usage: &str) -> String {
    format!(
        r#"{{"id":"x","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}]{usage}}}"#
    )
}

pub(super) const USAGE: &str = r#","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#;

/// The head of a stream that ends when the connection does.
pub(super) fn stream_head() -> Act {
    Act::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec())
}

pub(super) fn delta(text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

pub(super) const FINISH: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(super) const STREAM_USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5}}\n\n";
pub(super) const DONE: &str = "data: [DONE]\n\n";

pub(super) fn send(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

/// A stream that says `hello` and ends as it should.
pub(super) fn good_stream() -> Vec<Act> {
    vec![stream_head(), send(&[&delta("hel"), &delta("lo"), FINISH, STREAM_USAGE, DONE].concat())]
}

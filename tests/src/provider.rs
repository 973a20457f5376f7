//! A provider that answers as a test says, and keeps its own bill.

mod answer;
mod bill;
mod received;
mod server;
mod shapes;

use std::{net::SocketAddr, sync::Arc};

use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinSet};

pub use self::{
    answer::{Answer, Break, usage},
    bill::Bill,
    received::{Endpoint, Received},
};

/// The most requests that one provider takes.
const RECEIVED_MAX: usize = 100_000;

/// What the provider does with a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers as it was asked to, whole or streamed, and bills it.
    Answer(Answer),
    /// Answers with an error status in its format.
    Status { status: u16, retry_after: Option<u32> },
    /// Answers 200 with these bytes.
    Raw { content_type: &'static str, body: bytes::Bytes },
    /// Closes the connection without a word.
    HangUp,
    /// Takes the request and never answers.
    Silence,
}

impl Reply {
    /// An error status that says nothing about when to come again.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None }
    }
}

type Decide = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

struct State {
    decide: Decide,
    bills: Mutex<Vec<Bill>>,
    received: Mutex<Vec<Received>>,
}

/// The provider, on a port of its own. Dropping it ends it.
pub struct FakeProvider {
    address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

impl FakeProvider {
    /// One that decides anew about each request.
    pub async fn deciding(decide: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state =
            Arc::new(State { decide: Box::new(decide), bills: Mutex::default(), received: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, Arc::clone(&state)));
        Self { address, state, _tasks: tasks }
    }

    /// Its base URL, version segment and all.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it bills so far.
    pub fn bills(&self) -> Vec<Bill> {
        self.state.bills.lock().clone()
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }
}

impl State {
    /// Notes the request, decides, and bills what will be answered before a byte of it is sent.
    fn reply(&self, request: Received) -> (Received, Reply) {
        let reply = (self.decide)(&request);
        let mut received = self.received.lock();
        assert!(received.len() < RECEIVED_MAX, "more requests than a test should send");
        received.push(request.clone());
        if let Reply::Answer(answer) = &reply {
            self.bills.lock().push(Bill {
                number: received.len(),
                text: request.text(),
                input_tokens: answer.input_tokens,
                output_tokens: answer.output_tokens,
            });
        }
        (request, reply)
    }
}

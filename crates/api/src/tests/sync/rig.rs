//! A control node behind a real listener and a line that can be bad, and nodes that ask it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
};
use cluster::{Control, ControlError, ControlOptions, ControlUrls, Identity, JoinToken};
use eventlog::{Clock, MasterKey, Sealer};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use super::super::fixture::{Condition, Node, node_with, patient};
use crate::EdgeLimits;

/// What becomes of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Good,
    ChangesBody,
    ChangesStatus,
    DropsMark,
    CutsShort,
    /// Each answer is the one before it.
    AnswersBefore,
}

struct Between {
    line: Mutex<Line>,
    before: Mutex<Option<(axum::http::response::Parts, axum::body::Bytes)>>,
}

pub(super) struct Rig {
    pub(super) node: Node,
    pub(super) address: SocketAddr,
    between: Arc<Between>,
    keys: TempDir,
    servers: Mutex<JoinSet<()>>,
}

impl Rig {
    pub(super) async fn new() -> Self {
        Self::with(patient()).await
    }

    pub(super) async fn with(limits: EdgeLimits) -> Self {
        let node = node_with(Condition::Ready, limits).await;
        let between = Arc::new(Between { line: Mutex::new(Line::Good), before: Mutex::new(None) });
        let line = Arc::clone(&between);
        let router = node.router.clone().layer(middleware::from_fn(move |request: Request, next: Next| {
            let line = Arc::clone(&line);
            async move { line.pass(next.run(request).await).await }
        }));
        let mut servers = JoinSet::new();
        let address = serve(&mut servers, router).await;
        Self { node, address, between, keys: tempfile::tempdir().unwrap(), servers: Mutex::new(servers) }
    }

    /// The same control node at another address.
    pub(super) async fn second(&self) -> SocketAddr {
        let router = self.node.router.clone();
        let mut servers = JoinSet::new();
        let address = serve(&mut servers, router).await;
        self.servers.lock().spawn(async move { while servers.join_next().await.is_some() {} });
        address
    }

    pub(super) fn set(&self, line: Line) {
        *self.between.line.lock() = line;
    }

    pub(super) fn identity(&self, name: &str) -> Identity {
        Identity::open(&self.keys.path().join(format!("{name}.key"))).unwrap()
    }

    /// A node that is not enrolled.
    pub(super) fn control(&self, name: &str) -> Control {
        self.control_at(name, &format!("http://{}", self.address))
    }

    pub(super) fn control_at(&self, name: &str, urls: &str) -> Control {
        self.control_of(name, urls, self.node.log.sealer().clone())
    }

    fn control_of(&self, name: &str, urls: &str, sealer: Sealer) -> Control {
        let urls: ControlUrls = urls.parse().unwrap();
        let identity = self.identity(name);
        Control::new(ControlOptions { urls, identity, sealer, clock: self.node.clock.clone() })
    }

    /// A node that was given another master key.
    pub(super) fn stranger(&self, name: &str) -> Control {
        let sealer = Sealer::new(&MasterKey::random().unwrap());
        self.control_of(name, &format!("http://{}", self.address), sealer)
    }

    pub(super) fn join_token(&self, ttl_ms: u64) -> String {
        JoinToken::make(self.node.log.sealer(), Clock::now(&*self.node.clock).plus_ms(ttl_ms)).unwrap().text
    }

    pub(super) fn token_of_another_master(&self, ttl_ms: u64) -> String {
        let sealer = Sealer::new(&MasterKey::random().unwrap());
        JoinToken::make(&sealer, Clock::now(&*self.node.clock).plus_ms(ttl_ms)).unwrap().text
    }

    /// The node `one`, enrolled.
    pub(super) async fn enrolled(&self) -> Control {
        self.enrolled_as("one").await
    }

    pub(super) async fn enrolled_as(&self, name: &str) -> Control {
        let control = self.control(name);
        control.enrol(&self.join_token(60_000), name).await.unwrap();
        control
    }
}

async fn serve(servers: &mut JoinSet<()>, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

impl Between {
    async fn pass(&self, answer: Response) -> Response {
        let (mut head, body) = answer.into_parts();
        let mut body = to_bytes(body, usize::MAX).await.unwrap();
        let line = *self.line.lock();
        match line {
            Line::Good => {}
            Line::ChangesBody => body = [body.as_ref(), b" "].concat().into(),
            Line::ChangesStatus => head.status = StatusCode::ACCEPTED,
            Line::CutsShort => drop(body.split_off(body.len() / 2)),
            Line::DropsMark => drop(head.headers.remove("veloera-mark")),
            Line::AnswersBefore => {
                // Marked, and for another request.
                let now = (head.clone(), body.clone());
                if let Some(before) = self.before.lock().replace(now) {
                    return Response::from_parts(before.0, Body::from(before.1));
                }
            }
        }
        *self.before.lock() = Some((head.clone(), body.clone()));
        Response::from_parts(head, Body::from(body))
    }
}

/// It was refused like that, and the refusal was marked.
#[track_caller]
pub(super) fn await_status<T: std::fmt::Debug>(answer: Result<T, ControlError>, expected: StatusCode) {
    match answer {
        Err(ControlError::Refused { status, .. }) => assert_eq!(status, expected),
        other => panic!("{other:?}"),
    }
}

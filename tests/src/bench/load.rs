//! The clients: on each of so many connections one request after another, as fast as they are answered or as they are due.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{checker::Expected, lanes::Lane, workload::Workload};
use crate::http::Failure;

/// The longest that one exchange may take.
const EXCHANGE_MAX: Duration = Duration::from_secs(15);
const PATH: &str = "/v1/chat/completions";

/// The connections of one lane to one server.
pub(super) struct Load(Vec<Client>);

/// What the clients saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// How long each exchange took, in microseconds.
    pub(super) micros: Vec<u64>,
    pub(super) elapsed: Duration,
}

struct Client {
    sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    workload: Workload,
    offset: Duration,
    interval: Option<Duration>,
    expected: Arc<Expected>,
    /// Drives the connection.
    _driver: JoinSet<()>,
}

impl Load {
    /// Connects, and has each connection carry one exchange.
    pub(super) async fn open(lane: Lane, address: SocketAddr, keys: &[String]) -> Result<Self, Failure> {
        let expected = Arc::new(Expected::new());
        let mut clients = Vec::new();
        for number in 0..lane.connections {
            let key = &keys[number % keys.len()];
            clients.push(Client::open(address, key, lane, number, Arc::clone(&expected)).await?);
        }
        // What the servers do once, such as connecting to the provider, is not measured.
        try_join_all(clients.iter_mut().map(Client::exchange)).await?;
        Ok(Self(clients))
    }

    /// Loads the server for so long. The connections stay open: that they close is not measured.
    pub(super) async fn run(&mut self, length: Duration) -> Result<Seen, Failure> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for client in self.0.drain(..) {
            running.spawn(client.work(start + length));
        }
        let mut micros = Vec::new();
        while let Some(ended) = running.join_next().await {
            let (client, seen) = ended.expect("a client does not panic")?;
            self.0.push(client);
            micros.extend(seen);
        }
        Ok(Seen { micros, elapsed: start.elapsed() })
    }
}

impl Client {
    async fn open(
        address: SocketAddr,
        key: &str,
        lane: Lane,
        number: usize,
        expected: Arc<Expected>,
    ) -> Result<Self, Failure> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // That it broke is seen by whoever waits for the answer.
            let _ = connection.await;
        });
        let request = Request::post(PATH)
            .header(header::HOST, address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(lane.workload.request()))?;
        let (workload, offset, interval) = (lane.workload, lane.offset(number), lane.interval());
        Ok(Self { sender, request, workload, offset, interval, expected, _driver: driver })
    }

    async fn work(mut self, deadline: Instant) -> Result<(Self, Vec<u64>), Failure> {
        let mut micros = Vec::new();
        sleep(self.offset).await;
        let mut due = Instant::now();
        loop {
            if due >= deadline {
                return Ok((self, micros));
            }
            self.exchange().await?;
            micros.push(u64::try_from(due.elapsed().as_micros())?);
            due = match self.interval {
                None => Instant::now(),
                Some(interval) => {
                    sleep_until(due + interval).await;
                    due + interval
                }
            };
        }
    }

    /// One request and its answer, which must be the provider's.
    async fn exchange(&mut self) -> Result<(), Failure> {
        timeout(EXCHANGE_MAX, self.unbounded_exchange()).await?
    }

    async fn unbounded_exchange(&mut self) -> Result<(), Failure> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(self.request.clone()).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        if self.workload == Workload::Whole || status != StatusCode::OK {
            let body = body.collect().await?.to_bytes();
            if status != StatusCode::OK {
                return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
            }
            return Ok(self.expected.check_whole(&body)?);
        }
        let mut checker = self.expected.stream();
        while let Some(frame) = body.frame().await {
            checker.push(&frame?.into_data().unwrap_or_default())?;
        }
        Ok(checker.finish()?)
    }
}

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::Request;
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::yield_now,
};

use super::{Conduits, host_of};
use crate::{
    RelayConfig,
    upstream::{connections::dial, tests::Woken},
};

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn conduits() -> Arc<Conduits> {
    Conduits::new(dial(&RelayConfig::default()), Handle::current(), 4)
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_host_is_named_with_its_port_where_that_is_not_everyones_and_without_a_sign_in() {
    let said =
        [("a.example", "a.example"), ("a.example:80", "a.example"), ("u:p@a.example:8080", "a.example:8080")];
    let six = [("[::1]:80", "[::1]"), ("[::80]", "[::80]")];
    for (origin, host) in said.into_iter().chain(six) {
        assert_eq!(host_of(&origin.parse().unwrap()), host);
    }
}

fn ask(address: SocketAddr) -> Request<Bytes> {
    Request::post(format!("http://{address}/v1")).body(Bytes::from_static(b"?")).unwrap()
}

/// Reads one request of `connection` and answers with these bytes.
async fn answer(connection: &mut TcpStream, bytes: &str) -> String {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n?") {
        assert_ne!(connection.read_buf(&mut asked).await.unwrap(), 0, "the request is whole");
    }
    connection.write_all(bytes.as_bytes()).await.unwrap();
    String::from_utf8(asked).unwrap()
}

async fn read(conduits: &Arc<Conduits>, address: SocketAddr) -> Bytes {
    let response = conduits.send(ask(address)).await.unwrap();
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_serves_the_next_call_once_its_answer_was_read() {
    let ((listener, address), conduits) = (listen().await, conduits());
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        answer(&mut connection, WHOLE).await;
        answer(&mut connection, WHOLE).await
    };
    let ask = async { (read(&conduits, address).await, read(&conduits, address).await) };
    let (asked, read) = tokio::join!(serve, ask);
    assert_eq!(read, ("ok".into(), "ok".into()));
    assert!(asked.starts_with("POST /v1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: {address}\r\n")), "{asked}");
}

#[tokio::test]
async fn a_piece_of_an_answer_wakes_its_reader_once() {
    let ((listener, address), conduits) = (listen().await, conduits());
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        answer(&mut connection, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        connection
    };
    let (mut connection, response) = tokio::join!(serve, conduits.send(ask(address)));
    let mut body = response.unwrap().into_body();
    let woken = Arc::new(Woken::default());
    let reader = Waker::from(Arc::clone(&woken));
    let mut poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(&reader));
    assert!(poll().is_pending());
    for piece in 1..=4 {
        connection.write_all(b"2\r\nok\r\n").await.unwrap();
        while woken.times() < piece {
            yield_now().await;
        }
        assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
        assert!(poll().is_pending());
        assert_eq!(woken.times(), piece, "it was not woken by what it did itself");
    }
    connection.write_all(b"0\r\n\r\n").await.unwrap();
    while woken.times() < 5 {
        yield_now().await;
    }
    assert!(matches!(poll(), Poll::Ready(None)));
}

#[tokio::test]
async fn one_that_its_provider_closed_is_let_go_of_and_another_takes_its_place() {
    let ((listener, address), conduits) = (listen().await, conduits());
    for _ in 0..2 {
        let serve = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            answer(&mut connection, WHOLE).await;
        };
        let ((), read) = tokio::join!(serve, read(&conduits, address));
        assert_eq!(read, "ok");
        while conduits.sweep() {
            yield_now().await;
        }
    }
}

#[tokio::test]
async fn one_whose_answer_was_not_read_to_its_end_is_closed() {
    let ((listener, address), conduits) = (listen().await, conduits());
    let serve = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        answer(&mut connection, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok").await;
        connection.read(&mut [0]).await.unwrap()
    };
    let ask = async { drop(conduits.send(ask(address)).await.unwrap()) };
    let (read, ()) = tokio::join!(serve, ask);
    assert_eq!(read, 0, "nobody writes there any more");
}

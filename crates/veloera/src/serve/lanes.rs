//! The threads that carry calls. Each has its clients' connections to itself, so that nobody else is woken when one of
//! them asks; they are handed out as they come, each to the thread that has the fewest.

mod carried;
mod connection;
mod slots;

use std::{
    net::{self, SocketAddr},
    sync::Arc,
};

use api::Front;
use axum::serve::Listener;
use tokio::{net::TcpListener, runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::carried::{Carried, Place};
pub(super) use self::slots::Slots;

/// So many connections may wait for their thread; more wait where the kernel keeps them.
const WAITING_MAX: usize = 1_024;

/// A connection on its way to its thread.
type Handed = (net::TcpStream, SocketAddr, Place);

/// One thread that carries calls.
pub(super) struct Lane {
    connections: mpsc::Sender<Handed>,
    /// One more holds this than the thread has connections.
    open: Arc<()>,
}

impl Lane {
    /// Has `runtime` serve what the lane is handed. The task ends when the lane is gone and every connection has ended.
    pub(super) fn begin(runtime: &Handle, front: Front) -> (Self, JoinHandle<()>) {
        let (connections_tx, connections) = mpsc::channel(WAITING_MAX);
        let served = runtime.spawn(serve(connections, front));
        (Self { connections: connections_tx, open: Arc::new(()) }, served)
    }

    /// Connections that are open here or on their way here.
    fn load(&self) -> usize {
        Arc::strong_count(&self.open)
    }
}

async fn serve(mut handed: mpsc::Receiver<Handed>, front: Front) {
    let (connections, last) = (TaskTracker::new(), CancellationToken::new());
    while let Some((connection, peer, place)) = handed.recv().await {
        match Carried::new(connection, place) {
            Ok(carried) => {
                connections.spawn(connection::serve(carried, peer, front.clone(), last.clone()));
            }
            Err(error) => tracing::warn!(%error, "a connection was lost on the way to its thread"),
        }
    }
    last.cancel();
    connections.close();
    connections.wait().await;
}

/// Hands out connections, as many at a time as there are slots, until `stop` resolves; those that were taken by then are
/// served to their end.
pub(super) async fn hand_out(
    mut listener: TcpListener,
    lanes: Vec<Lane>,
    slots: Slots,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let slot = slots.take().await;
            (slot, Listener::accept(&mut listener).await)
        };
        let (slot, (connection, peer)) = tokio::select! {
            () = &mut stop => return,
            accepted = accepted => accepted,
        };
        let Some(lane) = lanes.iter().min_by_key(|lane| lane.load()) else { return };
        let place = Place { _open: Arc::clone(&lane.open), _slot: slot };
        match connection.into_std() {
            // Where the thread has gone the connection goes too.
            Ok(connection) => drop(lane.connections.send((connection, peer, place)).await),
            Err(error) => tracing::warn!(%error, "a connection was lost on the way to its thread"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        runtime::Handle,
        task::yield_now,
    };

    use super::{Lane, Slots, hand_out};

    #[tokio::test]
    async fn connections_are_shared_out_alike_and_those_that_end_make_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let begin = || Lane::begin(&Handle::current(), Router::new().into()).0;
        let lanes = vec![begin(), begin()];
        let [one, two] = [&lanes[0], &lanes[1]].map(|lane| Arc::clone(&lane.open));
        // Beside the lane and the test.
        let loads = || [&one, &two].map(|open| Arc::strong_count(open) - 2);
        let clients = async {
            let mut clients = Vec::new();
            for _ in 0..4 {
                clients.push(TcpStream::connect(address).await.unwrap());
            }
            while loads() != [2, 2] {
                yield_now().await;
            }
            clients.truncate(1);
            while loads() != [1, 0] {
                yield_now().await;
            }
        };
        tokio::select! {
            () = hand_out(listener, lanes, Slots::new(8), std::future::pending()) => panic!("it goes on"),
            () = clients => {}
        }
    }

    #[tokio::test]
    async fn beyond_the_slots_a_connection_waits_for_one_that_ends() {
        const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lanes = vec![Lane::begin(&Handle::current(), Router::new().into()).0];
        let clients = async {
            let mut first = TcpStream::connect(address).await.unwrap();
            first.write_all(ASK).await.unwrap();
            assert!(first.read_u8().await.is_ok());
            let mut second = TcpStream::connect(address).await.unwrap();
            second.write_all(ASK).await.unwrap();
            tokio::select! {
                biased;
                answered = second.read_u8() => panic!("{answered:?}, but the only slot is taken"),
                again = async { first.write_all(ASK).await.unwrap(); first.read_u8().await } => drop(again),
            }
            drop(first);
            assert!(second.read_u8().await.is_ok());
        };
        tokio::select! {
            () = hand_out(listener, lanes, Slots::new(1), std::future::pending()) => panic!("it goes on"),
            () = clients => {}
        }
    }
}

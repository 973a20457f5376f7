//! The threads that carry calls. Each has its clients' connections to itself, so that nobody else is woken when one of
//! them asks; they are handed out as they come, each to the thread that has the fewest.

mod carried;

use std::{
    future::pending,
    io,
    net::{self, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    serve::{Listener, ListenerExt as _},
};
use tokio::{net::TcpListener, runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::carried::Carried;

/// So many connections may wait for their thread; more wait where the kernel keeps them.
const WAITING_MAX: usize = 1_024;

/// A connection on its way to its thread.
type Handed = (net::TcpStream, SocketAddr, Arc<()>);

/// One thread that carries calls.
pub(super) struct Lane {
    connections: mpsc::Sender<Handed>,
    /// One more holds this than the thread has connections.
    open: Arc<()>,
}

impl Lane {
    /// Has `runtime` serve what the lane is handed. The task ends when the lane is gone and every connection has ended.
    pub(super) fn begin(
        runtime: &Handle,
        router: Router,
        address: SocketAddr,
    ) -> (Self, JoinHandle<io::Result<()>>) {
        let (connections_tx, connections) = mpsc::channel(WAITING_MAX);
        let all_taken = CancellationToken::new();
        let inbox = Inbox { connections, address, all_taken: all_taken.clone() };
        // Small frames go out at once: without this streams stall 40 ms.
        let listener = inbox.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay() {
                tracing::debug!(%error, "a connection keeps its delay");
            }
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, service).with_graceful_shutdown(all_taken.cancelled_owned());
        let served = runtime.spawn(server.into_future());
        (Self { connections: connections_tx, open: Arc::new(()) }, served)
    }

    /// Connections that are open here or on their way here.
    fn load(&self) -> usize {
        Arc::strong_count(&self.open)
    }
}

/// Hands out connections until `stop` resolves; those that were taken by then are served to their end.
pub(super) async fn hand_out(mut listener: TcpListener, lanes: Vec<Lane>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    loop {
        let (connection, peer) = tokio::select! {
            () = &mut stop => return,
            accepted = Listener::accept(&mut listener) => accepted,
        };
        let Some(lane) = lanes.iter().min_by_key(|lane| lane.load()) else { return };
        let handed = connection.into_std().map(|connection| (connection, peer, Arc::clone(&lane.open)));
        match handed {
            // Where the thread has gone the connection goes too.
            Ok(handed) => drop(lane.connections.send(handed).await),
            Err(error) => tracing::warn!(%error, "a connection was lost on the way to its thread"),
        }
    }
}

/// Where a thread finds its connections.
struct Inbox {
    connections: mpsc::Receiver<Handed>,
    address: SocketAddr,
    /// Told when there will be no more.
    all_taken: CancellationToken,
}

impl Listener for Inbox {
    type Io = Carried;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Carried, SocketAddr) {
        while let Some((connection, peer, open)) = self.connections.recv().await {
            match Carried::new(connection, open) {
                Ok(carried) => return (carried, peer),
                Err(error) => tracing::warn!(%error, "a connection was lost on the way to its thread"),
            }
        }
        self.all_taken.cancel();
        pending().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use tokio::{
        net::{TcpListener, TcpStream},
        runtime::Handle,
        task::yield_now,
    };

    use super::{Lane, hand_out};

    #[tokio::test]
    async fn connections_are_shared_out_alike_and_those_that_end_make_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let begin = || Lane::begin(&Handle::current(), Router::new(), address).0;
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
            () = hand_out(listener, lanes, std::future::pending()) => panic!("it goes on"),
            () = clients => {}
        }
    }
}

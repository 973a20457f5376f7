//! A line between two processes, which can be bad.

mod again;
mod stranger;
mod twice;

use std::{io, net::SocketAddr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub use self::{again::Again, stranger::Stranger, twice::Twice};

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It arrives.
    Good,
    /// Connections end, and none is made.
    Cut,
    /// Nothing arrives, and nobody is told.
    Silent,
}

/// A way to a server that can be cut. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins.
    pub address: SocketAddr,
    line: watch::Sender<Line>,
    _connections: JoinSet<()>,
}

impl Wire {
    /// A good one that leads to `server`.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let line = watch::Sender::new(Line::Good);
        let mut connections = JoinSet::new();
        connections.spawn(serve(listener, server, line.subscribe()));
        Self { address, line, _connections: connections }
    }

    /// One that leads to where a server's `url` does, and the `url` that leads through it.
    pub async fn within(url: &str) -> (Self, String) {
        let wire = Self::to(server_of(url).parse().expect("a url with an address")).await;
        let (_, through) = through(url, wire.address);
        (wire, through)
    }

    /// From now on.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

fn server_of(url: &str) -> &str {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Where a `url` leads, and the one that leads there over `address`.
fn through(url: &str, address: SocketAddr) -> (SocketAddr, String) {
    let server = server_of(url);
    (server.parse().expect("a url with an address"), url.replacen(server, &address.to_string(), 1))
}

async fn serve(listener: TcpListener, server: SocketAddr, line: watch::Receiver<Line>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                connections.spawn(carry(client, server, line.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut line: watch::Receiver<Line>) {
    let both_ways = async move {
        let mut server = TcpStream::connect(server).await?;
        for end in [&client, &server] {
            end.set_nodelay(true)?;
        }
        copy_bidirectional(&mut client, &mut server).await?;
        io::Result::Ok(())
    };
    tokio::pin!(both_ways);
    loop {
        let now = *line.borrow_and_update();
        if now == Line::Cut {
            return;
        }
        tokio::select! {
            // An end that breaks is what is to be seen at the other.
            _ = &mut both_ways, if now == Line::Good => return,
            changed = line.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

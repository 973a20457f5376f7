//! A client's connection, counted for as long as it is open.

use std::{io, net, sync::Arc, time::Duration};

use relay::InTurn;
use tokio::{net::TcpStream, sync::OwnedSemaphorePermit, time::sleep};

/// How HTTP/2 begins where no TLS has agreed on it, as far as it takes to tell it from any method of HTTP/1.
const PREFACE: [u8; 4] = *b"PRI ";
/// Until the rest of a beginning is looked for.
const PREFACE_PAUSE: Duration = Duration::from_millis(10);

/// What a connection holds while it is open: its thread's count, and one of the places that there are.
pub(super) struct Place {
    pub(super) _open: Arc<()>,
    pub(super) _slot: OwnedSemaphorePermit,
}

/// On the thread that made it.
pub(in super::super) struct Carried {
    connection: TcpStream,
    place: Place,
}

impl Carried {
    pub(super) fn new(connection: net::TcpStream, place: Place) -> io::Result<Self> {
        let connection = TcpStream::from_std(connection)?;
        // Small frames go out at once: without this streams stall 40 ms.
        connection.set_nodelay(true)?;
        Ok(Self { connection, place })
    }

    /// Waits for the first bytes, and leaves them where they are.
    pub(super) async fn speaks_http2(&self) -> io::Result<bool> {
        let mut first = [0; PREFACE.len()];
        loop {
            let count = self.connection.peek(&mut first).await?;
            if count == 0 || first[..count] != PREFACE[..count] {
                return Ok(false);
            }
            if count == PREFACE.len() {
                return Ok(true);
            }
            sleep(PREFACE_PAUSE).await;
        }
    }

    /// What is read and written, and what to hold for as long.
    pub(super) fn into_parts(self) -> (InTurn<TcpStream>, Place) {
        (InTurn::new(self.connection), self.place)
    }
}

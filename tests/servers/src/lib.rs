//! The servers that tests need, real ones, each on a free port of this machine and in a folder of its own.
//!
//! They are started from the programs that are installed; a missing one fails the test and says which Debian package
//! has it. A server ends with the process that started it, however that ends, and leaves nothing behind.

mod nats;
mod port;
mod postgres;
mod program;
mod redis;
mod server;
mod supervisor;

use std::sync::OnceLock;

pub use self::{
    nats::Nats,
    postgres::{Database, Fsync, Postgres},
    redis::Redis,
};

/// The PostgreSQL that all tests of this process share, each with a [`Postgres::database`] of its own. It does not wait
/// for the disk: whoever tests crashes starts one for itself.
pub fn postgres() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(|| Postgres::begin(Fsync::Off))
}

/// Does what blocks where it keeps no task from running.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// A password that no other user of this machine can guess: they all can reach the port.
fn password() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex::encode(bytes)
}

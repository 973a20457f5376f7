//! The thread pools: calls, money and everything else do not starve each other, and their CPU can be told apart.

use tokio::runtime::{Builder, Runtime};

/// A pool with a thread per core, for calls.
pub(crate) fn relay() -> std::io::Result<Runtime> {
    named(&mut Builder::new_multi_thread(), "relay")
}

/// A pool with one thread.
pub(crate) fn single(name: &'static str) -> std::io::Result<Runtime> {
    named(Builder::new_multi_thread().worker_threads(1), name)
}

fn named(builder: &mut Builder, name: &'static str) -> std::io::Result<Runtime> {
    // Few blocking threads: only file syncs and name resolution use them.
    builder.enable_all().thread_name(name).max_blocking_threads(8).build()
}

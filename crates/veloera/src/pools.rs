//! The thread pools: calls, money and everything else do not starve each other, and their CPU can be told apart.

use std::{num::NonZero, thread::available_parallelism};

use tokio::runtime::{Builder, Runtime};

/// For calls as many pools of one thread as are wanted, one per core where nothing is said: what a call does stays on the
/// thread that its client is connected to, and nobody else is woken for it.
pub(crate) fn relays(wanted: Option<usize>) -> std::io::Result<Vec<Runtime>> {
    let lanes = wanted.map_or_else(|| available_parallelism().map(NonZero::get), Ok)?;
    (0..lanes).map(|lane| one_thread(format!("relay-{lane}"))).collect()
}

/// A pool with one thread.
pub(crate) fn single(name: &str) -> std::io::Result<Runtime> {
    one_thread(name.to_owned())
}

fn one_thread(name: String) -> std::io::Result<Runtime> {
    // Few blocking threads: only file syncs and name resolution use them.
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name(name)
        .max_blocking_threads(8)
        .build()
}

//! The thread pools: calls, money and everything else do not starve each other, and their CPU can be told apart.

use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// For calls a pool of one thread per core: what a call does stays on the thread that its client is connected to, and
/// nobody else is woken for it.
pub(crate) fn relays() -> std::io::Result<Vec<Runtime>> {
    let cores = available_parallelism()?.get();
    (0..cores).map(|lane| one_thread(format!("relay-{lane}"))).collect()
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

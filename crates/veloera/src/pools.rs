//! The thread pools: calls, money and everything else do not starve each other, and their CPU can be told apart.

use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

/// For calls as many pools of one thread as are wanted: what a call does stays on the thread that its client is connected
/// to, and nobody else is woken for it.
pub(crate) fn relays(wanted: Option<usize>) -> std::io::Result<Vec<Runtime>> {
    let lanes = wanted.map_or_else(|| available_parallelism().map(|cores| share(cores.get())), Ok)?;
    (0..lanes).map(|lane| one_thread(format!("relay-{lane}"))).collect()
}

/// Of three cores two carry calls: what calls leave to the ledger and the database takes the third. A thread that has
/// more to do also sleeps and wakes less often for each call.
const fn share(cores: usize) -> usize {
    let share = cores * 2 / 3;
    if share == 0 { 1 } else { share }
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

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn two_thirds_of_the_cores_carry_calls_and_one_always_does() {
        assert_eq!([1, 2, 3, 4, 8, 64].map(share), [1, 1, 2, 2, 5, 42]);
    }
}

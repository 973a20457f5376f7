//! Ports on which nobody listens.

use std::{
    net::TcpListener,
    ops::Range,
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below those that systems hand out by themselves, so that nobody is given a server's port while it is down.
const PORTS: Range<u16> = 20_000..32_000;

/// One that is free now. Each process begins its search elsewhere.
pub(crate) fn free() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    let start = u16::try_from(u64::from(process::id()) * 97 % u64::from(count)).unwrap_or_default();
    (0..count)
        .map(|_| PORTS.start + (start + ASKED.fetch_add(1, Ordering::Relaxed) % count) % count)
        .find(|port| is_free(*port))
        .expect("a port is free")
}

pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

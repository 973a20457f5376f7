//! Measures what calls cost: see [`tests::bench`].

use std::process::ExitCode;

/// The gateway's allocator: the bare proxy must not differ in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tests::bench::run(std::env::args().skip(1))
}

//! Veloera: an AI API gateway that people trust with money.
//!
//! The binary only puts things together: configuration, thread pools, ports, subcommands, and an ordered end.

mod command;
mod config;
mod data_dir;
mod demo;
mod environment;
mod health;
mod keeper;
mod metrics;
mod offline;
mod pools;
mod ports;
mod replica;
mod serve;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::command::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a shell knows as a usage error.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    small_pages();
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            telemetry::complain(&error);
            let usage = error.downcast_ref::<config::ConfigError>().is_some();
            if usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// A page of two megabytes for every few kilobytes that a thread needs would double what an idle node holds. Where the
/// kernel does not know the question, it holds that.
fn small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

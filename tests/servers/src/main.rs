//! Starts one server of each kind and prints where they are; ends them when its input ends.

use std::io;

use servers::{Nats, Postgres, Redis};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (postgres, redis, nats) = (Postgres::start().await, Redis::start().await, Nats::start().await);
    println!("{}\n{}\n{}", postgres.url("postgres"), redis.url(), nats.url());
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

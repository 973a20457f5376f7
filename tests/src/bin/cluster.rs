//! `make cluster`: a control node and two relay nodes with the servers between them, from installed programs, until
//! its input ends.

use std::io::{self, Write as _};

use servers::{Nats, Redis};
use tests::{Launch, Veloera, admin::text, topology};

#[tokio::main]
async fn main() {
    let (nats, redis, database) =
        (Nats::start().await, Redis::start().await, servers::postgres().database().await);
    let launch = Launch::default().set("NATS_URL", nats.url()).set("REDIS_URL", redis.url());
    let control = Veloera::start(topology::control(launch.clone(), &database)).await;
    let demo = control.demo();
    let join = topology::relay(launch, &control.url(""), &text(&demo["join_token"]));
    let other = join.clone().listen(topology::free_address());
    let relays = [Veloera::start(join).await, Veloera::start(other).await];
    let mut out = io::stdout().lock();
    let written = (|| {
        writeln!(out, "control  {}  admin key {}", control.url(""), text(&demo["admin_key"]))?;
        for relay in &relays {
            writeln!(out, "relay    {}", relay.url(""))?;
        }
        writeln!(out, "postgres {}\nnats     {}\nredis    {}\n", database.url, nats.url(), redis.url())?;
        writeln!(
            out,
            "curl {} -H 'authorization: Bearer {}' -H 'content-type: application/json' -d '{}'\n",
            relays[0].url("/v1/chat/completions"),
            text(&demo["api_key"]),
            r#"{"model":"MODEL","messages":[{"role":"user","content":"Hello"}]}"#
                .replace("MODEL", &text(&demo["model"]))
        )?;
        writeln!(out, "All of it ends, and is gone, with Ctrl-D.")?;
        out.flush()
    })();
    if written.is_ok() {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
    }
}

//! One control node, two relay nodes, PostgreSQL, NATS and Redis, under load: each of them is killed, stopped, cut off or wiped and
//! comes back. Afterwards everything that was billed is charged once, nothing is overspent, the audit finds nothing, and
//! no client saw anything but its answer or a proper error.

use std::time::Duration;

use rand::rngs::StdRng;
use serde_json::json;
use tests::{
    Admin, Cluster, IssuedToken, Launch, World,
    admin::text,
    chance,
    line::{Line, Wire},
};
use tokio::time::sleep;

use crate::crash::{
    QUOTA_NANOS, Trial,
    load::{self, Outcome},
    some_time,
};

/// Whoever has enough.
const GENEROUS: usize = 10;
/// Whoever shares an account that is soon spent: one at each relay node.
const THRIFTY: usize = 2;
const THRIFTY_NANOS: u64 = 5_000_000;
const PASSWORD: &str = "correct horse battery staple";
/// The shortest lease that there is.
const LEASE_MS: u64 = 10_000;
/// Longer than one.
const STOPPED: Duration = Duration::from_millis(LEASE_MS + 2_000);
/// Longer than an open question and whatever waits for a moment.
const AWAY: Duration = Duration::from_secs(4);

struct Field {
    trial: Trial,
    moments: StdRng,
    postgres: servers::Postgres,
    nats: servers::Nats,
    redis: servers::Redis,
    /// From the control node to its database and to the bus, from the second relay node to the control node, to the bus
    /// and to Redis.
    wires: [Wire; 5],
    _database: servers::Database,
}

impl Field {
    async fn start() -> Self {
        let (postgres, nats) = (servers::Postgres::start().await, servers::Nats::start().await);
        let redis = servers::Redis::start().await;
        let database = postgres.database().await;
        let (to_database, database_url) = Wire::within(&database.url).await;
        let (control_to_bus, control_nats_url) = Wire::within(&nats.url()).await;
        let (relay_to_bus, relay_nats_url) = Wire::within(&nats.url()).await;
        let (to_redis, redis_url) = Wire::within(&redis.url()).await;
        let control = Launch::default()
            .set("DATABASE_URL", database_url)
            .set("NATS_URL", control_nats_url)
            .set("REDIS_URL", redis.url())
            .set("LEASE_TTL_MS", LEASE_MS);
        let relay = Launch::default().set("NATS_URL", nats.url()).set("REDIS_URL", redis.url());
        let cluster = Cluster::on(database, 1, control, relay, load::answer).await;
        let (to_control, control_url) = Wire::within(&cluster.world.veloera.url("")).await;
        let second = cluster
            .another(|join| {
                join.set("NATS_URL", relay_nats_url)
                    .set("CONTROL_URL", control_url)
                    .set("REDIS_URL", redis_url)
            })
            .await;
        let (tokens, account) = tokens(&cluster.world).await;
        let Cluster { world, database, .. } = cluster;
        let seed = chance::seed();
        let mut trial = Trial::of(world, vec![second], tokens, seed);
        trial.bounds.push((account, THRIFTY_NANOS));
        let wires = [to_database, control_to_bus, to_control, relay_to_bus, to_redis];
        let moments = chance::numbers(seed, 0);
        Self { trial, moments, postgres, nats, redis, wires, _database: database }
    }

    /// Nobody's connection broke: neither relay node was touched.
    async fn unharmed(&mut self, what: &str, fault: impl AsyncFnOnce(&mut World, &mut StdRng, &Servers<'_>)) {
        let Self { trial, moments, postgres, nats, redis, wires, .. } = self;
        let servers = Servers { postgres, nats, redis, wires };
        let seen = trial.through(async |world, _| fault(world, moments, &servers).await).await;
        assert!(!seen.contains(&Outcome::Broken), "{what}: a client's connection broke");
        assert!(seen.contains(&Outcome::Whole), "{what}: this was no load");
    }

    async fn check(self) {
        self.trial.check(GENEROUS * 10).await;
    }
}

/// What a fault may fall upon beside nodes.
struct Servers<'a> {
    postgres: &'a servers::Postgres,
    nats: &'a servers::Nats,
    redis: &'a servers::Redis,
    wires: &'a [Wire; 5],
}

/// Tokens that every node knows, and the account that the last of them share.
async fn tokens(world: &World) -> (Vec<IssuedToken>, String) {
    let admin = world.admin();
    let mut tokens = Vec::new();
    for index in 0..GENEROUS {
        tokens.push(known(&admin, &format!("generous {index}"), Some(QUOTA_NANOS)).await);
    }
    let user = json!({ "name": "Thrifty", "login": "thrifty", "password": PASSWORD });
    let user = admin.create("/users", user).await;
    let account = text(&user["account_id"]);
    admin.deposit(&account, THRIFTY_NANOS).await;
    let thrifty =
        Admin::signed_in(world.veloera.url(""), "thrifty", PASSWORD).await.expect("they are let in");
    for index in 0..THRIFTY {
        tokens.push(known(&thrifty, &format!("thrifty {index}"), None).await);
    }
    (tokens, account)
}

async fn known(admin: &Admin, name: &str, quota_nanos: Option<u64>) -> IssuedToken {
    let mut body = json!({ "name": name });
    if let Some(nanos) = quota_nanos {
        body["quota_nanos"] = nanos.into();
    }
    IssuedToken::of(&admin.create("/tokens?wait=applied", body).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_server_or_control_node_dies_or_is_wiped_everything_is_charged_once() {
    let mut field = Field::start().await;
    field
        .unharmed("the control node is killed", async |world, moments, _| {
            some_time(moments).await;
            world.veloera.kill();
            some_time(moments).await;
            world.veloera.restart().await;
        })
        .await;
    field
        .unharmed("PostgreSQL is killed, while it appends", async |_, moments, servers| {
            some_time(moments).await;
            servers.postgres.kill().await;
            sleep(AWAY).await;
            servers.postgres.restart().await;
        })
        .await;
    field
        .unharmed("PostgreSQL is started anew, while it appends", async |_, moments, servers| {
            some_time(moments).await;
            servers.postgres.stop().await;
            servers.postgres.restart().await;
        })
        .await;
    field
        .unharmed("the bus is killed, and then loses everything", async |_, moments, servers| {
            some_time(moments).await;
            servers.nats.kill().await;
            some_time(moments).await;
            servers.nats.restart().await;
            some_time(moments).await;
            servers.nats.wipe().await;
            some_time(moments).await;
        })
        .await;
    field
        .unharmed("Redis is killed, and then loses everything", async |_, moments, servers| {
            some_time(moments).await;
            servers.redis.kill().await;
            some_time(moments).await;
            servers.redis.restart().await;
            some_time(moments).await;
            servers.redis.wipe().await;
            some_time(moments).await;
        })
        .await;
    field.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_line_is_cut_or_carries_nothing_everything_is_charged_once() {
    let mut field = Field::start().await;
    for (index, what) in [
        "from the control node to its database",
        "from the control node to the bus",
        "from a relay node to the control node",
        "from a relay node to the bus",
        "from a relay node to Redis",
    ]
    .into_iter()
    .enumerate()
    {
        field
            .unharmed(what, async |_, moments, servers| {
                for line in [Line::Cut, Line::Silent] {
                    some_time(moments).await;
                    servers.wires[index].set(line);
                    sleep(AWAY).await;
                    servers.wires[index].set(Line::Good);
                }
            })
            .await;
    }
    field.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_node_is_killed_or_stopped_for_longer_than_a_lease_everything_is_charged_once() {
    let mut field = Field::start().await;
    let Field { trial, moments, .. } = &mut field;
    for round in 0..4 {
        trial
            .through(async |world, relays| {
                some_time(moments).await;
                let relay = if round % 2 == 0 { &mut relays[0] } else { world.carrier_mut() };
                relay.kill();
                some_time(moments).await;
                relay.restart().await;
                some_time(moments).await;
            })
            .await;
    }
    field
        .unharmed("a relay node is stopped", async |world, moments, _| {
            some_time(moments).await;
            world.carrier().pause();
            sleep(STOPPED).await;
            world.carrier().go_on();
        })
        .await;
    field
        .unharmed("the control node is stopped", async |world, moments, _| {
            some_time(moments).await;
            world.veloera.pause();
            sleep(STOPPED).await;
            world.veloera.go_on();
        })
        .await;
    field.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_server_is_stopped_and_goes_on_everything_is_charged_once() {
    let mut field = Field::start().await;
    field
        .unharmed("PostgreSQL is stopped for longer than a lease", async |_, moments, servers| {
            some_time(moments).await;
            servers.postgres.pause().await;
            sleep(STOPPED).await;
            servers.postgres.go_on().await;
        })
        .await;
    field
        .unharmed("the bus is stopped", async |_, moments, servers| {
            some_time(moments).await;
            servers.nats.pause().await;
            sleep(AWAY).await;
            servers.nats.go_on().await;
        })
        .await;
    field
        .unharmed("Redis is stopped", async |_, moments, servers| {
            some_time(moments).await;
            servers.redis.pause().await;
            sleep(AWAY).await;
            servers.redis.go_on().await;
        })
        .await;
    field.trial.check(GENEROUS * 3).await;
}

//! Several nodes: one that has the database, and others that carry calls.

use std::process::ExitStatus;

use servers::Database;

use crate::{Launch, Received, Reply, Veloera, World, admin::text, topology};

/// A control node on a server's database, and how others join it.
pub struct Cluster {
    /// The control node, the first relay node, and the provider.
    pub world: World,
    /// The others.
    pub relays: Vec<Veloera>,
    join: Launch,
    /// Last, so that it goes when nothing uses it.
    pub database: Database,
}

impl Cluster {
    /// Starts one with so many relay nodes, each started as `relay` says.
    pub async fn start(
        relays: usize,
        relay: Launch,
        decide: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let database = servers::postgres().database().await;
        Self::on(database, relays, Launch::default(), relay, decide).await
    }

    /// How a relay node joins both this cluster's control node and another one.
    pub async fn relay_of_both(&self, other: &Veloera) -> Veloera {
        let urls = format!("{},{}", self.world.veloera.url(""), other.url(""));
        self.another(|join| join.set("CONTROL_URL", urls)).await
    }

    /// The same with a bus between them.
    pub async fn start_on_bus(
        relays: usize,
        nats: &servers::Nats,
        decide: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let launch = Launch::default().set("NATS_URL", nats.url());
        let database = servers::postgres().database().await;
        Self::on(database, relays, launch.clone(), launch, decide).await
    }

    /// The same on this database; the control node is started as `control` says.
    pub async fn on(
        database: Database,
        relays: usize,
        control: Launch,
        relay: Launch,
        decide: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let mut world = World::launched(topology::control(control, &database), decide).await;
        let join_token = text(&world.veloera.demo()["join_token"]);
        let join = topology::relay(relay, &world.veloera.url(""), &join_token);
        world.relay = Some(Veloera::start(join.clone()).await);
        let mut cluster = Self { world, relays: Vec::new(), join, database };
        for _ in 1..relays {
            let relay = cluster.another(|join| join).await;
            cluster.relays.push(relay);
        }
        cluster
    }

    /// One more control node on the same database, with the same master key.
    pub async fn another_control(&self) -> Veloera {
        self.another_control_with(|launch| launch).await
    }

    /// The same, started so.
    pub async fn another_control_with(&self, change: impl FnOnce(Launch) -> Launch) -> Veloera {
        Veloera::start(topology::control(change(Launch::default().bare()), &self.database)).await
    }

    /// One more relay node, started so.
    pub async fn another(&self, change: impl FnOnce(Launch) -> Launch) -> Veloera {
        Veloera::start(change(self.join.clone().listen(topology::free_address()))).await
    }

    /// A start with another join token, which must come to its end by itself; how, and what it said.
    pub fn stranger(&self, join_token: &str) -> (ExitStatus, String) {
        Veloera::attempt(&self.join.clone().set("JOIN_TOKEN", join_token))
    }

    /// Ends every node in order, relay nodes first, and asserts that the history holds.
    pub async fn close(self) -> serde_json::Value {
        for mut relay in self.relays {
            relay.terminate();
            let status = relay.ended().await;
            assert!(status.success(), "a relay node ended with {status}");
        }
        self.world.close().await
    }
}

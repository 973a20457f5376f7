//! A gateway with one channel, which leads to a fake provider.

use std::time::Duration;

use crate::{
    Admin, ApiClient, FakeProvider, IssuedToken, Launch, Received, Reply, Veloera, admin::text, ledger_facts,
    price::MODEL, wait,
};
use domain::account::Deduction;

/// How long what was done may take to be seen everywhere.
pub const SEEN_MAX: Duration = Duration::from_secs(15);
/// More than any test spends: a thousand dollars.
const PAID_IN: u64 = 1_000_000_000_000;

/// A gateway, its admin and its provider.
pub struct World {
    /// Where the admin goes.
    pub veloera: Veloera,
    /// Where API clients go, where that is another node.
    pub relay: Option<Veloera>,
    pub provider: FakeProvider,
    /// Spends from the admin's own account, with no limit of its own.
    pub api_key: String,
}

impl World {
    /// A gateway whose provider decides so.
    pub async fn start(decide: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::launched(Launch::default(), decide).await
    }

    /// The same, started so.
    pub async fn launched(
        launch: Launch,
        decide: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let veloera = Veloera::start(launch).await;
        let provider = FakeProvider::deciding(decide).await;
        let mut world = Self { veloera, relay: None, provider, api_key: String::new() };
        let admin = world.admin();
        admin.delete_channels().await;
        admin.channel(&world.provider.base_url(), &[MODEL], 0).await;
        admin.deposit(&admin.own_account().await, PAID_IN).await;
        world.api_key = admin.token("the test's", None).await.key;
        world
    }

    /// The admin, at the address of this life.
    pub fn admin(&self) -> Admin {
        Admin::new(self.veloera.url(""), &text(&self.veloera.demo()["admin_key"]))
    }

    /// A client with the test's token, at the address of this life.
    pub fn api(&self) -> ApiClient {
        self.client(&self.api_key)
    }

    /// A client with another token.
    pub fn client(&self, key: &str) -> ApiClient {
        ApiClient::new(self.carrier().url(""), key)
    }

    /// A token that every node of the world knows by now.
    pub async fn token(&self, name: &str, quota_nanos: Option<u64>) -> IssuedToken {
        let token = self.admin().token(name, quota_nanos).await;
        let client = self.client(&token.key);
        wait::until("the token", SEEN_MAX, async || {
            client.get("/v1/models").await.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
        token
    }

    /// The node that carries the calls.
    pub fn carrier(&self) -> &Veloera {
        self.relay.as_ref().unwrap_or(&self.veloera)
    }

    /// The same, to be ended and begun.
    pub fn carrier_mut(&mut self) -> &mut Veloera {
        self.relay.as_mut().unwrap_or(&mut self.veloera)
    }

    /// Waits until there are `count` charges, and shows them.
    pub async fn charges(&self, count: usize) -> Vec<Deduction> {
        let admin = self.admin();
        let charges = wait::until(&format!("charge {count}"), SEEN_MAX, async || {
            let charges = ledger_facts::charges(&admin).await;
            (charges.len() >= count).then_some(charges)
        })
        .await;
        assert_eq!(charges.len(), count, "more charges than calls: {charges:#?}");
        charges
    }

    /// Ends the gateway in order and asserts that its history holds; gives what the audit counted.
    pub async fn close(mut self) -> serde_json::Value {
        // It brings home what it has first.
        if let Some(mut relay) = self.relay.take() {
            relay.terminate();
            let status = relay.ended().await;
            assert!(status.success(), "the relay node ended with {status}");
        }
        self.veloera.terminate();
        let status = self.veloera.ended().await;
        assert!(status.success(), "it ended with {status}");
        let log = self.veloera.log();
        // A call that was not waited for to its end may hold it yet.
        let is_overdue = log.contains("did not end in time");
        assert!(is_overdue || !log.contains("still holds the log"), "it waited in vain at its end: {log}");
        self.veloera.verified()
    }
}

//! A gateway with one channel, which leads to a fake provider.

use std::time::Duration;

use crate::{
    Admin, ApiClient, FakeProvider, Launch, Received, Reply, Veloera, admin::text, ledger_facts,
    price::MODEL, wait,
};
use domain::account::Deduction;

/// How long what was done may take to be seen everywhere.
pub const SEEN_MAX: Duration = Duration::from_secs(15);
/// More than any test spends: a thousand dollars.
const PAID_IN: u64 = 1_000_000_000_000;

/// A gateway, its admin and its provider.
pub struct World {
    pub veloera: Veloera,
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
        let mut world = Self { veloera, provider, api_key: String::new() };
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
        ApiClient::new(self.veloera.url(""), key)
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

//! The gateway under measurement: the release binary, its accounts, and when it has done all it has to do.

use std::{net::SocketAddr, time::Duration};

use domain::{AccountId, UserId};
use http::Method;
use serde_json::Value;
use servers::Database;
use tokio::time::{Instant, sleep};

use super::{accounts::Ledger, furnished, start::end};
use crate::{Admin, Http, Launch, Veloera, admin::text, http::request, price::MODEL, topology};

/// How many tokens share the account.
const TOKENS: usize = 16;
/// More than all rounds spend: a million dollars.
const PAID_IN: u64 = 1_000_000_000_000_000;
/// The longest that the ledger may take to come after.
const QUIET_MAX: Duration = Duration::from_secs(20);
/// Seldom enough not to be seen in what is measured.
const PAUSE: Duration = Duration::from_millis(50);

/// What a relay node knows beside what it needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    pub(super) tokens: usize,
    pub(super) channels: usize,
}

/// A gateway with one channel to the provider.
#[derive(Debug)]
pub(super) struct Gateway {
    veloera: Veloera,
    http: Http,
    /// The keys of its tokens.
    pub(super) keys: Vec<String>,
    /// Where a relay node has its quota from.
    behind: Option<(Veloera, Database)>,
}

impl Gateway {
    /// Starts one in front of the provider, with as many accounts as a busy installation has; on that core, or on all.
    pub(super) async fn start(provider: SocketAddr, core: Option<usize>) -> Self {
        let mut veloera = Veloera::start(Launch::default().core(core)).await;
        end(&mut veloera).await;
        let database = veloera.data_dir().join("veloera.db");
        Ledger::with_accounts(&database).await.close().await;
        veloera.restart().await;
        let mut gateway = Self { veloera, http: Http::default(), keys: Vec::new(), behind: None };
        // What it holds in memory is looked at when it has nothing to catch up with.
        gateway.quiet().await.expect("it comes after");
        end(&mut gateway.veloera).await;
        gateway.veloera.restart().await;
        gateway.keys = furnish(&gateway.veloera, provider).await;
        gateway
    }

    /// The same as a relay node, with a control node and a Postgres behind it, of which nothing is counted. It knows so
    /// much beside.
    pub(super) async fn relay(provider: SocketAddr, known: Known, core: Option<usize>) -> Self {
        let database = servers::postgres().database().await;
        let mut control = Veloera::start(topology::control(Launch::default(), &database)).await;
        let me = admin(&control).get("/me").await;
        end(&mut control).await;
        let url: eventlog::Database = database.url.parse().expect("the server's address");
        Ledger::with_accounts(url.clone()).await.close().await;
        let [user_id, account_id] = ["id", "account_id"].map(|name| text(&me[name]).parse().expect("an id"));
        furnished::with_tokens(url, known.tokens as u128, UserId(user_id), AccountId(account_id)).await;
        control.restart().await;
        let keys = furnish(&control, provider).await;
        for number in 0..known.channels {
            let model = format!("model-{number}");
            admin(&control).channel("http://127.0.0.1:1/v1", &[&model], 1).await;
        }
        let join_token = text(&control.demo()["join_token"]);
        let launch = Launch::default().core(core);
        let relay = topology::relay(launch, &control.url(""), &join_token);
        let veloera = Veloera::start(relay).await;
        Self { veloera, http: Http::default(), keys, behind: Some((control, database)) }
    }

    /// Ends it in order and starts it again: how long until it is ready.
    pub(super) async fn restarted(&mut self) -> Duration {
        end(&mut self.veloera).await;
        let begun = Instant::now();
        self.veloera.restart().await;
        begun.elapsed()
    }

    /// Ends it in order.
    pub(super) async fn end(mut self) {
        end(&mut self.veloera).await;
    }

    pub(super) fn pid(&self) -> u32 {
        self.veloera.pid()
    }

    pub(super) fn address(&self) -> SocketAddr {
        let url = self.veloera.url("");
        url.trim_start_matches("http://").parse().expect("it listens on an address")
    }

    /// Waits until the ledger and the read models have come after, and says how long that took.
    /// `None`: they did not within [`QUIET_MAX`].
    pub(super) async fn quiet(&self) -> Option<Duration> {
        let start = Instant::now();
        while self.behind().await > 0 {
            if start.elapsed() > QUIET_MAX {
                return None;
            }
            sleep(PAUSE).await;
        }
        Some(start.elapsed())
    }

    /// How many records and events are still on their way.
    async fn behind(&self) -> u64 {
        let ask = request(Method::GET, &self.veloera.url("/readyz"), "", None);
        let view = self.http.exchange(ask).await.expect("the gateway says how it is").json();
        let checks = view["checks"].as_array().expect("it lists its parts");
        // What follows behind the journal, follows at the control node.
        let own = checks.iter().filter(|check| self.behind.is_none() || check["name"] == "journal");
        own.map(count).sum()
    }
}

fn admin(veloera: &Veloera) -> Admin {
    Admin::new(veloera.url(""), &text(&veloera.demo()["admin_key"]))
}

/// One channel, one account with enough on it, and tokens that share it.
async fn furnish(veloera: &Veloera, provider: SocketAddr) -> Vec<String> {
    let admin = admin(veloera);
    admin.delete_channels().await;
    admin.channel(&format!("http://{provider}/v1"), &[MODEL], 0).await;
    admin.deposit(&admin.own_account().await, PAID_IN).await;
    let mut keys = Vec::new();
    for number in 0..TOKENS {
        keys.push(admin.token(&format!("of the bench, {number}"), None).await.key);
    }
    keys
}

/// The number with which a part says how far behind it is. A part that says something else is not well.
fn count(check: &Value) -> u64 {
    let detail = text(&check["detail"]);
    let number = detail.split(' ').next().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("the gateway is not well: {check}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::count;

    #[test]
    fn a_part_says_how_far_behind_it_is() {
        assert_eq!(
            count(&json!({ "name": "journal", "ok": true, "detail": "12 records to bring home" })),
            12
        );
    }
}

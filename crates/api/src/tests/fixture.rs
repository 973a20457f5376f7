//! A node without a network: log, directory, relay over the echo provider, five users, one channel.

mod ask;
mod ports;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64},
    },
    time::Duration,
};

use axum::Router;
use domain::{
    AccountId, AdminKeyId, CommandId, GroupName, Refusal, UserId,
    account::{AccountCommand, Limit, Owner},
    user::{Role, User, UserCommand},
};
use eventlog::{Command, EventLog, LogOptions, MasterKey, Metadata, Sealer};
use ledger::{
    Bank, BankOptions,
    accounts::{self, Accounts},
};
use projections::{Calls, ControlModels, Directory, lookup::TokenLookup};
use relay::{Ports, Providers, Relay, RelayConfig};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use self::ports::{Counting, Generous, Hands, Heard, Known, START_US, Silent, Told};
pub(crate) use self::{ask::Answered, ports::Condition};
use crate::{
    ClientEdge, Edge, EdgeLimits, Front, Ids, LoggedBalances, Metrics, Nodes, Setup, SignIn, Tails, key,
    router::router, subject,
};

/// A secret that must never be seen again.
pub(super) const UPSTREAM_KEY: &str = "upstream-secret-0123456789";
pub(super) const MODEL: &str = "gpt-4o-mini";
/// Someone with an admin key and an account.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) user_id: UserId,
    pub(super) account_id: AccountId,
    pub(super) admin_key: String,
}

/// The node, and whoever is known there.
pub(super) struct Node {
    pub(super) router: Router,
    /// The same as it is served.
    pub(super) front: Front,
    /// What it would answer if it carried calls alone.
    pub(super) clients: Front,
    /// What it would answer if it carried none.
    pub(super) others: Front,
    /// Whether it hears of revoked keys.
    pub(super) heard: Arc<AtomicBool>,
    pub(super) log: EventLog,
    /// The ledger that other nodes lean on.
    pub(super) bank: Bank,
    /// What they say of channels.
    pub(super) told: Arc<Told>,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Arc<Hands>,
    pub(super) ids: Arc<Counting>,
    pub(super) root: Person,
    pub(super) admin: Person,
    pub(super) auditor: Person,
    pub(super) ada: Person,
    pub(super) bob: Person,
    pub(super) stopping: CancellationToken,
    _folder: tempfile::TempDir,
}

/// Limits under which a slow machine is no failure.
pub(super) fn patient() -> EdgeLimits {
    EdgeLimits { position_wait_ms_max: 60_000, applied_wait_ms_max: 60_000, ..EdgeLimits::default() }
}

pub(super) async fn node() -> Node {
    node_with(Condition::Ready, patient()).await
}

pub(super) async fn node_with(health: Condition, limits: EdgeLimits) -> Node {
    node_of(health, limits, Setup::done()).await
}

fn relay(
    directory: &Arc<Directory>,
    providers: &Arc<Providers>,
    clock: &Arc<Hands>,
    tasks: &TaskTracker,
) -> Arc<Relay> {
    let ports = Ports {
        ledger: Arc::new(Generous),
        directory: Arc::new(Known(directory.clone(), providers.clone())),
        clock: clock.clone(),
        keeper: Arc::new(Generous),
        observer: Arc::new(()),
    };
    Relay::new(ports, RelayConfig::default(), tasks.clone()).unwrap()
}

fn client_edge(
    log: &EventLog,
    (directory, relay, ids, clock): (Arc<Directory>, Arc<Relay>, Arc<Counting>, Arc<Hands>),
    heard: Arc<AtomicBool>,
    health: Condition,
    limits: EdgeLimits,
) -> Arc<ClientEdge> {
    Arc::new(ClientEdge {
        tokens: TokenLookup::new(directory.clone(), Vec::new()),
        directory,
        freshness: Arc::new(Heard(heard)),
        balances: Arc::new(LoggedBalances(log.clone())),
        relay,
        ids,
        clock,
        health: Arc::new(health),
        metrics: Metrics::new(Box::new(Silent)),
        onlooker: Arc::new(()),
        metrics_key: None,
        cors_origins: vec!["https://app.example".parse().unwrap()],
        limits,
    })
}

pub(super) async fn node_of(health: Condition, limits: EdgeLimits, setup: Setup) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hands(AtomicI64::new(START_US)));
    let options = LogOptions {
        clock: clock.clone(),
        inline: vec![Arc::new(ControlModels), Arc::new(Accounts)],
        components: vec![Calls::COMPONENT],
        sealer: Sealer::new(&MasterKey::from_hex(&"ab".repeat(32)).unwrap()),
    };
    let (log, appender) = EventLog::open(&folder.path().join("log.db"), options).await.unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(appender.run());
    let directory = Directory::load(&log).await.unwrap();
    tasks.spawn(directory.clone().follow(log.clone()));
    let ids = Arc::new(Counting(AtomicU64::new(1)));
    let providers = Arc::new(Providers::builtin().unwrap());
    let relay = relay(&directory, &providers, &clock, &tasks);
    let root = person(&log, ids.as_ref(), Role::Root).await;
    let admin = person(&log, ids.as_ref(), Role::Admin).await;
    let auditor = person(&log, ids.as_ref(), Role::Auditor).await;
    let ada = person(&log, ids.as_ref(), Role::User).await;
    let bob = person(&log, ids.as_ref(), Role::User).await;
    let head = log.subscribe().borrow().control;
    directory.positions().wait_for(|position| *position >= head).await.unwrap();
    let calls = Calls::load(&log).await.unwrap();
    tasks.spawn(calls.clone().follow(log.clone()));
    let stopping = CancellationToken::new();
    let heard = Arc::new(AtomicBool::new(true));
    let bank_options = BankOptions { recall_max: Duration::from_mins(1), ..BankOptions::new(clock.clone()) };
    let bank = Bank::open(log.clone(), bank_options).await.unwrap();
    let told = Arc::new(Told::default());
    let common = (directory.clone(), relay, ids.clone(), clock.clone());
    let client = client_edge(&log, common, heard.clone(), health, limits);
    let (sign_in, tails, nodes) = (SignIn::default(), Tails::default(), Nodes::default());
    let edge = Arc::new(Edge {
        client,
        log: log.clone(),
        calls,
        providers,
        sign_in,
        tails,
        ledger: Arc::new(bank.clone()),
        keeper: told.clone(),
        nodes,
        setup,
        stopping: stopping.clone(),
    });
    Node {
        router: router(&edge),
        front: Front::of_all(&edge),
        clients: Front::of_relay(&edge.client),
        others: Front::of_control(&edge),
        heard,
        bank,
        told,
        log,
        directory,
        clock,
        ids,
        root,
        admin,
        auditor,
        ada,
        bob,
        stopping,
        _folder: folder,
    }
}

async fn person(log: &EventLog, ids: &dyn Ids, role: Role) -> Person {
    let (user_id, account_id) = (UserId(ids.uuid()), AccountId(ids.uuid()));
    let (admin_key, hashed) = key::admin_key(&ids.secret().unwrap());
    let key_id = AdminKeyId(ids.uuid());
    log.execute::<_, Refusal, _>(command(ids.uuid()), move |tx| {
        Box::pin(async move {
            let name = tx.seal_for(&subject::of(user_id), subject::NAME, b"Ada").await?;
            let group = GroupName::default_group();
            let create = UserCommand::Create { role, account_id, group, name };
            for command in [create, UserCommand::IssueAdminKey { key_id, key: hashed }] {
                tx.decide::<User, Refusal>(&user_id.to_string(), command).await?;
            }
            let owner = Owner::User(user_id);
            let open = AccountCommand::Open { account_id, owner, limit: Limit::Prepaid };
            accounts::decide::<Refusal>(tx, account_id, open).await?;
            Ok(())
        })
    })
    .await
    .unwrap();
    Person { user_id, account_id, admin_key }
}

fn command(id: Uuid) -> Command {
    let metadata = Metadata { actor: Some("test".into()), ..Metadata::default() };
    Command { command_id: CommandId(id), fingerprint: [0; 32], metadata }
}

impl Node {
    /// Disables someone, as an operator would at the console.
    pub(super) async fn disable(&self, person: &Person) {
        self.told(person, UserCommand::Disable).await;
    }

    /// Does something to someone behind the edge's back.
    pub(super) async fn told(&self, person: &Person, asked: UserCommand) {
        let stream = person.user_id.to_string();
        let told = self.log.execute::<_, Refusal, _>(command(self.ids.uuid()), move |tx| {
            Box::pin(async move { tx.decide::<User, Refusal>(&stream, asked).await })
        });
        told.await.unwrap();
        self.caught_up().await;
    }

    /// What is known in memory has caught up.
    pub(super) async fn caught_up(&self) {
        let head = self.log.subscribe().borrow().control;
        self.directory.positions().wait_for(|position| *position >= head).await.unwrap();
    }
}

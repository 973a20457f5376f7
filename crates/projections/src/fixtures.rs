//! A log with its appender running, and commands for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use domain::{
    AccountId, Aggregate, ApiTokenId, ChannelId, ChannelKeyId, GroupName, Log, ModelName, Sealed, TimeStamp,
    UserId,
    api_token::{ApiToken, ApiTokenCommand, ApiTokenSpec, HashedKey},
    channel::{Channel, ChannelCommand, ChannelKey, ChannelSpec},
    user::{Role, User, UserCommand},
};
use eventlog::{
    Clock, EventLog, ExecuteError, Fault, Heads, LogOptions, MasterKey, Metadata, NewEvent, Sealer,
    StreamAppend, stream_name,
};
use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Calls, ControlModels, Directory, TokenCacheOptions};

/// Each look is a second later.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> TimeStamp {
        TimeStamp::from_micros(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
}

/// One installation.
pub(crate) struct House {
    pub(crate) log: EventLog,
    pub(crate) tasks: JoinSet<()>,
    /// Last, so that it goes when nothing uses it.
    pub(crate) dir: TempDir,
}

/// Refuses nothing of its own: what an aggregate refuses is a failed test.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(pub(crate) String);

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_in(tempfile::tempdir().unwrap()).await
    }

    async fn open_in(dir: TempDir) -> Self {
        let options = LogOptions {
            clock: Arc::new(Ticking(AtomicI64::new(1_790_000_000_000_000))),
            inline: vec![Arc::new(ControlModels)],
            components: vec![Calls::COMPONENT],
            sealer: Sealer::new(&MasterKey::from_hex(&"07".repeat(32)).unwrap()),
        };
        let (log, appender) = EventLog::open(&dir.path().join("veloera.db"), options).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(appender.run());
        Self { log, tasks, dir }
    }

    /// Ends everything that runs, and opens the same database again.
    pub(crate) async fn reopen(self) -> Self {
        let Self { log, mut tasks, dir } = self;
        drop(log);
        tasks.shutdown().await;
        Self::open_in(dir).await
    }

    /// A directory that follows.
    pub(crate) async fn directory(&mut self) -> Arc<Directory> {
        let directory = Directory::load(&self.log).await.unwrap();
        self.tasks.spawn(Arc::clone(&directory).follow(self.log.clone()));
        directory
    }

    /// A directory of what the tables hold now.
    pub(crate) async fn loaded(&self) -> Arc<Directory> {
        Directory::load(&self.log).await.unwrap()
    }

    /// A usage log that follows.
    pub(crate) async fn calls(&mut self) -> Arc<Calls> {
        let calls = Calls::load(&self.log).await.unwrap();
        self.tasks.spawn(Arc::clone(&calls).follow(self.log.clone()));
        calls
    }

    /// Asks an aggregate; what it refuses is an error.
    pub(crate) async fn ask<A: Aggregate>(&self, id: &str, command: A::Command) -> Result<Heads, Said> {
        let id = id.to_owned();
        let decided = self.log.transact(Metadata::default(), move |tx| {
            Box::pin(async move {
                let (state, _) = tx.load::<A>(&id).await?;
                let refused = |refusal: A::Refusal| Fault::Refused(Said(refusal.to_string()));
                let events = state.decide(command).map_err(refused)?;
                let events = events.iter().map(NewEvent::of).collect::<Result<_, _>>()?;
                let stream = stream_name(A::KIND, &id);
                let append = StreamAppend { log: A::LOG, stream, expected: None, events, trace: None };
                tx.append(vec![append]).await.map_err(Fault::Store)
            })
        });
        decided.await.map(|((), heads)| heads).map_err(|error| Said(error.to_string()))
    }

    /// Appends facts as they are.
    pub(crate) async fn append<A: Aggregate>(&self, id: &str, events: &[A::Event]) -> u64 {
        let events = events.iter().map(|event| NewEvent::of(event).unwrap()).collect();
        let append = StreamAppend {
            log: A::LOG,
            stream: stream_name(A::KIND, id),
            expected: None,
            events,
            trace: None,
        };
        let appended: Result<_, ExecuteError<Said>> = self
            .log
            .transact(Metadata::default(), move |tx| {
                Box::pin(async move { tx.append(vec![append]).await.map_err(Fault::Store) })
            })
            .await;
        appended.unwrap().1.of(A::LOG)
    }

    /// Changes the database as no one should.
    pub(crate) async fn tamper(&self, sql: &'static str) {
        let done: Result<_, ExecuteError<Said>> = self
            .log
            .transact(Metadata::default(), move |tx| {
                Box::pin(async move {
                    tx.connection().execute(sql).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
    }
}

pub(crate) fn channel_id(n: u128) -> ChannelId {
    ChannelId(Uuid::from_u128(0x100 + n))
}

pub(crate) fn token_id(n: u128) -> ApiTokenId {
    ApiTokenId(Uuid::from_u128(0x200 + n))
}

pub(crate) fn user_id(n: u128) -> UserId {
    UserId(Uuid::from_u128(0x300 + n))
}

pub(crate) fn account_id(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(0x400 + n))
}

pub(crate) fn model(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

pub(crate) fn group(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

pub(crate) fn channel_key(n: u128) -> ChannelKey {
    let key_id = ChannelKeyId(Uuid::from_u128(n));
    ChannelKey { key_id, secret: Sealed(format!("v1.{n}")), hint: "wxyz".into() }
}

pub(crate) fn channel_spec(name: &str) -> ChannelSpec {
    ChannelSpec {
        name: name.into(),
        provider: "example".into(),
        base_url: None,
        keys: vec![channel_key(1)],
        models: BTreeSet::from([model("m")]),
        model_map: BTreeMap::new(),
        groups: BTreeSet::from([GroupName::default_group()]),
        priority: 0,
        weight: 1,
        limits: None,
    }
}

pub(crate) fn token_spec(user: u128) -> ApiTokenSpec {
    ApiTokenSpec {
        name: "laptop".into(),
        user_id: user_id(user),
        account_id: account_id(user),
        limit_account_id: None,
        models: None,
        allowed_ips: Some(BTreeSet::from(["10.0.0.0/8".into()])),
        expires_at: None,
        group: None,
        limits: None,
    }
}

/// A key whose hash is this byte over and over.
pub(crate) fn hashed(byte: u8) -> HashedKey {
    HashedKey { sha256: format!("{byte:02x}").repeat(32), hint: "wxyz".into() }
}

pub(crate) async fn create_channel(house: &House, n: u128) -> Heads {
    let command = ChannelCommand::Create(Box::new(channel_spec("first")));
    house.ask::<Channel>(&channel_id(n).to_string(), command).await.unwrap()
}

pub(crate) async fn issue_token(house: &House, n: u128, user: u128, key: u8) -> Heads {
    let command = ApiTokenCommand::Issue { spec: Box::new(token_spec(user)), key: hashed(key) };
    house.ask::<ApiToken>(&token_id(n).to_string(), command).await.unwrap()
}

pub(crate) fn user_command(n: u128) -> UserCommand {
    UserCommand::Create {
        role: Role::User,
        account_id: account_id(n),
        group: GroupName::default_group(),
        name: Sealed("v1.name".into()),
    }
}

pub(crate) async fn create_user(house: &House, n: u128) -> Heads {
    house.ask::<User>(&user_id(n).to_string(), user_command(n)).await.unwrap()
}

/// A directory at the log's first event that knows of one token no more than that it is there.
pub(crate) fn unread(house: &House, token: u128, key: u8) -> Arc<Directory> {
    let (token_id, print) = (token_id(token), u64::from_be_bytes([key; 8]));
    let log_id = house.log.reader().log_id(Log::Control);
    let text = format!(
        "{{\"format\":2,\"log_id\":\"{log_id}\",\"position\":1,\"tokens\":1}}\n\
         {{\"unread\":{{\"token_id\":\"{token_id}\",\"print\":{print},\"version\":1}}}}\n{{\"end\":{{\"rows\":1}}}}\n"
    );
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    Directory::restore(file, TokenCacheOptions::default()).unwrap()
}

//! `--demo`: something to call at once. Made by the same commands as everything else, in one append.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use anyhow::Context;
use api::{Ids, key, person::NewPerson};
use cluster::JoinToken;
use domain::{
    AccountId, AdminKeyId, ChannelId, ChannelKeyId, CommandId, GroupName, ModelName, Nanos, Refusal, UserId,
    account::{AccountCommand, Limit},
    api_token::{ApiToken, ApiTokenCommand, ApiTokenSpec, HashedKey},
    channel::{Channel, ChannelCommand, ChannelKey, ChannelSpec, key_place},
    group::{Group, GroupCommand, GroupRefusal},
    price::{Price, Rates, Ratio},
    price_list::{LIST_ID, PriceList, PriceListCommand},
    user::{Role, User, UserCommand},
};
use eventlog::{Command, EventLog, Fault, Metadata, Tx};
use projections::Directory;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{data_dir::DataDir, environment::Machine};

const FILE: &str = "demo.json";
const MODEL: &str = "echo";
const DOLLARS: u32 = 100;
/// One dollar per million tokens, in and out.
const PICOS_PER_TOKEN: u64 = 1_000_000;
/// How long the demo's join token is good, in milliseconds: a year.
const JOIN_TOKEN_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

/// What lies in `demo.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Demo {
    base_url: String,
    admin_key: String,
    api_key: String,
    model: String,
    /// With which nodes may join.
    join_token: Option<String>,
}

/// Makes the demo unless it was made before, and prints how to call it.
pub(crate) async fn ensure(
    data_dir: &DataDir,
    log: &EventLog,
    directory: &Arc<Directory>,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let base_url = format!("http://{address}");
    let demo = match std::fs::read_to_string(data_dir.file(FILE)) {
        Ok(text) => Demo { base_url, ..serde_json::from_str(&text).context(FILE)? },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(log, base_url).await?,
        Err(error) => return Err(error).context(FILE),
    };
    let join_token = join_token(log, demo.join_token)?;
    let demo = Demo { join_token: Some(join_token), ..demo };
    data_dir.write_private(FILE, &format!("{}\n", serde_json::to_string_pretty(&demo)?))?;
    let control = log.subscribe().borrow().control;
    directory.positions().wait_for(|position| *position >= control).await?;
    print(&demo)
}

/// The one that is there, while it is good.
fn join_token(log: &EventLog, kept: Option<String>) -> anyhow::Result<String> {
    let (sealer, now) = (log.sealer(), Machine::now());
    match kept.filter(|text| JoinToken::read(sealer, text, now).is_ok()) {
        Some(text) => Ok(text),
        // It is no more than what lies beside it: whoever reads the file administers the node.
        None => Ok(JoinToken::make(sealer, now.plus_ms(JOIN_TOKEN_MS))?.text),
    }
}

fn print(demo: &Demo) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\nTry it:\n\n  curl -s {}/v1/chat/completions -H 'Authorization: Bearer {}' \\\n    -H 'Content-Type: \
         application/json' \\\n    -d '{{\"model\": \"{}\", \"messages\": [{{\"role\": \"user\", \"content\": \
         \"Hello\"}}]}}'\n\nand see what it cost:\n\n  curl -s {}/api/v1/calls -H 'Authorization: Bearer {}'\n",
        demo.base_url, demo.api_key, demo.model, demo.base_url, demo.admin_key
    )?;
    Ok(out.flush()?)
}

async fn make(log: &EventLog, base_url: String) -> anyhow::Result<Demo> {
    let (admin_key, hashed_admin) = key::admin_key(&Machine.secret()?);
    let (api_key, hashed_api) = key::api_key(&Machine.secret()?);
    let command = Command {
        command_id: CommandId(Machine::uuid()),
        fingerprint: Sha256::digest(FILE).into(),
        metadata: Metadata { actor: Some("demo".into()), ..Metadata::default() },
    };
    let plan = Plan::new(hashed_admin, hashed_api)?;
    log.execute::<(), Refusal, _>(command, move |tx| Box::pin(async move { plan.carry_out(tx).await }))
        .await?;
    Ok(Demo { base_url, admin_key, api_key, model: MODEL.into(), join_token: None })
}

/// Everything that the demo consists of.
struct Plan {
    user_id: UserId,
    account_id: AccountId,
    group: GroupName,
    model: ModelName,
    admin_key: HashedKey,
    api_key: HashedKey,
}

impl Plan {
    fn new(admin_key: HashedKey, api_key: HashedKey) -> anyhow::Result<Self> {
        Ok(Self {
            user_id: UserId(Machine::uuid()),
            account_id: AccountId(Machine::uuid()),
            group: GroupName::default_group(),
            model: ModelName::new(MODEL)?,
            admin_key,
            api_key,
        })
    }

    async fn carry_out(self, tx: &mut Tx) -> Result<(), Fault<Refusal>> {
        self.group(tx).await?;
        self.user(tx).await?;
        self.channel(tx).await?;
        self.token(tx).await
    }

    async fn group(&self, tx: &mut Tx) -> Result<(), Fault<Refusal>> {
        let create = GroupCommand::Create { name: self.group.clone(), ratio: Ratio::ONE };
        match tx.decide::<Group, Refusal>(self.group.as_str(), create).await {
            Ok(_) | Err(Fault::Refused(Refusal::Group(GroupRefusal::Exists))) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    async fn user(&self, tx: &mut Tx) -> Result<(), Fault<Refusal>> {
        let (user_id, account_id) = (self.user_id, self.account_id);
        let (group, name) = (self.group.clone(), "demo".to_owned());
        let (role, limit, login) = (Role::Root, Limit::Prepaid, None);
        let person = NewPerson { user_id, account_id, role, group, name, limit, login };
        person.make::<Refusal>(tx).await?;
        let key_id = AdminKeyId(Machine::uuid());
        let issue = UserCommand::IssueAdminKey { key_id, key: self.admin_key.clone() };
        tx.decide::<User, Refusal>(&user_id.to_string(), issue).await?;
        let deposit = AccountCommand::Deposit { amount: Nanos::from_dollars(DOLLARS), reason: "demo".into() };
        ledger::accounts::decide::<Refusal>(tx, account_id, deposit).await?;
        Ok(())
    }

    async fn channel(&self, tx: &mut Tx) -> Result<(), Fault<Refusal>> {
        let channel_id = ChannelId(Machine::uuid());
        let key_id = ChannelKeyId(Machine::uuid());
        let sealed =
            tx.sealer().seal(&key_place(channel_id, key_id), b"none").map_err(eventlog::StoreError::from)?;
        let spec = ChannelSpec {
            name: MODEL.into(),
            provider: MODEL.into(),
            base_url: None,
            keys: vec![ChannelKey { key_id, secret: sealed, hint: String::new() }],
            models: BTreeSet::from([self.model.clone()]),
            model_map: std::collections::BTreeMap::new(),
            groups: BTreeSet::from([self.group.clone()]),
            priority: 0,
            weight: 1,
            limits: None,
        };
        let create = ChannelCommand::Create(Box::new(spec));
        tx.decide::<Channel, Refusal>(&channel_id.to_string(), create).await?;
        let rates = Rates { input: Some(PICOS_PER_TOKEN), output: Some(PICOS_PER_TOKEN), ..Rates::default() };
        let price = Box::new(Price { rates, ..Price::default() });
        let set = PriceListCommand::Set { model: self.model.clone(), price };
        tx.decide::<PriceList, Refusal>(LIST_ID, set).await?;
        Ok(())
    }

    async fn token(self, tx: &mut Tx) -> Result<(), Fault<Refusal>> {
        let spec = ApiTokenSpec {
            name: "demo".into(),
            user_id: self.user_id,
            account_id: self.account_id,
            limit_account_id: None,
            models: None,
            allowed_ips: None,
            expires_at: None,
            group: None,
            limits: None,
        };
        let issue = ApiTokenCommand::Issue { spec: Box::new(spec), key: self.api_key };
        tx.decide::<ApiToken, Refusal>(&Machine::uuid().to_string(), issue).await?;
        Ok(())
    }
}

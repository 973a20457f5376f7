//! `veloera user`: the first admin, and whoever has forgotten their password. For a server that does not run: one that
//! does is asked over its interface.

mod secret;

use std::io::Write;

use anyhow::{Context, bail};
use api::{
    key,
    password::SALT_BYTES,
    person::{self, NewLogin, NewPerson},
};
use clap::{Args, Subcommand, ValueEnum};
use domain::{
    AccountId, AdminKeyId, GroupName, Refusal, UserId,
    account::Limit,
    login::LoginName,
    user::{Role, User, UserCommand},
};
use eventlog::{EventLog, Metadata};
use projections::Directory;
use serde::Serialize;

use self::secret::Chosen;
use super::Place;
use crate::{config::Flags, environment::Machine, offline};

/// Makes users, and lets them in again.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommands {
    /// Makes a user, with the account that pays for them.
    Create(Create),
    /// Sets the password of whoever has forgotten it, and ends all their sessions.
    ResetPassword(ResetPassword),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    #[command(flatten)]
    place: Place,
    /// What they sign in with.
    #[arg(long, value_name = "NAME")]
    login: String,
    /// What they are called [default: the sign-in name].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// What they may do.
    #[arg(long, value_enum, default_value = "root")]
    role: RoleName,
    /// Their class.
    #[arg(long, value_name = "NAME", default_value = "default")]
    group: String,
    /// Reads the password from standard input; without it one is made and printed.
    #[arg(long)]
    password_stdin: bool,
    /// Issues an admin key too, and prints it.
    #[arg(long)]
    admin_key: bool,
}

#[derive(Args, Debug)]
pub(super) struct ResetPassword {
    #[command(flatten)]
    place: Place,
    /// What they sign in with.
    #[arg(long, value_name = "NAME")]
    login: String,
    /// Reads the password from standard input; without it one is made and printed.
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    Root,
    Admin,
    Auditor,
    User,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Root => Self::Root,
            RoleName::Admin => Self::Admin,
            RoleName::Auditor => Self::Auditor,
            RoleName::User => Self::User,
        }
    }
}

/// What is printed: for people, and for programs.
#[derive(Debug, Serialize)]
struct Printed {
    user_id: UserId,
    login: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<AccountId>,
    /// Only where it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_key: Option<String>,
}

impl UserCommands {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let printed = match self {
            Self::Create(create) => create.run()?,
            Self::ResetPassword(reset) => reset.run()?,
        };
        Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&printed)?)?)
    }
}

impl Create {
    fn run(self) -> anyhow::Result<Printed> {
        let login = LoginName::new(&self.login).context("--login")?;
        let chosen = Chosen::read(self.password_stdin)?;
        let person = NewPerson {
            user_id: UserId(Machine::uuid()),
            account_id: AccountId(Machine::uuid()),
            role: self.role.into(),
            group: GroupName::new(&self.group).context("--group")?,
            name: self.name.unwrap_or_else(|| self.login.clone()),
            // Whoever runs the node pays its providers anyway.
            limit: if matches!(self.role, RoleName::Root) { Limit::Unlimited } else { Limit::Prepaid },
            login: Some(NewLogin { name: login.clone(), password_hash: Some(hashed(&chosen)?) }),
        };
        let issued = if self.admin_key { Some(key::admin_key(&Machine::chance()?)) } else { None };
        let (admin_key, hashed) = issued.unzip();
        let (user_id, account_id) = (person.user_id, person.account_id);
        let config = self.place.config(Flags::default())?;
        offline::with_log(&config, async |log| {
            let directory = Directory::load(log).await?;
            if directory.ratio(&person.group).is_none() {
                bail!("--group: there is no group `{}`", person.group);
            }
            let made = log.transact::<(), Refusal, _>(by_hand(), move |tx| {
                Box::pin(async move {
                    person.make::<Refusal>(tx).await?;
                    if let Some(key) = hashed {
                        let issue = UserCommand::IssueAdminKey { key_id: AdminKeyId(Machine::uuid()), key };
                        tx.decide::<User, Refusal>(&user_id.to_string(), issue).await?;
                    }
                    Ok(())
                })
            });
            made.await?;
            Ok(())
        })?;
        let login = login.as_str().to_owned();
        Ok(Printed { user_id, login, account_id: Some(account_id), password: chosen.made(), admin_key })
    }
}

impl ResetPassword {
    fn run(self) -> anyhow::Result<Printed> {
        let login = LoginName::new(&self.login).context("--login")?;
        let chosen = Chosen::read(self.password_stdin)?;
        let hash = hashed(&chosen)?;
        let config = self.place.config(Flags::default())?;
        let user_id = offline::with_log(&config, async |log| set(log, &login, hash).await)?;
        let login = login.as_str().to_owned();
        Ok(Printed { user_id, login, account_id: None, password: chosen.made(), admin_key: None })
    }
}

async fn set(log: &EventLog, login: &LoginName, hash: String) -> anyhow::Result<UserId> {
    let directory = Directory::load(log).await?;
    let Some(user_id) = directory.login(&person::claim_of(log.sealer(), login)) else {
        bail!("nobody signs in as `{}`", login.as_str());
    };
    let set = log.transact::<(), Refusal, _>(by_hand(), move |tx| {
        Box::pin(async move { person::set_password(tx, user_id, &hash).await })
    });
    set.await?;
    Ok(user_id)
}

fn hashed(chosen: &Chosen) -> anyhow::Result<String> {
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&Machine::chance()?[..SALT_BYTES]);
    Ok(chosen.secret().hashed(&salt)?)
}

/// Whoever has the data directory has everything.
fn by_hand() -> Metadata {
    let metadata = Metadata { actor: Some("command-line".into()), ..Metadata::default() };
    Machine::trace().into_iter().fold(metadata, Metadata::traced)
}

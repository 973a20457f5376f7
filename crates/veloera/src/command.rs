//! The subcommands.

mod apply;
mod audit;
mod journal;
mod meter;
mod migrate;
mod node;
mod openapi;
mod projections;
mod schemas;
mod settings;
mod user;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, Flags},
    environment::Environment,
};

/// An AI API gateway that people trust with money.
#[derive(Debug, Parser)]
#[command(name = "veloera", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves API clients, admins and auditors.
    Serve(Serve),
    /// Makes the database, or brings it up to date.
    Migrate(Place),
    /// Makes users, and lets them in again.
    #[command(subcommand)]
    User(user::UserCommands),
    /// Lets other nodes in.
    #[command(subcommand)]
    Node(node::NodeCommands),
    /// Brings home what a node that is gone has left on its disk.
    #[command(subcommand)]
    Journal(journal::JournalCommands),
    /// Makes groups, prices and channels what a file says.
    Apply(apply::Apply),
    /// Prints the OpenAPI document.
    Openapi,
    /// Prints every setting, as a table in Markdown.
    Settings,
    /// Writes the schema and a sample of every event.
    Schemas(Schemas),
    /// Looks at read models that follow at a distance, and makes them anew.
    #[command(subcommand)]
    Projections(projections::Projections),
    /// Reads the history.
    #[command(subcommand)]
    Audit(audit::Audit),
}

#[derive(Args, Debug)]
struct Serve {
    #[command(flatten)]
    place: Place,
    /// What this node does [default: all].
    #[arg(long, value_name = "all|control|relay")]
    role: Option<String>,
    /// Where it listens [default: 127.0.0.1:3000].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Makes a root user, an echo channel, an account with quota and a token, and prints how to call.
    #[arg(long)]
    demo: bool,
}

/// Where the node's data and settings are.
#[derive(Args, Debug)]
struct Place {
    /// The database, the journal and the master key [default: ./data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The database, where it is on a server or elsewhere [default: a file of the data directory].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The configuration [default: veloera.toml, where there is one].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Schemas {
    /// Where to.
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    out: PathBuf,
}

impl Place {
    fn config(self, flags: Flags) -> Result<Config, crate::config::ConfigError> {
        let Self { data_dir, database_url, config } = self;
        Config::read(config.as_deref(), Environment::read(), Flags { data_dir, database_url, ..flags })
    }
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Serve(serve) => {
                let flags = Flags { role: serve.role, listen: serve.listen, ..Flags::default() };
                crate::serve::run(&serve.place.config(flags)?, serve.demo)?;
            }
            Command::Migrate(place) => migrate::run(&place.config(Flags::default())?)?,
            Command::User(user) => user.run()?,
            Command::Node(node) => node.run()?,
            Command::Journal(journal) => journal.run()?,
            Command::Apply(apply) => apply.run()?,
            Command::Openapi => openapi::run()?,
            Command::Settings => settings::run()?,
            Command::Schemas(schemas) => schemas::run(&schemas.out)?,
            Command::Projections(projections) => projections.run()?,
            Command::Audit(audit) => return audit.run(),
        }
        Ok(ExitCode::SUCCESS)
    }
}

//! The provider catalogue: what differs between providers that speak a known format is data.

mod provider;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;
use toml::{Table, Value};

pub(crate) use self::provider::{Auth, Transport, base};
pub use self::provider::{Format, Provider};

const BUILTIN: &str = include_str!("providers.toml");

/// The catalogue, ready to be looked up.
#[derive(Clone, Debug)]
pub struct Providers {
    /// As written, so that an operator's file can be laid over it key by key.
    written: Table,
    ready: BTreeMap<String, Arc<Provider>>,
}

/// What is wrong with a catalogue.
#[derive(Debug, Error)]
pub enum ProvidersError {
    /// It is no TOML.
    #[error("the provider catalogue is no TOML: {0}")]
    Toml(#[source] Box<toml::de::Error>),
    /// An entry is something else than a table.
    #[error("provider `{id}` must be a table such as [{id}]")]
    NoTable {
        /// Which.
        id: String,
    },
    /// An entry has a key that means nothing, or a value of the wrong type.
    #[error("provider `{id}`: {source}")]
    Entry {
        /// Which.
        id: String,
        /// What is wrong with it.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A value cannot be used.
    #[error("provider `{id}`: `{key}` {must}")]
    Value {
        /// Which.
        id: String,
        /// What was set.
        key: String,
        /// What it must be.
        must: &'static str,
    },
}

impl Providers {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// When it is wrong, which the tests rule out.
    pub fn builtin() -> Result<Self, ProvidersError> {
        Self::ready(Table::new(), parse(BUILTIN)?)
    }

    /// The same with an operator's file laid over it: its keys win, and its new tables are new providers.
    ///
    /// # Errors
    /// What is wrong with the file, and in which entry.
    pub fn over(self, operator_toml: &str) -> Result<Self, ProvidersError> {
        Self::ready(self.written, parse(operator_toml)?)
    }

    /// The provider of that id.
    pub fn find(&self, id: &str) -> Option<Arc<Provider>> {
        self.ready.get(id).map(Arc::clone)
    }

    /// Every id, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ready.keys().map(String::as_str)
    }

    fn ready(mut written: Table, over: Table) -> Result<Self, ProvidersError> {
        for (id, entry) in over {
            let Value::Table(entry) = entry else { return Err(ProvidersError::NoTable { id }) };
            match written.get_mut(&id) {
                Some(Value::Table(before)) => before.extend(entry),
                _ => {
                    written.insert(id, Value::Table(entry));
                }
            }
        }
        let ready = written.iter().map(|(id, entry)| {
            let provider = entry
                .clone()
                .try_into::<Provider>()
                .map_err(|source| ProvidersError::Entry { id: id.clone(), source: Box::new(source) })?;
            provider.check().map_err(|(key, must)| ProvidersError::Value { id: id.clone(), key, must })?;
            Ok((id.clone(), Arc::new(provider.named(id))))
        });
        Ok(Self { ready: ready.collect::<Result<_, ProvidersError>>()?, written })
    }
}

fn parse(text: &str) -> Result<Table, ProvidersError> {
    text.parse().map_err(|source| ProvidersError::Toml(Box::new(source)))
}

//! The operator's own prices, laid over the catalogue. There is one list; each change of a model's price is a
//! new version of it, and what was charged under an older version stays as it was.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Aggregate, Log, ModelName, StoredEvent, price::Price};

/// The id of the only list.
pub const LIST_ID: &str = "default";
/// The most models that may have a price of their own.
pub const PRICES_MAX: usize = 20_000;

/// What is asked of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriceListCommand {
    /// Gives a model a price of its own.
    Set {
        /// The name that API clients ask for.
        model: ModelName,
        /// What it costs from now on.
        price: Box<Price>,
    },
    /// Goes back to the catalogue's price.
    Remove {
        /// The name that API clients ask for.
        model: ModelName,
    },
}

/// What happened to the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum PriceListEvent {
    /// A model has a price of its own.
    #[serde(rename = "price_set")]
    Set {
        /// The name that API clients ask for.
        model: ModelName,
        /// Counts the changes of the list, from 1.
        version: u32,
        /// What it costs from now on.
        price: Box<Price>,
    },
    /// A model's price is the catalogue's again.
    #[serde(rename = "price_removed")]
    Removed {
        /// The name that API clients ask for.
        model: ModelName,
        /// Counts the changes of the list, from 1.
        version: u32,
    },
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PriceListRefusal {
    /// The model has none of its own.
    #[error("`{0}` has no price of its own")]
    Unknown(ModelName),
    /// Too many.
    #[error("at most {PRICES_MAX} models may have a price of their own")]
    Full,
}

/// The operator's prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceList {
    version: u32,
    prices: BTreeMap<ModelName, (u32, Box<Price>)>,
}

impl PriceList {
    /// The version under which a model's price was set, and the price.
    pub fn find(&self, model: &str) -> Option<(u32, &Price)> {
        self.prices.get(model).map(|(version, price)| (*version, price.as_ref()))
    }

    /// Every model with a price of its own.
    pub fn iter(&self) -> impl Iterator<Item = (&ModelName, u32, &Price)> {
        self.prices.iter().map(|(model, (version, price))| (model, *version, price.as_ref()))
    }
}

impl Aggregate for PriceList {
    const KIND: &'static str = "price";
    const LOG: Log = Log::Control;
    type Command = PriceListCommand;
    type Event = PriceListEvent;
    type Refusal = PriceListRefusal;

    fn decide(&self, command: PriceListCommand) -> Result<Vec<PriceListEvent>, PriceListRefusal> {
        let version = self.version.saturating_add(1);
        match command {
            PriceListCommand::Set { model, price } => match self.prices.get(&model) {
                Some((_, old)) if *old == price => Ok(Vec::new()),
                None if self.prices.len() >= PRICES_MAX => Err(PriceListRefusal::Full),
                Some(_) | None => Ok(vec![PriceListEvent::Set { model, version, price }]),
            },
            PriceListCommand::Remove { model } if self.prices.contains_key(&model) => {
                Ok(vec![PriceListEvent::Removed { model, version }])
            }
            PriceListCommand::Remove { model } => Err(PriceListRefusal::Unknown(model)),
        }
    }

    fn evolve(&mut self, event: &PriceListEvent) {
        match event {
            PriceListEvent::Set { model, version, price } => {
                self.version = *version;
                self.prices.insert(model.clone(), (*version, price.clone()));
            }
            PriceListEvent::Removed { model, version } => {
                self.version = *version;
                self.prices.remove(model);
            }
        }
    }
}

impl StoredEvent for PriceListEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Set { .. } => "price_set",
            Self::Removed { .. } => "price_removed",
        }
    }

    fn samples() -> Vec<Self> {
        let Some(model) = ModelName::new("gpt-4o-mini").ok() else { return Vec::new() };
        vec![
            Self::Set { model: model.clone(), version: 1, price: Box::default() },
            Self::Removed { model, version: 2 },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{PriceList, PriceListCommand as C, PriceListEvent as E, PriceListRefusal};
    use crate::{ModelName, price::Price, testing::given};

    fn model() -> ModelName {
        ModelName::new("m").unwrap()
    }

    #[test]
    fn each_change_of_the_list_is_a_version_of_its_own() {
        let set = E::Set { model: model(), version: 1, price: Box::default() };
        given::<PriceList>([set.clone()]).when(C::Set { model: model(), price: Box::default() }).then([]);
        given::<PriceList>([set])
            .when(C::Remove { model: model() })
            .then([E::Removed { model: model(), version: 2 }]);
    }

    #[test]
    fn a_removed_price_is_the_catalogues_again() {
        let set = E::Set { model: model(), version: 1, price: Box::default() };
        let removed = E::Removed { model: model(), version: 2 };
        let list = given::<PriceList>([set.clone()]).state();
        assert_eq!(list.find("m"), Some((1, &Price::default())));
        assert_eq!(given::<PriceList>([set, removed.clone()]).state().find("m"), None);
        given::<PriceList>([removed])
            .when(C::Remove { model: model() })
            .then_refused(&PriceListRefusal::Unknown(model()));
    }
}

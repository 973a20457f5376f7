//! The operator's own prices as they stand, one row a model.

use domain::{
    ModelName,
    price::Price,
    price_list::{PriceList, PriceListEvent},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// A model's own price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    /// The name that API clients ask for.
    pub model: ModelName,
    /// The list's version that set it.
    pub version: u32,
    /// What it costs.
    pub price: Price,
}

impl Model for PriceRow {
    type Of = PriceList;
    type Key = ModelName;
    const TABLE: &'static str = "prices";

    fn key(_: &str, event: &PriceListEvent) -> Option<ModelName> {
        let (PriceListEvent::Set { model, .. } | PriceListEvent::Removed { model, .. }) = event;
        Some(model.clone())
    }

    fn evolve(_: Option<Self>, model: &ModelName, event: &PriceListEvent) -> Option<Self> {
        match event {
            PriceListEvent::Set { version, price, .. } => {
                Some(Self { model: model.clone(), version: *version, price: (**price).clone() })
            }
            PriceListEvent::Removed { .. } => None,
        }
    }
}

/// A model's own price; `None` where the catalogue's holds.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, model: &ModelName) -> Result<Option<Stored<PriceRow>>, StoreError> {
    model::find(pool, model).await
}

/// Prices from after `after`, by model.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<&ModelName>,
    limit: usize,
) -> Result<Vec<Stored<PriceRow>>, StoreError> {
    model::list(pool, after, limit, None).await
}

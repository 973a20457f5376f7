//! Groups as they stand. Deleted ones are gone.

use domain::{
    GroupName,
    group::{Group, GroupEvent},
    price::Ratio,
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Names it.
    pub name: GroupName,
    /// What its users pay, relative to the price.
    pub ratio: Ratio,
}

impl Model for GroupRow {
    type Of = Group;
    type Key = GroupName;
    const TABLE: &'static str = "groups";

    fn key(id: &str, _: &GroupEvent) -> Option<GroupName> {
        GroupName::new(id).ok()
    }

    fn evolve(row: Option<Self>, name: &GroupName, event: &GroupEvent) -> Option<Self> {
        match event {
            GroupEvent::Created { ratio, .. } => Some(Self { name: name.clone(), ratio: *ratio }),
            GroupEvent::RatioChanged { ratio } => row.map(|row| Self { ratio: *ratio, ..row }),
            GroupEvent::Deleted {} => None,
        }
    }
}

/// One group.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, name: &GroupName) -> Result<Option<Stored<GroupRow>>, StoreError> {
    model::find(pool, name).await
}

/// Groups from after `after`, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<&GroupName>,
    limit: usize,
) -> Result<Vec<Stored<GroupRow>>, StoreError> {
    model::list(pool, after, limit, None).await
}

//! Whose calls a budget limits.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Period;
use crate::{ApiTokenId, BudgetId, GroupName, UserId};

/// Whose calls a budget limits: all of them together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Those of one token.
    Token(ApiTokenId),
    /// Those of one user, with whichever token.
    User(UserId),
    /// Those that are made as one group.
    Group(GroupName),
}

/// The same, without saying who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HolderKind {
    /// One token.
    Token,
    /// One user.
    User,
    /// One group.
    Group,
}

/// A budget that binds a call: enough to find the window that the call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// Which one.
    pub budget_id: BudgetId,
    /// Through what it binds the call.
    pub holder: HolderKind,
    /// How long each of its windows is.
    pub period: Period,
}

impl Holder {
    /// What it is.
    pub const fn kind(&self) -> HolderKind {
        match self {
            Self::Token(_) => HolderKind::Token,
            Self::User(_) => HolderKind::User,
            Self::Group(_) => HolderKind::Group,
        }
    }
}

/// For those whose calls it limits, such as `the budget of this key for a day`.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = match self.holder {
            HolderKind::Token => "this key",
            HolderKind::User => "this key's user",
            HolderKind::Group => "this key's group",
        };
        match self.period {
            Period::Hour => write!(f, "the budget of {holder} for an hour"),
            Period::Day => write!(f, "the budget of {holder} for a day"),
            Period::Week => write!(f, "the budget of {holder} for a week"),
            Period::Month => write!(f, "the budget of {holder} for a month"),
            Period::Total => write!(f, "the whole budget of {holder}"),
        }
    }
}

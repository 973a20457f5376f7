//! Every way in which the business says no.

use thiserror::Error;

use crate::{
    account::AccountRefusal, api_token::ApiTokenRefusal, budget::BudgetRefusal, channel::ChannelRefusal,
    group::GroupRefusal, journal::JournalRefusal, login::LoginRefusal, node::NodeRefusal,
    price_list::PriceListRefusal, session::SessionRefusal, settings::SettingsRefusal, user::UserRefusal,
};

/// The refusal of whichever aggregate was asked, for commands that ask several.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A channel's.
    #[error(transparent)]
    Channel(#[from] ChannelRefusal),
    /// A token's.
    #[error(transparent)]
    ApiToken(#[from] ApiTokenRefusal),
    /// A budget's.
    #[error(transparent)]
    Budget(#[from] BudgetRefusal),
    /// A user's.
    #[error(transparent)]
    User(#[from] UserRefusal),
    /// An account's.
    #[error(transparent)]
    Account(#[from] AccountRefusal),
    /// A group's.
    #[error(transparent)]
    Group(#[from] GroupRefusal),
    /// The price list's.
    #[error(transparent)]
    PriceList(#[from] PriceListRefusal),
    /// The settings'.
    #[error(transparent)]
    Settings(#[from] SettingsRefusal),
    /// A sign-in name's.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
    /// A session's.
    #[error(transparent)]
    Session(#[from] SessionRefusal),
    /// A node's.
    #[error(transparent)]
    Node(#[from] NodeRefusal),
    /// A journal's.
    #[error(transparent)]
    Journal(#[from] JournalRefusal),
    /// A name that must be unique belongs to someone else.
    #[error("the {kind} `{name}` is taken")]
    Taken {
        /// What kind of name.
        kind: &'static str,
        /// Which one.
        name: String,
    },
}

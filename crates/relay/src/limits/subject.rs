//! Whoever has a limit.

use std::fmt;

use domain::{ApiTokenId, ChannelId, GroupName, ModelName, UserId};

use super::Limiter;

/// Whoever has a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Token(ApiTokenId),
    User(UserId),
    Group(GroupName),
    Model(ModelName),
    Channel(ChannelId),
}

impl Subject {
    pub(super) fn limiter(&self) -> Limiter {
        match self {
            Self::Token(_) => Limiter::Token,
            Self::User(_) => Limiter::User,
            Self::Group(group) => Limiter::Group(group.clone()),
            Self::Model(model) => Limiter::Model(model.clone()),
            Self::Channel(_) => Limiter::Channel,
        }
    }
}

/// As nodes name it to one another.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Model(name) => write!(f, "model:{name}"),
            Self::Channel(id) => write!(f, "channel:{id}"),
        }
    }
}

//! What a request holds, each part read in one place.

pub(crate) mod applied;
pub(crate) mod body;
pub(crate) mod idempotency;
pub(crate) mod json;
pub(crate) mod page;
pub(crate) mod path;
pub(crate) mod position;

pub(crate) use self::{
    idempotency::Intent,
    json::{Nothing, Write},
    page::{Limit, Listed, Query},
    path::Id,
};

//! The id or name in a path.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};

use crate::problem::{Code, Problem};

/// The id or name in a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = || Problem::new(Code::InvalidParameter, "the id or name in the path cannot be one");
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
        text.parse().map(Self).map_err(|_| unreadable())
    }
}

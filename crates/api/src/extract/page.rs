//! Query parameters, and lists that come in pages.

use axum::{
    extract::{FromRequestParts, Query as Parameters},
    http::request::Parts,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// The most things on one page.
pub(crate) const LIMIT_MAX: u16 = 1_000;
const LIMIT_DEFAULT: u16 = 50;

/// The parameters of a query; one that is not known is an error that names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Parameters::<T>::from_request_parts(parts, state).await {
            Ok(Parameters(parameters)) => Ok(Self(parameters)),
            Err(rejection) => {
                let inner = std::error::Error::source(&rejection).map(ToString::to_string);
                let detail = inner.unwrap_or_else(|| rejection.body_text());
                Err(Problem::new(Code::InvalidParameter, detail))
            }
        }
    }
}

/// How many things a page may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u16")]
pub(crate) struct Limit(u16);

/// Not so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a page holds 1 to {LIMIT_MAX}, not {0}")]
pub(crate) struct LimitError(u16);

impl TryFrom<u16> for Limit {
    type Error = LimitError;
    fn try_from(limit: u16) -> Result<Self, LimitError> {
        if (1..=LIMIT_MAX).contains(&limit) { Ok(Self(limit)) } else { Err(LimitError(limit)) }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(LIMIT_DEFAULT)
    }
}

impl Limit {
    /// How many are asked for: one more shows whether there is a next page, where so many may be asked.
    pub(crate) fn asked(self) -> usize {
        usize::from((self.0 + 1).min(LIMIT_MAX))
    }

    /// How many things a page may hold.
    pub(crate) fn max(self) -> usize {
        usize::from(self.0)
    }

    /// A page of all that was found, however much that is.
    pub(crate) fn first<T, C: ToString>(self, mut items: Vec<T>, cursor: impl Fn(&T) -> C) -> Listed<T> {
        let more = items.len() > self.max();
        items.truncate(self.max());
        let last = if more { items.last() } else { None };
        let next_cursor = last.map(|item| cursor(item).to_string());
        Listed { items, next_cursor }
    }

    /// A page of what was found, and where the next one begins.
    pub(crate) fn page<T, C: ToString>(self, mut items: Vec<T>, cursor: impl Fn(&T) -> C) -> Listed<T> {
        let more = items.len() > self.max() || items.len() == usize::from(LIMIT_MAX);
        items.truncate(self.max());
        let last = if more { items.last() } else { None };
        let next_cursor = last.map(|item| cursor(item).to_string());
        Listed { items, next_cursor }
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> Listed<T> {
    /// The same page of other things.
    pub(crate) fn map<U>(self, view: impl Fn(T) -> U) -> Listed<U> {
        Listed { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT_MAX, Limit};

    #[test]
    fn a_next_page_is_announced_only_where_there_is_one() {
        let limit = Limit::try_from(2).unwrap();
        assert_eq!(limit.page(vec![1, 2], |n| *n).next_cursor, None);
        let page = limit.page(vec![1, 2, 3], |n| *n);
        assert_eq!((page.items, page.next_cursor), (vec![1, 2], Some("2".to_owned())));
    }

    #[test]
    fn a_page_holds_at_least_one_thing_and_at_most_the_limit() {
        assert!(Limit::try_from(0).is_err());
        assert!(Limit::try_from(LIMIT_MAX + 1).is_err());
        assert_eq!(Limit::try_from(LIMIT_MAX).unwrap().asked(), usize::from(LIMIT_MAX));
    }
}

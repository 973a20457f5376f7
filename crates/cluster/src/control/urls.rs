//! Where the control nodes are.

use std::{fmt, str::FromStr};

use http::{
    Uri,
    uri::{Authority, Scheme},
};
use thiserror::Error;

/// The most control nodes that are listed.
pub const URLS_MAX: usize = 16;

/// Where the control nodes are, at least one. They are asked in this order, beginning with whichever answered last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlUrls(Vec<ControlUrl>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ControlUrl {
    scheme: Scheme,
    authority: Authority,
}

/// Text that says no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "control nodes are 1 to {URLS_MAX} addresses such as https://control.example:3000, separated by commas"
)]
pub struct UrlsError;

impl ControlUrls {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ControlUrl> {
        self.0.iter()
    }

    /// The one that comes `turn`th, from the first again after the last.
    pub(super) fn of_turn(&self, turn: usize) -> Option<&ControlUrl> {
        self.0.iter().cycle().nth(turn % self.0.len().max(1))
    }
}

impl ControlUrl {
    /// Where `target`, a path with its query, is there.
    pub(super) fn uri(&self, target: &str) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
    }
}

impl fmt::Display for ControlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl FromStr for ControlUrls {
    type Err = UrlsError;
    fn from_str(text: &str) -> Result<Self, UrlsError> {
        let urls: Vec<_> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>()?;
        if urls.len() <= URLS_MAX { Ok(Self(urls)) } else { Err(UrlsError) }
    }
}

impl FromStr for ControlUrl {
    type Err = UrlsError;
    fn from_str(text: &str) -> Result<Self, UrlsError> {
        let parts = text.parse::<Uri>().map_err(|_| UrlsError)?.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let (Some(scheme), Some(authority)) = (scheme, parts.authority) else { return Err(UrlsError) };
        // The path is signed: whatever stands before it would have to be known to both ends. A password would be sent
        // to nobody.
        let is_bare =
            parts.path_and_query.is_none_or(|path| path == "/") && !authority.as_str().contains('@');
        if is_bare && !authority.host().is_empty() { Ok(Self { scheme, authority }) } else { Err(UrlsError) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ControlUrls, UrlsError};

    #[test]
    fn control_nodes_are_listed_with_commas_and_asked_in_turn() {
        let urls: ControlUrls = "http://a:3000, https://b.example/".parse().unwrap();
        let told: Vec<_> = (0..3).map(|turn| urls.of_turn(turn).unwrap().to_string()).collect();
        assert_eq!(told, ["http://a:3000", "https://b.example", "http://a:3000"]);
        let uri = urls.of_turn(1).unwrap().uri("/sync/events?after=1").unwrap();
        assert_eq!(uri.to_string(), "https://b.example/sync/events?after=1");
    }

    #[test]
    fn what_is_no_address_of_a_control_node_is_refused() {
        for bad in
            ["", "a:3000", "ftp://a", "http://a,", "http://a/path", "http://a?b", "http://u:p@a", "http://"]
        {
            assert_eq!(bad.parse::<ControlUrls>(), Err(UrlsError), "{bad:?}");
        }
        let many = ["http://a"; super::URLS_MAX + 1].join(",");
        assert_eq!(many.parse::<ControlUrls>(), Err(UrlsError));
    }
}

//! Who calls: a key becomes a token, the token a caller, or the call goes no further.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::{header, request::Parts};
use domain::{api_token::Network, user::UserStatus};
use projections::{TokenEntry, lookup::TokenOutOfReach, tokens::TokenState, users::UserRow};
use relay::{Caller, CallerLimits};
use wire::openai_chat::error::ErrorCode;

use super::respond::ClientError;
use crate::{ClientEdge, extract::idempotency::peer, key, permission::bearer};

/// Where clients of several formats put their keys.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// When a client is told to come again that was not let in because too little is known.
const STALE_PAUSE: Duration = Duration::from_secs(5);
/// The same where what its token may do could not be found out.
const LOOKUP_PAUSE: Duration = Duration::from_secs(1);

/// A token that may be used, and its user.
pub(crate) struct Known {
    pub(crate) token: Arc<TokenEntry>,
    user: Arc<UserRow>,
}

/// Whoever calls.
pub(crate) async fn caller(edge: &ClientEdge, parts: &Parts) -> Result<Caller, ClientError> {
    let Known { token, user } = known(edge, parts).await?;
    let rules = token.rules();
    let limits = CallerLimits { token: rules.limits, user: edge.directory.user_limits(&user.group) };
    let group = rules.group.clone().unwrap_or_else(|| user.group.clone());
    Ok(Caller {
        token_id: token.token_id,
        user_id: token.user_id,
        budgets: edge.directory.budgets(token.token_id, token.user_id, &group),
        group,
        scopes: std::iter::once(token.account_id).chain(rules.limit_account_id).collect(),
        models: rules.models.clone(),
        limits,
    })
}

/// Whoever asks, whatever for.
pub(crate) async fn known(edge: &ClientEdge, parts: &Parts) -> Result<Known, ClientError> {
    if !edge.freshness.is_current() {
        let message = "this node has not heard of revoked keys for too long to let anyone in; send it again";
        return Err(ClientError::new(ErrorCode::Overloaded, message).after(STALE_PAUSE));
    }
    let key = key_of(parts).ok_or_else(|| refused(nothing(parts)))?;
    let found = edge.tokens.find(&key::hash(key)).await.map_err(|TokenOutOfReach| {
        let message = "the API key is known, and what it may do cannot be found out now; send it again";
        ClientError::new(ErrorCode::Overloaded, message).after(LOOKUP_PAUSE)
    })?;
    let token = found.ok_or_else(|| {
        refused("the API key is not known here: check it for missing characters, or issue a new one")
    })?;
    in_use(edge, &token)?;
    comes_from_where_it_may(token.rules().networks.as_deref(), peer(parts))?;
    let user = edge
        .directory
        .user(token.user_id)
        .filter(|user| user.status == UserStatus::Enabled)
        .ok_or_else(|| ClientError::new(ErrorCode::Forbidden, "the user of this API key is disabled"))?;
    Ok(Known { token, user })
}

fn in_use(edge: &ClientEdge, token: &TokenEntry) -> Result<(), ClientError> {
    match token.state {
        TokenState::Enabled => {}
        TokenState::Disabled => return Err(refused("the API key is disabled")),
        TokenState::Revoked => return Err(refused("the API key was revoked; issue a new one")),
    }
    if token.rules().expires_at.is_some_and(|end| end <= edge.clock.now()) {
        return Err(refused("the API key has expired; issue a new one"));
    }
    Ok(())
}

/// Where the address is not known, a key that is bound to addresses admits nobody.
fn comes_from_where_it_may(networks: Option<&[Network]>, peer: Option<IpAddr>) -> Result<(), ClientError> {
    let Some(networks) = networks else { return Ok(()) };
    if peer.is_some_and(|peer| networks.iter().any(|network| network.contains(peer))) {
        return Ok(());
    }
    Err(ClientError::new(ErrorCode::Forbidden, "the API key may not be used from this address"))
}

fn refused(message: &str) -> ClientError {
    ClientError::new(ErrorCode::InvalidApiKey, message)
}

/// The first key that the request holds, whatever it looks like: it is only ever hashed.
fn key_of(parts: &Parts) -> Option<&str> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    authorization
        .and_then(bearer)
        .or_else(|| KEY_HEADERS.into_iter().find_map(header))
        .or_else(|| parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key=")))
        .filter(|key| !key.is_empty())
}

/// Why no key was found.
fn nothing(parts: &Parts) -> &'static str {
    let is_unreadable = |name: &str| parts.headers.get(name).is_some_and(|value| value.to_str().is_err());
    if std::iter::once(header::AUTHORIZATION.as_str()).chain(KEY_HEADERS).any(is_unreadable) {
        return "the API key has characters that no key has: copy it whole, it is `sk-` and 64 digits";
    }
    "no API key was sent: use `Authorization: Bearer sk-…` with a key from this gateway"
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, Request, request::Parts};
    use domain::api_token::Network;

    use super::{comes_from_where_it_may, key_of, nothing};

    fn parts(uri: &str, headers: &[(&str, &[u8])]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_key_is_found_wherever_clients_put_it() {
        assert_eq!(key_of(&parts("/", &[("authorization", b"Bearer sk-1")])), Some("sk-1"));
        for name in ["x-api-key", "api-key", "x-goog-api-key"] {
            assert_eq!(key_of(&parts("/", &[(name, b"sk-1")])), Some("sk-1"), "{name}");
        }
        assert_eq!(key_of(&parts("/v1/models?a=1&key=sk-1", &[])), Some("sk-1"));
    }

    #[test]
    fn what_is_no_key_is_no_key() {
        assert_eq!(key_of(&parts("/v1/models?key=", &[])), None);
        assert_eq!(key_of(&parts("/", &[("authorization", b"Bearer \xff\xfe")])), None);
        assert_eq!(key_of(&parts("/", &[("authorization", b"Bearer a b c")])), Some("a b c"));
        assert_eq!(key_of(&parts("/", &[("authorization", b"Bearer ")])), None);
    }

    #[test]
    fn a_shortened_key_is_not_taken_for_a_missing_one() {
        for name in ["authorization", "x-api-key"] {
            assert!(
                nothing(&parts("/", &[(name, "Bearer sk-…".as_bytes())])).contains("copy it whole"),
                "{name}"
            );
        }
        assert!(nothing(&parts("/", &[("authorization", b"Basic a")])).contains("no API key was sent"));
    }

    #[test]
    fn a_bound_key_is_refused_where_the_address_is_unknown() {
        let networks = [Network::parse("10.0.0.0/8").unwrap()];
        let networks = Some(networks.as_slice());
        assert!(comes_from_where_it_may(networks, Some([10, 1, 2, 3].into())).is_ok());
        assert!(comes_from_where_it_may(networks, Some([11, 1, 2, 3].into())).is_err());
        assert!(comes_from_where_it_may(networks, None).is_err());
        assert!(comes_from_where_it_may(None, None).is_ok());
    }
}

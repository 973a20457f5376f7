//! What makes a write safe: sent twice it is carried out once, and only upon what its sender has seen.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, MatchedPath},
    http::{HeaderMap, header, request::Parts},
};
use domain::{CommandId, trace::TraceContext};
use eventlog::Fault;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    around,
    problem::{Code, Denial, Problem},
};

/// The longest `Idempotency-Key`.
pub(crate) const KEY_CHARS_MAX: usize = 255;
/// Sets the ids of our commands apart from other UUIDs of version 5.
const NAMESPACE: Uuid = Uuid::from_u128(0x5d0c_6c2e_93a1_4b7e_a2f4_0c6b_1d9e_7f38);

/// Which versions a write may meet; `None`, and it may meet any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Precondition(Option<Vec<u64>>);

impl Precondition {
    /// Whether the write may meet the thing at this version. To be asked inside the transaction.
    pub(crate) fn check(&self, found: u64) -> Result<(), Fault<Denial>> {
        match &self.0 {
            Some(versions) if !versions.contains(&found) => Err(Fault::Refused(Denial::Changed { found })),
            Some(_) | None => Ok(()),
        }
    }
}

/// A write, as far as it is the same when it is sent again.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// The method and the path's pattern.
    route: String,
    key: Option<String>,
    /// What it may meet.
    pub(crate) precondition: Precondition,
    /// SHA-256 of method, path and body.
    pub(crate) fingerprint: [u8; 32],
    /// Where it comes from.
    pub(crate) ip: Option<IpAddr>,
    /// The trace that it belongs to.
    pub(crate) trace: Option<TraceContext>,
}

impl Intent {
    pub(crate) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Problem> {
        let path = parts.uri.path();
        let pattern = parts.extensions.get::<MatchedPath>().map_or(path, MatchedPath::as_str);
        let mut hash = Sha256::new();
        for part in [parts.method.as_str().as_bytes(), b"\0", path.as_bytes(), b"\0", body] {
            hash.update(part);
        }
        Ok(Self {
            route: format!("{} {pattern}", parts.method),
            key: key(&parts.headers)?,
            precondition: if_match(&parts.headers).map(Precondition)?,
            fingerprint: hash.finalize().into(),
            ip: peer(parts),
            trace: around::traced(parts),
        })
    }

    /// Whether the answer is kept for a repeat.
    pub(crate) const fn is_repeatable(&self) -> bool {
        self.key.is_some()
    }

    /// Names the command: the same for the same actor, route and key.
    pub(crate) fn command_id(&self, actor: &str, new: impl FnOnce() -> Uuid) -> CommandId {
        CommandId(self.key.as_ref().map_or_else(new, |key| {
            Uuid::new_v5(&NAMESPACE, format!("{actor}\0{}\0{key}", self.route).as_bytes())
        }))
    }
}

/// The address at the other end of the connection, where the server has noted it.
pub(crate) fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip().to_canonical())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=KEY_CHARS_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::new(
            Code::InvalidParameter,
            format!("`Idempotency-Key` must have 1 to {KEY_CHARS_MAX} ASCII characters"),
        )),
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<Vec<u64>>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    // A proxy that compresses makes our tags weak; a version is the same version all the same.
    let versions: Option<Vec<u64>> = text
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"')?.parse().ok())
        .collect();
    versions.map(Some).ok_or_else(|| {
        Problem::new(Code::InvalidParameter, "`If-Match` must be `*` or an ETag such as `\"7\"`")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, request::Parts};
    use uuid::Uuid;

    use super::Intent;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/api/v1/tokens");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_same_key_names_the_same_command_for_one_actor_only() {
        let intent = Intent::read(&parts(&[("idempotency-key", "k")]), b"{}").unwrap();
        assert_eq!(intent.command_id("usr_a", Uuid::nil), intent.command_id("usr_a", Uuid::nil));
        assert_ne!(intent.command_id("usr_a", Uuid::nil), intent.command_id("usr_b", Uuid::nil));
        let fresh = Intent::read(&parts(&[]), b"{}").unwrap();
        assert_eq!(fresh.command_id("usr_a", Uuid::nil).0, Uuid::nil());
    }

    #[test]
    fn a_key_without_end_is_refused() {
        assert!(Intent::read(&parts(&[("idempotency-key", &"k".repeat(256))]), b"").is_err());
        assert!(Intent::read(&parts(&[("idempotency-key", "")]), b"").is_err());
    }

    #[test]
    fn only_a_named_version_may_be_met() {
        let intent = |tag| Intent::read(&parts(&[("if-match", tag)]), b"").unwrap();
        assert!(intent("\"7\"").precondition.check(7).is_ok());
        assert!(intent("W/\"7\"").precondition.check(7).is_ok());
        assert!(intent("\"6\", \"7\"").precondition.check(7).is_ok());
        assert!(intent("*").precondition.check(7).is_ok());
        assert!(intent("\"6\"").precondition.check(7).is_err());
        assert!(Intent::read(&parts(&[("if-match", "7")]), b"").is_err());
    }
}

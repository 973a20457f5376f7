//! A token as calls need it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    AccountId, ApiTokenId, CallLimits, GroupName, ModelName, TimeStamp, UserId,
    api_token::{HashedKey, Network},
};

use crate::tokens::{TokenRow, TokenState};

/// A token that was not revoked, read once so that no call has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Names it.
    pub token_id: ApiTokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// Who pays.
    pub account_id: AccountId,
    /// The account that limits this token, where it has a quota of its own.
    pub limit_account_id: Option<AccountId>,
    /// What it may ask for; absent means anything.
    pub models: Option<Arc<BTreeSet<ModelName>>>,
    /// Where it may come from; absent means anywhere.
    pub networks: Option<Box<[Network]>>,
    /// When it ends by itself.
    pub expires_at: Option<TimeStamp>,
    /// Calls as this group instead of its user's.
    pub group: Option<GroupName>,
    /// The most that it may ask for.
    pub limits: CallLimits,
    /// Whether it admits calls.
    pub state: TokenState,
}

impl From<&TokenRow> for TokenEntry {
    fn from(row: &TokenRow) -> Self {
        let spec = &row.spec;
        // What is no network admits nobody; the decision let none in.
        let networks =
            |listed: &BTreeSet<String>| listed.iter().filter_map(|text| Network::parse(text)).collect();
        Self {
            token_id: row.token_id,
            user_id: spec.user_id,
            account_id: spec.account_id,
            limit_account_id: spec.limit_account_id,
            models: spec.models.clone().map(Arc::new),
            networks: spec.allowed_ips.as_ref().map(networks),
            expires_at: spec.expires_at,
            group: spec.group.clone(),
            limits: spec.limits.unwrap_or(CallLimits::NONE),
            state: row.state,
        }
    }
}

/// The hash itself; none where the text is no SHA-256, which then matches no key.
pub(super) fn sha256(key: &HashedKey) -> Option<[u8; 32]> {
    let digits = key.sha256.as_bytes();
    let mut hash = [0; 32];
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let pair: &[u8; 2] = pair.try_into().ok()?;
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(hash)
}

fn digit(hex: u8) -> Option<u8> {
    u8::try_from(char::from(hex).to_digit(16)?).ok()
}

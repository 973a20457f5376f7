//! A token as calls need it.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    AccountId, ApiTokenId, CallLimits, GroupName, ModelName, TimeStamp, UserId,
    api_token::{ApiTokenSpec, HashedKey, Network},
};

use crate::{
    Versioned,
    tokens::{TokenRow, TokenState},
};

/// A token that was not revoked, read once so that no call has to. There may be a million of them: what people call it
/// is left to the table, and what few have takes room only where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Names it.
    pub token_id: ApiTokenId,
    /// The version of its stream that last changed it.
    pub version: u64,
    /// Whose it is.
    pub user_id: UserId,
    /// Who pays.
    pub account_id: AccountId,
    /// Whether it admits calls.
    pub state: TokenState,
    /// The hash of the key that it has now; none where the text is no SHA-256, which then matches no key.
    sha256: Option<[u8; 32]>,
    /// None where nothing is restricted.
    rules: Option<Box<TokenRules>>,
}

/// What a token is restricted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRules {
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
}

static NO_RULES: TokenRules = TokenRules {
    limit_account_id: None,
    models: None,
    networks: None,
    expires_at: None,
    group: None,
    limits: CallLimits::NONE,
};

impl From<&ApiTokenSpec> for TokenRules {
    fn from(spec: &ApiTokenSpec) -> Self {
        // What is no network admits nobody; the decision let none in.
        let networks = |listed: &BTreeSet<String>| {
            let mut networks: Vec<Network> = listed.iter().filter_map(|text| Network::parse(text)).collect();
            networks.sort_unstable();
            networks.into()
        };
        Self {
            limit_account_id: spec.limit_account_id,
            models: spec.models.clone().map(Arc::new),
            networks: spec.allowed_ips.as_ref().map(networks),
            expires_at: spec.expires_at,
            group: spec.group.clone(),
            limits: spec.limits.unwrap_or(CallLimits::NONE),
        }
    }
}

impl TokenEntry {
    /// What a row says that its stream's event of that version made.
    pub fn of(version: u64, row: &TokenRow) -> Self {
        let rules = TokenRules::from(&row.spec);
        Self {
            token_id: row.token_id,
            version,
            user_id: row.spec.user_id,
            account_id: row.spec.account_id,
            state: row.state,
            sha256: sha256(&row.key),
            rules: (rules != NO_RULES).then(|| Box::new(rules)),
        }
    }

    /// What it is restricted to.
    pub fn rules(&self) -> &TokenRules {
        self.rules.as_deref().unwrap_or(&NO_RULES)
    }

    /// The hash of the key that it has now.
    pub(super) const fn sha256(&self) -> Option<&[u8; 32]> {
        self.sha256.as_ref()
    }

    /// Whether that is the hash of its key.
    pub(crate) fn has_key(&self, sha256: &[u8; 32]) -> bool {
        self.sha256.as_ref() == Some(sha256)
    }

    /// The fingerprint of the key that it has now.
    pub(super) fn print(&self) -> Print {
        self.sha256.as_ref().map_or(Print::NONE, Print::of)
    }

    /// The same for other nodes, with the version that it is of. Names are not among it.
    pub fn versioned(&self) -> Versioned<TokenRow> {
        Versioned { version: self.version, row: self.row() }
    }

    /// The row that says the same, for the next event to change. Names are not among it.
    pub(crate) fn row(&self) -> TokenRow {
        let written = |networks: &[Network]| networks.iter().map(ToString::to_string).collect();
        let rules = self.rules();
        let spec = ApiTokenSpec {
            name: String::new(),
            user_id: self.user_id,
            account_id: self.account_id,
            limit_account_id: rules.limit_account_id,
            models: rules.models.as_deref().cloned(),
            allowed_ips: rules.networks.as_deref().map(written),
            expires_at: rules.expires_at,
            group: rules.group.clone(),
            limits: (!rules.limits.is_none()).then_some(rules.limits),
        };
        let sha256 = self.sha256.map(hex::encode).unwrap_or_default();
        let key = HashedKey { sha256, hint: String::new() };
        TokenRow { token_id: self.token_id, spec, key, state: self.state }
    }
}

/// Eight bytes of the hash of a key: enough to know a key that no token has, not enough to know one that a token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Print(pub(super) u64);

impl Print {
    /// Of a token whose hash is none: whoever has a key with this fingerprint is compared with it, and is not meant.
    pub(super) const NONE: Self = Self(0);

    pub(super) fn of(sha256: &[u8; 32]) -> Self {
        Self(sha256.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)))
    }
}

/// The hash itself; none where the text is no SHA-256, which then matches no key.
pub(super) fn sha256(key: &HashedKey) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(&key.sha256, &mut hash).ok()?;
    Some(hash)
}

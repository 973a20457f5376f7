//! Identifiers: one newtype per noun, UUIDs that are made at the edges, bare in JSON, prefixed in logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The form for logs and the console, such as `ch_0190…`.
            pub fn prefixed(self) -> String {
                format!(concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    /// A person or program that signs in.
    UserId = "usr";
    /// Whoever pays.
    AccountId = "acc";
    /// So much in each window of time.
    BudgetId = "bud";
    /// Our account with a provider.
    ChannelId = "ch";
    /// One credential of a channel.
    ChannelKeyId = "chk";
    /// A credential of an API client.
    ApiTokenId = "tok";
    /// A credential of an admin's program.
    AdminKeyId = "adk";
    /// Someone's stay after signing in, until they sign out.
    SessionId = "ses";
    /// One relayed request: request id, trace correlation and idempotency key.
    CallId = "call";
    /// Quota granted to a node.
    LeaseId = "lease";
    /// Quota set aside for a job of the control node.
    HoldId = "hold";
    /// One journal file set of one data directory.
    JournalId = "jrn";
    /// One process of the cluster, with a key of its own.
    NodeId = "node";
    /// One command; a repeat of it answers with the same positions.
    CommandId = "cmd";
}

impl AccountId {
    /// Takes the charges of accounts and leases that the ledger does not know, so that no charge is refused.
    pub const SUSPENSE: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001));
}

impl JournalId {
    /// Stands where a journal is named and the control node's own jobs are meant: no node writes it.
    pub const HOLDS: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0002));
}

impl HoldId {
    /// The lease that keeps this hold's quota on one account.
    pub fn lease_on(self, account_id: AccountId) -> LeaseId {
        LeaseId(Uuid::new_v5(&self.0, account_id.0.as_bytes()))
    }
}

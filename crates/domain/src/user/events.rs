//! What happened to a user, as it is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ClaimedLogin, Role};
use crate::{AccountId, AdminKeyId, GroupName, Sealed, StoredEvent, api_token::HashedKey};

/// What happened to a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum UserEvent {
    /// They were made.
    #[serde(rename = "user_created")]
    Created {
        /// What they may do.
        role: Role,
        /// The account that pays for them.
        account_id: AccountId,
        /// Their class.
        group: GroupName,
        /// What they are called, sealed under their own key.
        name: Sealed,
    },
    /// They may do other things.
    #[serde(rename = "user_role_changed")]
    RoleChanged {
        /// What they may do.
        role: Role,
    },
    /// They belong to another class.
    #[serde(rename = "user_group_changed")]
    GroupChanged {
        /// Their class.
        group: GroupName,
    },
    /// They are called something else.
    #[serde(rename = "user_renamed")]
    Renamed {
        /// What they are called, sealed.
        name: Sealed,
    },
    /// They sign in with another name.
    #[serde(rename = "user_login_set")]
    LoginSet {
        /// The name.
        login: ClaimedLogin,
    },
    /// They sign in with another password; every session ended.
    #[serde(rename = "user_password_set")]
    PasswordSet {
        /// Its hash, sealed under their own key.
        password: Sealed,
    },
    /// Every session of theirs ended.
    #[serde(rename = "user_signed_out")]
    SignedOut {},
    /// They have one more credential for programs.
    #[serde(rename = "user_admin_key_issued")]
    AdminKeyIssued {
        /// Names it.
        key_id: AdminKeyId,
        /// Its hash.
        key: HashedKey,
    },
    /// A credential has another key; the former admits nothing.
    #[serde(rename = "user_admin_key_rotated")]
    AdminKeyRotated {
        /// Names it.
        key_id: AdminKeyId,
        /// The hash of the new key.
        key: HashedKey,
    },
    /// A credential ended.
    #[serde(rename = "user_admin_key_revoked")]
    AdminKeyRevoked {
        /// Names it.
        key_id: AdminKeyId,
    },
    /// They may sign in and call again.
    #[serde(rename = "user_enabled")]
    Enabled {},
    /// They may neither sign in nor call for now.
    #[serde(rename = "user_disabled")]
    Disabled {},
    /// They were ended.
    #[serde(rename = "user_deleted")]
    Deleted {},
}

impl StoredEvent for UserEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Created { .. } => "user_created",
            Self::RoleChanged { .. } => "user_role_changed",
            Self::GroupChanged { .. } => "user_group_changed",
            Self::Renamed { .. } => "user_renamed",
            Self::LoginSet { .. } => "user_login_set",
            Self::PasswordSet { .. } => "user_password_set",
            Self::SignedOut {} => "user_signed_out",
            Self::AdminKeyIssued { .. } => "user_admin_key_issued",
            Self::AdminKeyRotated { .. } => "user_admin_key_rotated",
            Self::AdminKeyRevoked { .. } => "user_admin_key_revoked",
            Self::Enabled {} => "user_enabled",
            Self::Disabled {} => "user_disabled",
            Self::Deleted {} => "user_deleted",
        }
    }

    fn samples() -> Vec<Self> {
        let key_id = AdminKeyId(Uuid::from_u128(5));
        let key = HashedKey { sha256: "cd".repeat(32), hint: "wxyz".into() };
        let name = Sealed("v1.sample".into());
        vec![
            Self::Created {
                role: Role::Root,
                account_id: AccountId(Uuid::from_u128(2)),
                group: GroupName::default_group(),
                name: name.clone(),
            },
            Self::RoleChanged { role: Role::Auditor },
            Self::GroupChanged { group: GroupName::default_group() },
            Self::Renamed { name: name.clone() },
            Self::LoginSet { login: ClaimedLogin { claim: "ef".repeat(32), name: name.clone() } },
            Self::PasswordSet { password: name },
            Self::SignedOut {},
            Self::AdminKeyIssued { key_id, key: key.clone() },
            Self::AdminKeyRotated { key_id, key },
            Self::AdminKeyRevoked { key_id },
            Self::Enabled {},
            Self::Disabled {},
            Self::Deleted {},
        ]
    }
}

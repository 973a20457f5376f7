//! A user that exists: what is known of them, and what they decide.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ADMIN_KEYS_MAX, Role, UserCommand, UserEvent, UserRefusal, UserStatus};
use crate::{AccountId, AdminKeyId, GroupName, Sealed};

/// A sign-in name that was claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimedLogin {
    /// Its keyed hash: the id of the stream that claims it.
    pub claim: String,
    /// The name itself, sealed under its owner's key.
    pub name: Sealed,
}

/// What is known of a user that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// What they may do.
    pub role: Role,
    /// Their class.
    pub group: GroupName,
    /// The account that pays for them.
    pub account_id: AccountId,
    /// What they are called, sealed.
    pub name: Sealed,
    /// What they sign in with.
    #[serde(default)]
    pub login: Option<ClaimedLogin>,
    /// How often all their sessions were ended: one that began before is over.
    #[serde(default)]
    pub epoch: u32,
    /// Their credentials for programs.
    pub admin_keys: BTreeSet<AdminKeyId>,
    /// Whether they may sign in and call for now.
    pub status: UserStatus,
}

impl Profile {
    pub(super) fn new(role: Role, group: GroupName, account_id: AccountId, name: Sealed) -> Self {
        Self {
            role,
            group,
            account_id,
            name,
            login: None,
            epoch: 0,
            admin_keys: BTreeSet::new(),
            status: UserStatus::Enabled,
        }
    }

    pub(super) fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserRefusal> {
        use UserCommand as C;
        let event = match command {
            C::Create { .. } => return Err(UserRefusal::Exists),
            C::ChangeRole(role) if role == self.role => return Ok(Vec::new()),
            C::ChangeRole(role) => UserEvent::RoleChanged { role },
            C::ChangeGroup(group) if group == self.group => return Ok(Vec::new()),
            C::ChangeGroup(group) => UserEvent::GroupChanged { group },
            C::Rename(name) => UserEvent::Renamed { name },
            C::SetLogin(login) if self.login.as_ref().is_some_and(|own| own.claim == login.claim) => {
                return Ok(Vec::new());
            }
            C::SetLogin(login) => UserEvent::LoginSet { login },
            C::SetPassword(_) if self.login.is_none() => return Err(UserRefusal::NoLogin),
            C::SetPassword(password) => UserEvent::PasswordSet { password },
            C::SignOut => UserEvent::SignedOut {},
            C::IssueAdminKey { .. } if self.admin_keys.len() >= ADMIN_KEYS_MAX => {
                return Err(UserRefusal::AdminKeys);
            }
            C::IssueAdminKey { key_id, key } => UserEvent::AdminKeyIssued { key_id, key },
            C::RotateAdminKey { key_id, .. } if !self.admin_keys.contains(&key_id) => {
                return Err(UserRefusal::UnknownAdminKey);
            }
            C::RotateAdminKey { key_id, key } => UserEvent::AdminKeyRotated { key_id, key },
            C::RevokeAdminKey(key_id) if !self.admin_keys.contains(&key_id) => return Ok(Vec::new()),
            C::RevokeAdminKey(key_id) => UserEvent::AdminKeyRevoked { key_id },
            C::Enable if self.status == UserStatus::Enabled => return Ok(Vec::new()),
            C::Enable => UserEvent::Enabled {},
            C::Disable if self.status == UserStatus::Disabled => return Ok(Vec::new()),
            // Who comes back signs in anew.
            C::Disable if self.login.is_some() => {
                return Ok(vec![UserEvent::Disabled {}, UserEvent::SignedOut {}]);
            }
            C::Disable => UserEvent::Disabled {},
            C::Delete => UserEvent::Deleted {},
        };
        Ok(vec![event])
    }

    pub(super) fn evolve(&mut self, event: &UserEvent) {
        match event {
            UserEvent::RoleChanged { role } => self.role = *role,
            UserEvent::GroupChanged { group } => self.group = group.clone(),
            UserEvent::Renamed { name } => self.name = name.clone(),
            UserEvent::LoginSet { login } => self.login = Some(login.clone()),
            UserEvent::PasswordSet { .. } | UserEvent::SignedOut {} => self.epoch += 1,
            UserEvent::AdminKeyIssued { key_id, .. } => {
                self.admin_keys.insert(*key_id);
            }
            UserEvent::AdminKeyRevoked { key_id } => {
                self.admin_keys.remove(key_id);
            }
            UserEvent::Enabled {} => self.status = UserStatus::Enabled,
            UserEvent::Disabled {} => self.status = UserStatus::Disabled,
            // Hashes are looked up in the read model; the others are taken in by the aggregate itself.
            UserEvent::AdminKeyRotated { .. } | UserEvent::Created { .. } | UserEvent::Deleted {} => {}
        }
    }
}

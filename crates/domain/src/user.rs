//! A person or program that signs in.

mod events;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::events::UserEvent;
use crate::{AccountId, AdminKeyId, Aggregate, GroupName, Log, Sealed, api_token::HashedKey};

/// The most admin keys a user may hold at once.
pub const ADMIN_KEYS_MAX: usize = 64;

/// What a user may do, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Root,
    /// Everything but other admins.
    Admin,
    /// Reads everything, changes nothing.
    Auditor,
    /// Their own tokens, account and calls.
    User,
}

/// What is asked of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserCommand {
    /// Makes one.
    Create {
        /// What they may do.
        role: Role,
        /// The account that pays for them.
        account_id: AccountId,
        /// Their class.
        group: GroupName,
        /// What they are called, sealed.
        name: Sealed,
    },
    /// May do other things from now on.
    ChangeRole(Role),
    /// Belongs to another class from now on.
    ChangeGroup(GroupName),
    /// Is called something else.
    Rename(Sealed),
    /// Adds a credential for programs.
    IssueAdminKey {
        /// Names it.
        key_id: AdminKeyId,
        /// Its hash.
        key: HashedKey,
    },
    /// Puts another key in the place of one.
    RotateAdminKey {
        /// Names it.
        key_id: AdminKeyId,
        /// The hash of the new key.
        key: HashedKey,
    },
    /// Ends a credential.
    RevokeAdminKey(AdminKeyId),
    /// May sign in and call again.
    Enable,
    /// May neither sign in nor call for now.
    Disable,
    /// Ends it.
    Delete,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UserRefusal {
    /// There is none of that id.
    #[error("there is no such user")]
    Unknown,
    /// The id is taken.
    #[error("a user of that id exists")]
    Exists,
    /// Too many credentials.
    #[error("a user may hold at most {ADMIN_KEYS_MAX} admin keys; revoke one first")]
    AdminKeys,
    /// The credential is not theirs.
    #[error("the user has no such admin key")]
    UnknownAdminKey,
}

/// A user, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum User {
    /// Never made.
    #[default]
    Absent,
    /// Made, and not deleted.
    Present(Box<Profile>),
    /// Ended.
    Deleted,
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
    /// Their credentials for programs.
    pub admin_keys: BTreeSet<AdminKeyId>,
    /// Whether they may sign in and call for now.
    pub status: UserStatus,
}

/// Whether a user may sign in and call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// They may.
    Enabled,
    /// They may not for now.
    Disabled,
}

impl Aggregate for User {
    const KIND: &'static str = "user";
    const LOG: Log = Log::Control;
    type Command = UserCommand;
    type Event = UserEvent;
    type Refusal = UserRefusal;

    fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserRefusal> {
        match (self, command) {
            (Self::Absent, UserCommand::Create { role, account_id, group, name }) => {
                Ok(vec![UserEvent::Created { role, account_id, group, name }])
            }
            (_, UserCommand::Create { .. }) => Err(UserRefusal::Exists),
            (Self::Deleted, UserCommand::Delete) => Ok(Vec::new()),
            (Self::Absent | Self::Deleted, _) => Err(UserRefusal::Unknown),
            (Self::Present(profile), command) => profile.decide(command),
        }
    }

    fn evolve(&mut self, event: &UserEvent) {
        match (event, &mut *self) {
            (UserEvent::Created { role, account_id, group, name }, _) => {
                *self = Self::Present(Box::new(Profile {
                    role: *role,
                    group: group.clone(),
                    account_id: *account_id,
                    name: name.clone(),
                    admin_keys: BTreeSet::new(),
                    status: UserStatus::Enabled,
                }));
            }
            (UserEvent::Deleted {}, _) => *self = Self::Deleted,
            (event, Self::Present(profile)) => profile.evolve(event),
            (_, Self::Absent | Self::Deleted) => {}
        }
    }
}

impl Profile {
    fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, UserRefusal> {
        use UserCommand as C;
        let event = match command {
            C::Create { .. } => return Err(UserRefusal::Exists),
            C::ChangeRole(role) if role == self.role => return Ok(Vec::new()),
            C::ChangeRole(role) => UserEvent::RoleChanged { role },
            C::ChangeGroup(group) if group == self.group => return Ok(Vec::new()),
            C::ChangeGroup(group) => UserEvent::GroupChanged { group },
            C::Rename(name) => UserEvent::Renamed { name },
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
            C::Disable => UserEvent::Disabled {},
            C::Delete => UserEvent::Deleted {},
        };
        Ok(vec![event])
    }

    fn evolve(&mut self, event: &UserEvent) {
        match event {
            UserEvent::RoleChanged { role } => self.role = *role,
            UserEvent::GroupChanged { group } => self.group = group.clone(),
            UserEvent::Renamed { name } => self.name = name.clone(),
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

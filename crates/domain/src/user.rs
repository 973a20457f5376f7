//! A person or program that signs in.

mod events;
mod profile;
mod role;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    events::UserEvent,
    profile::{ClaimedLogin, Profile},
    role::Role,
};
use crate::{AccountId, AdminKeyId, Aggregate, GroupName, Log, Sealed, api_token::HashedKey};

/// The most admin keys a user may hold at once.
pub const ADMIN_KEYS_MAX: usize = 64;

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
    /// Signs in with this name from now on.
    SetLogin(ClaimedLogin),
    /// Signs in with this password from now on: its hash, sealed. Every session ends.
    SetPassword(Sealed),
    /// Ends every session.
    SignOut,
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
    /// A password without a name.
    #[error("the user has no sign-in name, without which a password opens nothing")]
    NoLogin,
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
                let profile = Profile::new(*role, group.clone(), *account_id, name.clone());
                *self = Self::Present(Box::new(profile));
            }
            (UserEvent::Deleted {}, _) => *self = Self::Deleted,
            (event, Self::Present(profile)) => profile.evolve(event),
            (_, Self::Absent | Self::Deleted) => {}
        }
    }
}

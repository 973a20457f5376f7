//! Users as they stand. Deleted ones are gone.

use std::collections::BTreeMap;

use domain::{
    AccountId, AdminKeyId, GroupName, Sealed, UserId,
    api_token::HashedKey,
    user::{ClaimedLogin, Role, User, UserEvent, UserStatus},
};
use eventlog::{Pool, StoreError};
use serde::{Deserialize, Serialize};

use crate::{
    Stored,
    model::{self, Model},
};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// Names them.
    pub user_id: UserId,
    /// What they may do.
    pub role: Role,
    /// Their class.
    pub group: GroupName,
    /// The account that pays for them.
    pub account_id: AccountId,
    /// What they are called, sealed.
    pub name: Sealed,
    /// Whether they may sign in and call.
    pub status: UserStatus,
    /// What they sign in with.
    #[serde(default)]
    pub login: Option<ClaimedLogin>,
    /// The hash of their password, sealed under their own key.
    #[serde(default)]
    pub password: Option<Sealed>,
    /// How often all their sessions were ended.
    #[serde(default)]
    pub epoch: u32,
    /// Their credentials for programs.
    pub admin_keys: BTreeMap<AdminKeyId, HashedKey>,
}

impl UserRow {
    /// Leaves what calls need: whose they are, who pays, as which group, and whether they may.
    pub(crate) fn forget_person(&mut self) {
        self.name = Sealed(String::new());
        self.login = None;
        self.password = None;
        self.epoch = 0;
        self.admin_keys.clear();
    }
}

impl Model for UserRow {
    type Of = User;
    type Key = UserId;
    const TABLE: &'static str = "users";

    fn key(id: &str, _: &UserEvent) -> Option<UserId> {
        id.parse().ok()
    }

    fn evolve(row: Option<Self>, &user_id: &UserId, event: &UserEvent) -> Option<Self> {
        if let UserEvent::Created { role, account_id, group, name } = event {
            return Some(Self {
                user_id,
                role: *role,
                group: group.clone(),
                account_id: *account_id,
                name: name.clone(),
                status: UserStatus::Enabled,
                login: None,
                password: None,
                epoch: 0,
                admin_keys: BTreeMap::new(),
            });
        }
        let mut row = row?;
        match event {
            UserEvent::RoleChanged { role } => row.role = *role,
            UserEvent::GroupChanged { group } => row.group = group.clone(),
            UserEvent::Renamed { name } => row.name = name.clone(),
            UserEvent::LoginSet { login } => row.login = Some(login.clone()),
            UserEvent::PasswordSet { password } => {
                row.password = Some(password.clone());
                row.epoch += 1;
            }
            UserEvent::SignedOut {} => row.epoch += 1,
            UserEvent::AdminKeyIssued { key_id, key } | UserEvent::AdminKeyRotated { key_id, key } => {
                row.admin_keys.insert(*key_id, key.clone());
            }
            UserEvent::AdminKeyRevoked { key_id } => {
                row.admin_keys.remove(key_id);
            }
            UserEvent::Enabled {} => row.status = UserStatus::Enabled,
            UserEvent::Disabled {} => row.status = UserStatus::Disabled,
            UserEvent::Deleted {} => return None,
            UserEvent::Created { .. } => {}
        }
        Some(row)
    }
}

/// One user.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &Pool, id: UserId) -> Result<Option<Stored<UserRow>>, StoreError> {
    model::find(pool, &id).await
}

/// Users from after `after`, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &Pool,
    after: Option<UserId>,
    limit: usize,
) -> Result<Vec<Stored<UserRow>>, StoreError> {
    model::list(pool, after.as_ref(), limit, None).await
}

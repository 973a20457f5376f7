//! What is asked of users.

use domain::{
    AccountId, GroupName, NAME_BYTES_MAX, UserId,
    login::LoginName,
    user::{Role, UserStatus},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Edge,
    admin::accounts::LimitView,
    extract::json::given,
    password::Secret,
    person::{NewLogin, NewPerson},
    problem::{Denial, Problem},
};

/// A user to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ada", "login": "ada", "password": "correct horse battery staple", "role": "user"}))]
pub(crate) struct CreateUserBody {
    /// What they are called.
    name: String,
    /// What they sign in with; capitals make no difference.
    #[serde(default)]
    login: Option<String>,
    /// 8 characters or more; it may also be set later.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password, min_length = 8)]
    password: Option<Secret>,
    /// `root`, `admin`, `auditor` or `user`, which is meant where nothing is said.
    #[serde(default = "user")]
    #[schema(value_type = Option<String>, example = "user")]
    role: Role,
    /// Their class.
    #[serde(default = "GroupName::default_group")]
    #[schema(value_type = Option<String>, example = "default")]
    group: GroupName,
    /// How far their account may be drawn.
    #[serde(default)]
    #[schema(nullable = false)]
    limit: LimitView,
}

const fn user() -> Role {
    Role::User
}

impl CreateUserBody {
    pub(super) async fn person(
        self,
        edge: &Edge,
        (user_id, account_id): (UserId, AccountId),
    ) -> Result<NewPerson, Problem> {
        let login = match (self.login, self.password) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(Denial::Value("`password`: it opens nothing without a `login`".into()).into());
            }
            (Some(login), password) => {
                let name = login_name(&login)?;
                let password_hash = match password {
                    Some(password) => Some(edge.sign_in.hash(password, edge.ids.secret()?).await?),
                    None => None,
                };
                Some(NewLogin { name, password_hash })
            }
        };
        Ok(NewPerson {
            user_id,
            account_id,
            role: self.role,
            group: known_group(edge, self.group)?,
            name: fits(self.name)?,
            limit: self.limit.into(),
            login,
        })
    }
}

/// What is to be different about a user; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"group": "vip", "status": "disabled"}))]
pub(crate) struct ChangeUserBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    login: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false)]
    role: Option<Role>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false)]
    group: Option<GroupName>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, nullable = false)]
    status: Option<UserStatus>,
}

/// The same, checked.
pub(super) struct UserChange {
    pub(super) name: Option<String>,
    pub(super) login: Option<LoginName>,
    pub(super) role: Option<Role>,
    pub(super) group: Option<GroupName>,
    pub(super) status: Option<UserStatus>,
}

impl ChangeUserBody {
    pub(super) fn change(self, edge: &Edge) -> Result<UserChange, Denial> {
        Ok(UserChange {
            name: self.name.map(fits).transpose()?,
            login: self.login.as_deref().map(login_name).transpose()?,
            role: self.role,
            group: self.group.map(|group| known_group(edge, group)).transpose()?,
            status: self.status,
        })
    }
}

/// A password to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPasswordBody {
    /// 8 characters or more.
    #[schema(value_type = String, format = Password, min_length = 8)]
    pub(super) password: Secret,
}

fn login_name(text: &str) -> Result<LoginName, Denial> {
    LoginName::new(text).map_err(|error| Denial::Value(format!("`login`: {error}")))
}

/// Sealed, a name is judged nowhere else.
fn fits(name: String) -> Result<String, Denial> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    let told = || format!("`name`: it has 1 to {NAME_BYTES_MAX} bytes, without control characters");
    if fits { Ok(name) } else { Err(Denial::Value(told())) }
}

fn known_group(edge: &Edge, group: GroupName) -> Result<GroupName, Denial> {
    match edge.directory.ratio(&group) {
        Some(_) => Ok(group),
        None => Err(Denial::Value(format!("`group`: there is no group `{group}`"))),
    }
}

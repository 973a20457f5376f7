//! A user as people see them.

use domain::{
    AccountId, GroupName, Sealed, TimeStamp, UserId,
    budget::Holder,
    user::{ClaimedLogin, Profile, Role, UserStatus},
};
use eventlog::{SealError, Sealer, SubjectKeys};
use projections::users::UserRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    Edge,
    admin::{
        budgets::{BudgetView, Held},
        made_at,
    },
    problem::Problem,
    subject,
};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    #[schema(value_type = uuid::Uuid)]
    id: UserId,
    /// What they are called.
    #[schema(required = true, example = "Ada")]
    name: Option<String>,
    /// What they sign in with; `null` for those who only hold admin keys.
    #[schema(required = true, example = "ada")]
    login: Option<String>,
    /// `root`, `admin`, `auditor` or `user`.
    #[schema(value_type = String, example = "user")]
    role: Role,
    /// Their class.
    #[schema(value_type = String, example = "default")]
    group: GroupName,
    /// `enabled` or `disabled`.
    #[schema(value_type = String, example = "enabled")]
    status: UserStatus,
    /// The account that pays for them.
    #[schema(value_type = uuid::Uuid)]
    account_id: AccountId,
    /// The open budgets that limit them, whichever token they use.
    budgets: Vec<BudgetView>,
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    created_at: Option<TimeStamp>,
}

impl UserView {
    pub(crate) fn of_row(row: &UserRow, names: &Names, held: &Held) -> Result<Self, SealError> {
        Ok(Self {
            id: row.user_id,
            name: names.name(row.user_id, &row.name)?,
            login: names.login(row.user_id, row.login.as_ref())?,
            role: row.role,
            group: row.group.clone(),
            status: row.status,
            account_id: row.account_id,
            budgets: held.of(&Holder::User(row.user_id)),
            created_at: made_at(row.user_id.0),
        })
    }

    pub(super) fn of_profile(
        id: UserId,
        profile: &Profile,
        names: &Names,
        held: &Held,
    ) -> Result<Self, SealError> {
        Ok(Self {
            id,
            name: names.name(id, &profile.name)?,
            login: names.login(id, profile.login.as_ref())?,
            role: profile.role,
            group: profile.group.clone(),
            status: profile.status,
            account_id: profile.account_id,
            budgets: held.of(&Holder::User(id)),
            created_at: made_at(id.0),
        })
    }
}

/// Opens what people are called.
pub(crate) struct Names {
    pub(super) keys: SubjectKeys,
    pub(super) sealer: Sealer,
}

impl Names {
    /// Those of these users.
    pub(crate) async fn of(edge: &Edge, users: impl IntoIterator<Item = &UserRow>) -> Result<Self, Problem> {
        let subjects: Vec<String> = users.into_iter().map(|row| subject::of(row.user_id)).collect();
        let keys = edge.log.reader().keys_of(subjects).await?;
        Ok(Self { keys, sealer: edge.log.sealer().clone() })
    }

    pub(crate) fn name(&self, id: UserId, sealed: &Sealed) -> Result<Option<String>, SealError> {
        self.open(id, subject::NAME, sealed)
    }

    pub(crate) fn login(
        &self,
        id: UserId,
        login: Option<&ClaimedLogin>,
    ) -> Result<Option<String>, SealError> {
        login.map_or(Ok(None), |login| self.open(id, subject::LOGIN, &login.name))
    }

    fn open(&self, id: UserId, place: &str, sealed: &Sealed) -> Result<Option<String>, SealError> {
        let opened = self.keys.open(&self.sealer, &subject::of(id), place, sealed)?;
        Ok(opened.map(|text| String::from_utf8_lossy(&text).into_owned()))
    }
}

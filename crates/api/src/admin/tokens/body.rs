//! What is asked of tokens.

use std::collections::BTreeSet;

use domain::{
    AccountId, CallLimits, GroupName, ModelName, Nanos, TimeStamp,
    api_token::{ApiTokenChange, ApiTokenCommand, ApiTokenSpec},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::CallLimitsView;
use crate::{
    Edge,
    extract::json::given,
    permission::{Actor, Reach},
    problem::{Code, Problem},
};

/// A token to be issued, to whoever asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "laptop", "quota_nanos": 5_000_000_000_u64, "models": ["gpt-4o-mini"]}))]
pub(crate) struct IssueApiTokenBody {
    name: String,
    /// The most that it may ever spend, in billionths of a dollar; left out, only its user's account limits it.
    #[serde(default)]
    #[schema(value_type = Option<u64>, maximum = 9_007_199_254_740_991_u64)]
    pub(super) quota_nanos: Option<Nanos>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<BTreeSet<ModelName>>,
    #[serde(default)]
    allowed_ips: Option<BTreeSet<String>>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<TimeStamp>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    group: Option<GroupName>,
    /// The most that it may ask for; left out, as much as its user may.
    #[serde(default)]
    #[schema(value_type = Option<CallLimitsView>)]
    limits: Option<CallLimits>,
}

impl IssueApiTokenBody {
    pub(super) fn spec(
        self,
        edge: &Edge,
        actor: &Actor,
        limit_account_id: Option<AccountId>,
    ) -> Result<ApiTokenSpec, Problem> {
        may_call_as(edge, actor, self.group.as_ref())?;
        Ok(ApiTokenSpec {
            name: self.name,
            user_id: actor.user.user_id,
            account_id: actor.user.account_id,
            limit_account_id,
            models: self.models,
            allowed_ips: self.allowed_ips,
            expires_at: self.expires_at,
            group: self.group,
            limits: self.limits,
        })
    }
}

/// Whether a token admits calls for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApiTokenStatusBody {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
}

/// What is to be different about a token; what is left out stays as it is, `null` lifts a restriction.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"allowed_ips": ["10.0.0.0/8"], "expires_at": null}))]
#[expect(
    clippy::option_option,
    reason = "left out, `null` and a value are three things, as in the domain's change"
)]
pub(crate) struct ChangeApiTokenBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<Option<BTreeSet<ModelName>>>,
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_ips: Option<Option<BTreeSet<String>>>,
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<TimeStamp>>,
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<String>)]
    group: Option<Option<GroupName>>,
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<CallLimitsView>)]
    limits: Option<Option<CallLimits>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    status: Option<ApiTokenStatusBody>,
}

impl ChangeApiTokenBody {
    pub(super) fn commands(self, edge: &Edge, actor: &Actor) -> Result<Vec<ApiTokenCommand>, Problem> {
        may_call_as(edge, actor, self.group.as_ref().and_then(Option::as_ref))?;
        let change = ApiTokenChange {
            name: self.name,
            models: self.models,
            allowed_ips: self.allowed_ips,
            expires_at: self.expires_at,
            group: self.group,
            limits: self.limits,
        };
        let status = self.status.map(|status| match status {
            ApiTokenStatusBody::Enabled => ApiTokenCommand::Enable,
            ApiTokenStatusBody::Disabled => ApiTokenCommand::Disable,
        });
        Ok([ApiTokenCommand::Change(Box::new(change))].into_iter().chain(status).collect())
    }
}

/// Whether tokens of this user may call as a group: its ratio sets what a call costs, so only admins give others away.
fn may_call_as(edge: &Edge, actor: &Actor, group: Option<&GroupName>) -> Result<(), Problem> {
    let Some(group) = group.filter(|group| **group != actor.user.group) else { return Ok(()) };
    if actor.reach == Reach::Own {
        return Err(Problem::new(Code::Forbidden, "only admins may let a token call as another group"));
    }
    if edge.directory.ratio(group).is_none() {
        return Err(Problem::new(Code::InvalidValue, format!("`group`: there is no group `{group}`")));
    }
    Ok(())
}

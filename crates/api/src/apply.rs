//! Groups, models, prices and channels as a file says: what is missing is made, what differs is changed, what is so already is
//! left, and what the file does not name is nobody's business. All of it, or nothing.

mod channels;
mod limits;

use std::collections::BTreeMap;

use domain::{
    CallLimits, GroupName, ModelName,
    group::{Group, GroupCommand},
    price::{Price, Ratio},
    price_list::{LIST_ID, PriceList, PriceListCommand},
    trace::TraceContext,
};
use eventlog::{EventLog, ExecuteError, Fault, Metadata, StoreError, Tx};
use relay::Providers;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::channels::DesiredChannel;
use self::channels::Named;
use crate::{
    Ids,
    openapi::{LimitsSchema, PriceSchema},
    problem::Denial,
};

/// What a file says.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "groups": {"vip": {"ratio_millionths": 800_000, "limits": {"requests_per_minute": 600}}},
    "models": {"gpt-4o-mini": {"limits": {"concurrent_calls": 64}}},
    "prices": {"gpt-4o-mini": {"rates": {"input": 150_000, "output": 600_000}}},
    "channels": {"main": {"provider": "echo", "keys": ["sk-…"], "models": ["echo"], "groups": ["vip"]}}
}))]
pub struct Desired {
    /// Groups by name.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, DesiredGroup>)]
    pub groups: BTreeMap<GroupName, DesiredGroup>,
    /// Models by name.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, DesiredModel>)]
    pub models: BTreeMap<ModelName, DesiredModel>,
    /// Own prices by model.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, PriceSchema>)]
    pub prices: BTreeMap<ModelName, Price>,
    /// Channels by name.
    #[serde(default)]
    pub channels: BTreeMap<String, DesiredChannel>,
}

/// A group as it is to be.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesiredGroup {
    /// What its users pay of a price, in millionths.
    #[serde(default)]
    #[schema(value_type = Option<u32>, maximum = 1_000_000_000, nullable = false)]
    pub ratio_millionths: Ratio,
    /// The most that all who call as the group may ask for together; `null` lifts it, left out it stays as it is.
    #[serde(default, with = "domain::nullable")]
    #[schema(value_type = Option<LimitsSchema>)]
    pub limits: Option<Option<CallLimits>>,
}

/// A model as it is to be.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesiredModel {
    /// The most that everybody may ask of it together; left out or `null`, there is no limit.
    #[serde(default)]
    #[schema(value_type = Option<LimitsSchema>)]
    pub limits: Option<CallLimits>,
}

/// What has become of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was made.
    Created,
    /// It was changed.
    Changed,
    /// It was so already.
    Unchanged,
}

/// One thing that the file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedItem {
    /// `group`, `model`, `price` or `channel`.
    #[schema(example = "channel")]
    pub kind: String,
    /// Its name.
    #[schema(example = "main")]
    pub name: String,
    /// What has become of it.
    pub outcome: Outcome,
}

/// What has become of everything that the file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Each, in the order of the file's kinds and names.
    pub items: Vec<AppliedItem>,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Something in the file cannot be.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is needed beside the file: everything that the transaction may not find out by itself.
pub(crate) struct Plan {
    desired: Desired,
    named: Named,
}

impl Plan {
    /// Reads what there is, seals what is secret and makes what ids may be needed.
    pub(crate) async fn new(
        log: &EventLog,
        providers: &Providers,
        ids: &dyn Ids,
        desired: Desired,
    ) -> Result<Self, Fault<Denial>> {
        let named = Named::read(log, providers, ids, &desired.channels).await?;
        Ok(Self { desired, named })
    }

    pub(crate) async fn carry_out(self, tx: &mut Tx) -> Result<Applied, Fault<Denial>> {
        let mut items = Vec::new();
        let mut note = |kind: &str, name: String, outcome| {
            items.push(AppliedItem { kind: kind.to_owned(), name, outcome });
        };
        for (name, group) in self.desired.groups {
            let outcome = set_group(tx, &name, group).await?;
            note("group", name.to_string(), outcome);
        }
        for (model, DesiredModel { limits }) in self.desired.models {
            let outcome = limits::of_model(tx, &model, limits).await?;
            note("model", model.to_string(), outcome);
        }
        for (model, price) in self.desired.prices {
            let outcome = set_price(tx, &model, price).await?;
            note("price", model.to_string(), outcome);
        }
        for (name, outcome) in self.named.carry_out(tx).await? {
            note("channel", name, outcome);
        }
        Ok(Applied { items })
    }
}

/// Applies a file to a log that nobody else serves, in the trace that whoever asks for it is in.
///
/// # Errors
/// When something in it cannot be, or the store fails: then nothing was applied.
pub async fn apply(
    log: &EventLog,
    providers: &Providers,
    ids: &dyn Ids,
    desired: Desired,
    trace: Option<TraceContext>,
) -> Result<Applied, ApplyError> {
    let plan = Plan::new(log, providers, ids, desired).await.map_err(|fault| match fault {
        Fault::Refused(denial) => ApplyError::Refused(denial.to_string()),
        Fault::Store(error) => error.into(),
    })?;
    let metadata = Metadata { actor: Some("apply".into()), ..Metadata::default() };
    let metadata = trace.into_iter().fold(metadata, Metadata::traced);
    let applied = log.transact(metadata, move |tx| Box::pin(plan.carry_out(tx))).await;
    applied.map(|(applied, _)| applied).map_err(|error| match error {
        ExecuteError::Store(error) => error.into(),
        error @ (ExecuteError::Refused(_) | ExecuteError::KeyReused) => {
            ApplyError::Refused(error.to_string())
        }
    })
}

async fn set_group(
    tx: &mut Tx,
    name: &GroupName,
    DesiredGroup { ratio_millionths: ratio, limits }: DesiredGroup,
) -> Result<Outcome, Fault<Denial>> {
    let (command, outcome) = match tx.load::<Group>(name.as_str()).await?.0 {
        Group::Absent => (GroupCommand::Create { name: name.clone(), ratio }, Outcome::Created),
        Group::Present { .. } => (GroupCommand::ChangeRatio { ratio }, Outcome::Changed),
    };
    let events = tx.decide::<Group, Denial>(name.as_str(), command).await?;
    let limited = match limits {
        Some(limits) => limits::of_group(tx, name, limits).await?,
        None => Outcome::Unchanged,
    };
    Ok(if events.is_empty() { limited } else { outcome })
}

async fn set_price(tx: &mut Tx, model: &ModelName, price: Price) -> Result<Outcome, Fault<Denial>> {
    let (list, _) = tx.load::<PriceList>(LIST_ID).await?;
    let is_new = list.find(model.as_str()).is_none();
    let set = PriceListCommand::Set { model: model.clone(), price: Box::new(price) };
    let events = tx.decide::<PriceList, Denial>(LIST_ID, set).await?;
    Ok(match (events.is_empty(), is_new) {
        (true, _) => Outcome::Unchanged,
        (false, true) => Outcome::Created,
        (false, false) => Outcome::Changed,
    })
}

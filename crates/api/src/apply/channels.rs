//! Channels as a file says. In a file they are known by their names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{
    CallLimits, ChannelId, GroupName, ModelName,
    channel::{Channel, ChannelChange, ChannelCommand, ChannelKey, ChannelSpec, DisabledBy, key_place},
};
use eventlog::{EventLog, Fault, PAGE_MAX, Sealer, StoreError, Tx};
use projections::channels;
use relay::Providers;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Outcome;
use crate::{
    Ids,
    admin::channels::{ChannelStatus, leads_somewhere, sealed},
    openapi::LimitsSchema,
    problem::Denial,
};

/// A channel as it is to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DesiredChannel {
    /// The entry of the provider catalogue.
    pub provider: String,
    /// Overrides the provider's own.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Its credentials; left out, those that it has stay.
    #[serde(default)]
    pub keys: Option<Vec<String>>,
    /// What it serves.
    #[schema(value_type = Vec<String>)]
    pub models: BTreeSet<ModelName>,
    /// Requested name to the provider's name, where they differ.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    pub model_map: BTreeMap<ModelName, ModelName>,
    /// Whom it serves.
    #[serde(default = "default_groups")]
    #[schema(value_type = Vec<String>)]
    pub groups: BTreeSet<GroupName>,
    /// Higher tiers are tried first.
    #[serde(default)]
    pub priority: i32,
    /// Its share within its tier.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// The most that it takes of everybody; left out or `null`, there is no limit.
    #[serde(default)]
    #[schema(value_type = Option<LimitsSchema>)]
    pub limits: Option<CallLimits>,
    /// Whether it takes calls; left out, that stays as it is.
    #[serde(default)]
    pub(crate) status: Option<ChannelStatus>,
}

fn default_groups() -> BTreeSet<GroupName> {
    BTreeSet::from([GroupName::default_group()])
}

const fn default_weight() -> u32 {
    1
}

/// Each channel of the file, with what is needed to make it.
pub(super) struct Named(Vec<Ready>);

struct Ready {
    name: String,
    channel_id: ChannelId,
    desired: DesiredChannel,
    /// As they would stand in an event.
    sealed: Vec<ChannelKey>,
}

impl Named {
    pub(super) async fn read(
        log: &EventLog,
        providers: &Providers,
        ids: &dyn Ids,
        desired: &BTreeMap<String, DesiredChannel>,
    ) -> Result<Self, Fault<Denial>> {
        let known = known(log).await?;
        let ready = desired.iter().map(|(name, desired)| {
            let channel_id = match known.get(name).map(Vec::as_slice) {
                None => ChannelId(ids.uuid()),
                Some([id]) => *id,
                Some(_) => return Err(told(name, "there are several of that name")),
            };
            let keys = desired.keys.clone().unwrap_or_default();
            let sealed = sealed(log.sealer(), ids, channel_id, keys).map_err(|error| told(name, error))?;
            let ready = Ready { name: name.clone(), channel_id, desired: desired.clone(), sealed };
            leads_somewhere(providers, channel_id, &ready.spec()).map_err(|error| told(name, error))?;
            Ok(ready)
        });
        ready.collect::<Result<_, Denial>>().map(Self).map_err(Fault::Refused)
    }

    pub(super) async fn carry_out(self, tx: &mut Tx) -> Result<Vec<(String, Outcome)>, Fault<Denial>> {
        let mut outcomes = Vec::new();
        for ready in self.0 {
            let name = ready.name.clone();
            let outcome = ready.carry_out(tx).await.map_err(|fault| match fault {
                Fault::Refused(denial) => Fault::Refused(told(&name, denial)),
                fault @ Fault::Store(_) => fault,
            })?;
            outcomes.push((name, outcome));
        }
        Ok(outcomes)
    }
}

fn told(name: &str, why: impl std::fmt::Display) -> Denial {
    Denial::Value(format!("the channel `{name}`: {why}"))
}

/// The channels there are, by name: names need not be unique.
async fn known(log: &EventLog) -> Result<HashMap<String, Vec<ChannelId>>, StoreError> {
    let mut known: HashMap<String, Vec<ChannelId>> = HashMap::new();
    let mut after = None;
    loop {
        let page = channels::list(log.read_pool(), after, PAGE_MAX).await?;
        let Some(last) = page.last() else { return Ok(known) };
        after = Some(last.row.channel_id);
        for stored in page {
            known.entry(stored.row.spec.name).or_default().push(stored.row.channel_id);
        }
    }
}

impl Ready {
    fn spec(&self) -> ChannelSpec {
        let desired = self.desired.clone();
        ChannelSpec {
            name: self.name.clone(),
            provider: desired.provider,
            base_url: desired.base_url,
            keys: self.sealed.clone(),
            models: desired.models,
            model_map: desired.model_map,
            groups: desired.groups,
            priority: desired.priority,
            weight: desired.weight,
            limits: desired.limits,
        }
    }

    async fn carry_out(self, tx: &mut Tx) -> Result<Outcome, Fault<Denial>> {
        let id = self.channel_id.to_string();
        let (commands, outcome) = match tx.load::<Channel>(&id).await?.0 {
            Channel::Present { spec, .. } if spec.provider != self.desired.provider => {
                let other = "it is another provider's; give this one another name";
                return Err(Fault::Refused(Denial::Value(other.into())));
            }
            Channel::Present { spec, .. } => (self.changes(&spec, tx.sealer())?, Outcome::Changed),
            Channel::Absent | Channel::Deleted => {
                (vec![ChannelCommand::Create(Box::new(self.spec()))], Outcome::Created)
            }
        };
        let status = self.desired.status.map(ChannelStatus::command);
        let mut happened = 0;
        for command in commands.into_iter().chain(status) {
            happened += tx.decide::<Channel, Denial>(&id, command).await?.len();
        }
        Ok(if happened == 0 { Outcome::Unchanged } else { outcome })
    }

    fn changes(&self, found: &ChannelSpec, sealer: &Sealer) -> Result<Vec<ChannelCommand>, StoreError> {
        let spec = self.spec();
        let change = ChannelChange {
            name: None,
            base_url: Some(spec.base_url),
            models: Some(spec.models),
            model_map: Some(spec.model_map),
            groups: Some(spec.groups),
            priority: Some(spec.priority),
            weight: Some(spec.weight),
            limits: Some(spec.limits),
        };
        let mut commands = vec![ChannelCommand::Change(Box::new(change))];
        if let Some(keys) = &self.desired.keys
            && !self.holds(found, keys, sealer)?
        {
            commands.push(ChannelCommand::RotateKeys(spec.keys));
        }
        Ok(commands)
    }

    /// Whether the channel's keys are these already.
    fn holds(&self, found: &ChannelSpec, keys: &[String], sealer: &Sealer) -> Result<bool, StoreError> {
        if found.keys.len() != keys.len() {
            return Ok(false);
        }
        for (held, key) in found.keys.iter().zip(keys) {
            if sealer.open(&key_place(self.channel_id, held.key_id), &held.secret)? != key.as_bytes() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl ChannelStatus {
    /// What makes it so.
    pub(crate) const fn command(self) -> ChannelCommand {
        match self {
            Self::Enabled => ChannelCommand::Enable,
            Self::Disabled => ChannelCommand::Disable(DisabledBy::Admin),
        }
    }
}

//! An aggregate whose state tells how often, and in which order, each event was applied; one of its events has had
//! three shapes.

use domain::{Aggregate, Log, StoredEvent, Upcast, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bench::No;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub(super) enum PurseEvent {
    /// Version 1 had `dollars`, version 2 `cents` and no `currency`.
    #[serde(rename = "purse_filled")]
    Filled { cents: u64, currency: String },
    #[serde(rename = "purse_doubled")]
    Doubled {},
}

pub(super) const FIRST: &str = r#"{"type":"purse_filled","dollars":3}"#;
pub(super) const SECOND: &str = r#"{"type":"purse_filled","cents":300}"#;
pub(super) const THIRD: &str = r#"{"type":"purse_filled","cents":300,"currency":"usd"}"#;

fn into_cents(mut payload: Value) -> Result<Value, UpcastError> {
    let members = payload.as_object_mut().ok_or(UpcastError::NoObject)?;
    let dollars = members.remove("dollars").ok_or(UpcastError::Missing("dollars"))?;
    let cents = dollars.as_u64().and_then(|dollars| dollars.checked_mul(100));
    members.insert("cents".into(), json!(cents.ok_or(UpcastError::Unexpected("dollars"))?));
    Ok(payload)
}

fn with_currency(mut payload: Value) -> Result<Value, UpcastError> {
    // What was filled in before there was a choice was dollars.
    payload.as_object_mut().ok_or(UpcastError::NoObject)?.insert("currency".into(), json!("usd"));
    Ok(payload)
}

pub(super) const INTO_CENTS: Upcast = Upcast { event_type: "purse_filled", from: 1, step: into_cents };
pub(super) const WITH_CURRENCY: Upcast = Upcast { event_type: "purse_filled", from: 2, step: with_currency };

impl StoredEvent for PurseEvent {
    fn tag(&self) -> &'static str {
        match self {
            Self::Filled { .. } => "purse_filled",
            Self::Doubled {} => "purse_doubled",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            Self::Filled { .. } => 3,
            Self::Doubled {} => 1,
        }
    }

    fn upcasts() -> &'static [Upcast] {
        &[INTO_CENTS, WITH_CURRENCY]
    }

    fn samples() -> Vec<Self> {
        vec![filled(300), Self::Doubled {}]
    }
}

pub(super) fn filled(cents: u64) -> PurseEvent {
    PurseEvent::Filled { cents, currency: "usd".to_owned() }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Purse {
    pub(super) cents: u64,
    pub(super) changes: u64,
}

impl Aggregate for Purse {
    const KIND: &'static str = "purse";
    const LOG: Log = Log::Ledger;
    type Command = Vec<PurseEvent>;
    type Event = PurseEvent;
    type Refusal = No;

    fn decide(&self, command: Vec<PurseEvent>) -> Result<Vec<PurseEvent>, No> {
        Ok(command)
    }

    fn evolve(&mut self, event: &PurseEvent) {
        self.changes += 1;
        self.cents = match event {
            PurseEvent::Filled { cents, .. } => self.cents.wrapping_add(*cents),
            PurseEvent::Doubled {} => self.cents.wrapping_mul(2),
        };
    }
}

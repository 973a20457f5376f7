//! A request that may be relayed: read, allowed, served and priced.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    CallId, CallLimits, ModelName, Nanos, TimeStamp,
    account::{CallFacts, Mode, Scope},
    settings::CallRules,
};
use wire::{RequestError, openai_chat, openai_completions, openai_embeddings};

use super::CallError;
use crate::{
    Caller, Directory, Format, Priced, RouteTable,
    limits::Subject,
    reservation::{Estimate, input_tokens},
};

/// The longest name of a service tier, in bytes: every record of the call keeps it.
const SERVICE_TIER_BYTES_MAX: usize = 64;

/// All that is known before money is set aside.
pub(super) struct Plan {
    pub(super) format: Format,
    pub(super) asked: wire::Request,
    pub(super) model: ModelName,
    pub(super) caller: Caller,
    pub(super) priced: Arc<Priced>,
    pub(super) routes: Arc<RouteTable>,
    pub(super) rules: CallRules,
    pub(super) estimate: Estimate,
}

impl Plan {
    /// Reads `body`, and refuses what cannot be relayed.
    pub(super) fn read(
        directory: &dyn Directory,
        format: Format,
        caller: Caller,
        body: Bytes,
    ) -> Result<Self, CallError> {
        let asked = match format {
            Format::OpenaiChat => openai_chat::read(body)?,
            Format::OpenaiCompletions => openai_completions::read(body)?,
            Format::OpenaiEmbeddings => openai_embeddings::read(body)?,
        };
        if asked.service_tier().is_some_and(|tier| tier.len() > SERVICE_TIER_BYTES_MAX) {
            let expected = "a name of at most 64 bytes";
            return Err(RequestError::Wrong { param: "service_tier", expected }.into());
        }
        let model = ModelName::new(asked.model()).map_err(CallError::ModelName)?;
        let routes = directory.routes();
        // A model that the token may not use looks like one that does not exist.
        if !caller.may_use(&model) || !routes.serves(&caller.group, &model) {
            return Err(CallError::ModelNotFound(model));
        }
        if !routes.serves_as(&caller.group, &model, format) {
            return Err(CallError::NotServedAs(model));
        }
        let Some(priced) = directory.price(&model, &caller.group) else {
            return Err(CallError::NoPrice(model));
        };
        let estimate = Estimate {
            input_tokens: input_tokens(&asked.input(), &priced),
            output_limit: asked.output_limit(),
            choices: asked.choices(),
        };
        let rules = directory.rules(&caller.group, &model);
        Ok(Self { format, asked, model, caller, priced, routes, rules, estimate })
    }

    /// What the call may take as far as the client has said; what it took is counted when it has ended.
    pub(super) fn tokens(&self) -> u64 {
        let output = self.asked.output_limit().unwrap_or(0).saturating_mul(self.estimate.choices);
        self.estimate.input_tokens.saturating_add(output)
    }

    /// Each that is limited, and how, of those whom the call concerns before a channel is chosen.
    pub(super) fn limited(&self) -> Vec<(Subject, CallLimits)> {
        let (caller, mut limited) = (&self.caller, Vec::new());
        let mut add = |limits: CallLimits, subject: &dyn Fn() -> Subject| {
            if !limits.is_none() {
                limited.push((subject(), limits));
            }
        };
        add(caller.limits.token, &|| Subject::Token(caller.token_id));
        add(caller.limits.user, &|| Subject::User(caller.user_id));
        add(self.rules.group_limits, &|| Subject::Group(caller.group.clone()));
        add(self.rules.model_limits, &|| Subject::Model(self.model.clone()));
        limited
    }

    /// What the ledger keeps of the call.
    pub(super) fn facts(&self, call_id: CallId, started_at: TimeStamp) -> CallFacts {
        let scopes = self.caller.scopes.iter();
        CallFacts {
            call_id,
            part: 0,
            user_id: self.caller.user_id,
            token_id: self.caller.token_id,
            scopes: scopes.map(|account_id| Scope { account_id: *account_id, lease_id: None }).collect(),
            group: self.caller.group.clone(),
            model: self.model.clone(),
            pinned: self.priced.pinned.clone(),
            service_tier: self.asked.service_tier().map(str::to_owned),
            control_position: self.priced.control_position,
            mode: if self.asked.stream() { Mode::Stream } else { Mode::Whole },
            input_tokens: self.estimate.input_tokens,
            reserved: Nanos::ZERO,
            extensions: Vec::new(),
            trace: None,
            started_at,
        }
    }
}

//! A request that may be relayed: read, allowed, served and priced.

use std::sync::Arc;

use bytes::Bytes;
use domain::{
    CallId, ModelName, Nanos, TimeStamp,
    account::{CallFacts, Mode, Scope},
};
use wire::openai_chat;

use super::CallError;
use crate::{
    Caller, Directory, Priced, RouteTable,
    reservation::{Estimate, input_tokens},
};

/// The longest name of a service tier, in bytes: every record of the call keeps it.
const SERVICE_TIER_BYTES_MAX: usize = 64;

/// All that is known before money is set aside.
pub(super) struct Plan {
    pub(super) chat: openai_chat::Request,
    pub(super) model: ModelName,
    pub(super) caller: Caller,
    pub(super) priced: Priced,
    pub(super) routes: Arc<RouteTable>,
    pub(super) estimate: Estimate,
}

impl Plan {
    /// Reads `body`, and refuses what cannot be relayed.
    pub(super) fn read(directory: &dyn Directory, caller: Caller, body: Bytes) -> Result<Self, CallError> {
        let chat = openai_chat::Request::read(body)?;
        if chat.service_tier().is_some_and(|tier| tier.len() > SERVICE_TIER_BYTES_MAX) {
            let expected = "a name of at most 64 bytes";
            return Err(openai_chat::RequestError::Wrong { param: "service_tier", expected }.into());
        }
        let model = ModelName::new(chat.model()).map_err(CallError::ModelName)?;
        let routes = directory.routes();
        // A model that the token may not use looks like one that does not exist.
        if !caller.may_use(&model) || !routes.serves(&caller.group, &model) {
            return Err(CallError::ModelNotFound(model));
        }
        let Some(priced) = directory.price(&model, &caller.group) else {
            return Err(CallError::NoPrice(model));
        };
        let estimate = Estimate {
            input_tokens: input_tokens(&chat.input(), &priced),
            output_limit: chat.output_limit(),
            choices: chat.choices(),
        };
        Ok(Self { chat, model, caller, priced, routes, estimate })
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
            service_tier: self.chat.service_tier().map(str::to_owned),
            control_position: self.priced.control_position,
            mode: if self.chat.stream() { Mode::Stream } else { Mode::Whole },
            input_tokens: self.estimate.input_tokens,
            reserved: Nanos::ZERO,
            extensions: Vec::new(),
            started_at,
        }
    }
}

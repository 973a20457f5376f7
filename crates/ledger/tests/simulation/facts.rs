//! Names, prices and facts: each seed has ids of its own, so that seeds can share a database.

use domain::{
    AccountId, ApiTokenId, CallId, ChannelId, ChannelKeyId, GroupName, HoldId, JournalId, LeaseId, ModelName,
    Nanos, UserId,
    account::{Attempt, AttemptOutcome, CallFacts, Mode, Scope},
    price::{Pinned, Price, PriceSource, Rates, Usage},
};
use ledger::record::CallPart;
use uuid::Uuid;

use super::rule::Checked;

/// What every call sends, in tokens and in nano-dollars alike.
pub(crate) const INPUT: u64 = 10;

/// Makes a seed's ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids(pub(crate) u64);

impl Ids {
    const fn id(self, kind: u128, number: u64) -> Uuid {
        Uuid::from_u128(((self.0 as u128 + 1) << 64) | (kind << 48) | number as u128)
    }

    pub(crate) const fn call(self, number: u64) -> CallId {
        CallId(self.id(1, number))
    }

    pub(crate) const fn lease(self, number: u64) -> LeaseId {
        LeaseId(self.id(2, number))
    }

    pub(crate) const fn account(self, number: u64) -> AccountId {
        AccountId(self.id(3, number))
    }

    pub(crate) const fn journal(self, number: u64) -> JournalId {
        JournalId(self.id(4, number))
    }

    pub(crate) const fn hold(self, number: u64) -> HoldId {
        HoldId(self.id(6, number))
    }

    pub(crate) const fn job(self, number: u64) -> CallId {
        CallId(self.id(7, number))
    }

    pub(crate) const fn user(self) -> UserId {
        UserId(self.id(5, 0))
    }
}

/// The only model.
pub(crate) fn model() -> Checked<ModelName> {
    Ok(ModelName::new("m")?)
}

/// Its price, which is the first thing that the `control` log says: one nano-dollar a token, in and out.
pub(crate) fn pinned() -> Pinned {
    let rates = Rates { input: Some(1_000), output: Some(1_000), ..Rates::default() };
    let (price, source) = (Price { rates, ..Price::default() }.into(), PriceSource::List { version: 1 });
    Pinned { price, source, ..Pinned::default() }
}

/// What an answer of so many tokens uses.
pub(crate) fn usage(output_tokens: u64) -> Usage {
    Usage { input_tokens: INPUT, output_tokens, ..Usage::default() }
}

/// What an answer of so many tokens costs.
pub(crate) fn cost(output_tokens: u64) -> Nanos {
    pinned().bill(&usage(output_tokens), None)
}

/// A call on these accounts, nothing reserved yet.
pub(crate) fn facts(ids: Ids, call: CallPart, accounts: &[AccountId]) -> Checked<CallFacts> {
    let scope = |account_id: &AccountId| Scope { account_id: *account_id, lease_id: None };
    Ok(CallFacts {
        call_id: call.call_id,
        part: call.part,
        user_id: ids.user(),
        token_id: ApiTokenId(Uuid::from_u128(8)),
        scopes: accounts.iter().map(scope).collect(),
        group: GroupName::default_group(),
        model: model()?,
        pinned: pinned(),
        service_tier: None,
        control_position: 1,
        mode: Mode::Stream,
        input_tokens: INPUT,
        reserved: Nanos::ZERO,
        extensions: Vec::new(),
        trace: None,
        started_at: domain::TimeStamp::default(),
    })
}

/// A part of a call, for people.
pub(crate) fn told(call: CallPart) -> String {
    format!("{} part {}", call.call_id, call.part)
}

/// A try that is about to be sent.
pub(crate) fn attempt(number: u32) -> Checked<Attempt> {
    Ok(Attempt {
        attempt: number,
        channel_id: ChannelId(Uuid::from_u128(4)),
        key_id: ChannelKeyId(Uuid::from_u128(5)),
        upstream_model: model()?,
        outcome: AttemptOutcome::Unknown,
    })
}

//! Calls and leases for this crate's tests.

mod disk;
mod ledger;
pub(crate) mod process;
pub(crate) mod told;

use domain::{
    AccountId, ApiTokenId, CallId, ChannelId, ChannelKeyId, GroupName, JournalId, LeaseId, ModelName, Nanos,
    TimeStamp, UserId,
    account::{Attempt, AttemptOutcome, CallFacts, CallPart, Mode, Scope, Settlement},
    price::{Pinned, Price, PriceSource, Rates, Usage},
};
use uuid::Uuid;

pub(crate) use self::{
    disk::{Fails, Held, TestDisk},
    ledger::{Faulty, Hand, Ledger, Line},
};

pub(crate) const PAYER: AccountId = AccountId(Uuid::from_u128(1));
/// Limits a token.
pub(crate) const LIMIT: AccountId = AccountId(Uuid::from_u128(2));
pub(crate) const JOURNAL: JournalId = JournalId(Uuid::from_u128(3));

pub(crate) fn nanos(amount: u64) -> Nanos {
    Nanos::new(amount).unwrap()
}

pub(crate) fn call(n: u128) -> CallId {
    CallId(Uuid::from_u128(0x1000 + n))
}

/// A call that is not split.
pub(crate) fn whole(n: u128) -> CallPart {
    CallPart { call_id: call(n), part: 0 }
}

pub(crate) fn lease(n: u128) -> LeaseId {
    LeaseId(Uuid::from_u128(0x2000 + n))
}

/// The only model's price, which is the first thing that the `control` log says: one nano a token, in and out.
pub(crate) fn pinned() -> Pinned {
    let rates = Rates { input: Some(1_000), output: Some(1_000), ..Rates::default() };
    let (price, source) = (Price { rates, ..Price::default() }.into(), PriceSource::List { version: 1 });
    Pinned { price, source, ..Pinned::default() }
}

pub(crate) fn model() -> ModelName {
    ModelName::new("m").unwrap()
}

pub(crate) fn facts(n: u128, reserved: u64) -> CallFacts {
    CallFacts {
        call_id: call(n),
        part: 0,
        user_id: UserId(Uuid::from_u128(9)),
        token_id: ApiTokenId(Uuid::from_u128(8)),
        scopes: vec![Scope { account_id: PAYER, lease_id: Some(lease(1)) }],
        group: GroupName::default_group(),
        model: model(),
        pinned: pinned(),
        service_tier: None,
        control_position: 1,
        mode: Mode::Whole,
        input_tokens: 10,
        reserved: nanos(reserved),
        extensions: Vec::new(),
        trace: None,
        started_at: TimeStamp::default(),
    }
}

pub(crate) fn settlement(amount: u64) -> Settlement {
    Settlement {
        facts: facts(1, 100),
        attempts: vec![attempt(1, AttemptOutcome::Billed)],
        usage: Usage { input_tokens: amount, ..Usage::default() },
        amount: nanos(amount),
        flags: Vec::new(),
        ended_at: TimeStamp::default(),
    }
}

/// One try, at the only channel there is.
pub(crate) fn attempt(number: u32, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        attempt: number,
        channel_id: ChannelId(Uuid::from_u128(4)),
        key_id: ChannelKeyId(Uuid::from_u128(5)),
        upstream_model: model(),
        outcome,
    }
}

/// A call as it is handed to a node: on these accounts, nothing reserved yet.
pub(crate) fn asked(n: u128, accounts: &[AccountId]) -> CallFacts {
    let scopes =
        accounts.iter().map(|account_id| Scope { account_id: *account_id, lease_id: None }).collect();
    CallFacts { scopes, ..facts(n, 0) }
}

/// Numbers that only their seed decides.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// A place in something of that length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

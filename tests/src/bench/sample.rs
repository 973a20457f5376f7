//! Calls as journals say them: whole records with everything that real ones have.

use domain::{
    AccountId, ApiTokenId, CallId, ChannelId, ChannelKeyId, GroupName, JournalId, LeaseId, ModelName, Nanos,
    TimeStamp, UserId,
    account::{Attempt, AttemptOutcome, CallFacts, Mode, Scope, Settlement},
    price::{Pinned, Usage, catalogue},
};
use ledger::{
    Link,
    journal::Framed,
    record::{CallPart, Record},
};
use rand::{Rng, rngs::StdRng};
use uuid::Uuid;

use crate::{chance, price::MODEL};

/// The journal that all of them stand in.
pub(super) const JOURNAL: JournalId = JournalId(Uuid::from_u128(1));
/// 2026-11-24T08:00:00Z.
pub(super) const MORNING: TimeStamp = TimeStamp::from_micros(1_795_507_200_000_000);
/// How many accounts share the calls.
pub(super) const ACCOUNTS: usize = 10_000;

const SEED: u64 = 24;
const USAGE: Usage = Usage { input_tokens: 220, output_tokens: 210, ..Usage::NONE };

/// The account with this number.
pub(super) const fn account(number: usize) -> AccountId {
    AccountId(Uuid::from_u128((2 << 64) + number as u128))
}

/// The one lease on it.
pub(super) const fn lease(number: usize) -> LeaseId {
    LeaseId(Uuid::from_u128((3 << 64) + number as u128))
}

/// Calls without end, on all accounts alike, always the same ones.
pub(super) struct Calls {
    accounts: usize,
    next: u128,
    pinned: Pinned,
    chance: StdRng,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self::of(ACCOUNTS, 0)
    }

    /// Those of a node by this number, on the first so many accounts: none of them is another node's.
    pub(super) fn of(accounts: usize, node: u128) -> Self {
        let price = catalogue::find(MODEL).expect("the model is priced").price;
        Self {
            accounts,
            next: node << 48,
            pinned: Pinned { price: price.into(), ..Pinned::default() },
            chance: chance::numbers(SEED, 0),
        }
    }

    /// How the next one ended.
    pub(super) fn settlement(&mut self) -> Settlement {
        let number = self.chance.random_range(0..self.accounts);
        self.settlement_of(number)
    }

    /// The same of the account with this number.
    pub(super) fn settlement_of(&mut self, number: usize) -> Settlement {
        self.next += 1;
        let amount = self.pinned.bill(&USAGE, None);
        let facts = CallFacts {
            call_id: CallId(Uuid::from_u128((4 << 64) + self.next)),
            part: 0,
            user_id: UserId(Uuid::from_u128((5 << 64) + number as u128)),
            token_id: ApiTokenId(Uuid::from_u128((6 << 64) + number as u128)),
            scopes: vec![Scope { account_id: account(number), lease_id: Some(lease(number)) }],
            group: GroupName::default_group(),
            model: model(),
            pinned: self.pinned.clone(),
            service_tier: None,
            control_position: 0,
            mode: Mode::Whole,
            input_tokens: USAGE.input_tokens,
            reserved: amount.plus(amount),
            extensions: Vec::new(),
            trace: None,
            started_at: MORNING,
        };
        Settlement {
            facts,
            attempts: vec![attempt(AttemptOutcome::Billed)],
            usage: USAGE,
            amount,
            flags: Vec::new(),
            ended_at: MORNING,
        }
    }

    /// What a node writes of the next one: before it begins, before it is sent, when it has ended.
    pub(super) fn records(&mut self) -> [Record; 3] {
        let settlement = self.settlement();
        let call = CallPart::of(&settlement.facts);
        [
            Record::Reserve(Box::new(settlement.facts.clone())),
            Record::Sent { call, attempt: attempt(AttemptOutcome::Unknown) },
            Record::Settle(Box::new(settlement)),
        ]
    }
}

/// What a node brings home, upload after upload.
pub(super) struct Uploads {
    calls: Calls,
    seq: u64,
    link: Link,
}

impl Uploads {
    pub(super) fn new() -> Self {
        Self { calls: Calls::new(), seq: 0, link: Link::default() }
    }

    /// The next so many calls, each with its end.
    pub(super) fn next(&mut self, count: usize) -> Vec<Framed> {
        (0..count).map(|_| self.framed()).collect()
    }

    fn framed(&mut self) -> Framed {
        let record = Record::Settle(Box::new(self.calls.settlement()));
        let payload = record.encode().expect("a record can be written");
        self.seq += 1;
        self.link = self.link.next(&payload);
        Framed { seq: self.seq, payload, link: self.link }
    }
}

/// More than all calls of a run cost: a thousand dollars.
pub(super) const PAID_IN: Nanos = Nanos::from_dollars(1_000);

fn attempt(outcome: AttemptOutcome) -> Attempt {
    Attempt {
        attempt: 1,
        channel_id: ChannelId(Uuid::from_u128((7 << 64) + 1)),
        key_id: ChannelKeyId(Uuid::from_u128((8 << 64) + 1)),
        upstream_model: model(),
        outcome,
    }
}

fn model() -> ModelName {
    ModelName::new(MODEL).expect("a model's name")
}

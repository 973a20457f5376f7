//! Leases, the journal, ingest: money under concurrency and crashes.
//!
//! A relay node spends quota that it was leased ([`Node`]), and writes what it does into its [`journal`] before anything
//! else happens; the control node ([`Bank`]) grants leases and takes journals in, each record exactly once.

mod audit;
mod bank;
#[cfg(test)]
mod fixtures;
mod node;
mod port;

pub mod accounts;
pub mod chain;
pub mod journal;
pub mod mutant;
pub mod record;
pub mod step;

pub use audit::{Amiss, Audit, AuditError, AuditOptions, Broken, Replay, audit, replay};
pub use bank::{
    Bank, BankClock, BankOptions, ChargeObserver, Charged, HOLD_SCOPES_MAX, Hold, HoldEnd, HoldError,
    HoldScope, LEASE_TTL_MS, LEASE_TTL_MS_MIN, Tended, decide_budget,
};
pub use chain::{Link, PAYLOAD_BYTES_MAX};
pub use node::{
    Doubt, Durable, Homecoming, JournalSync, Node, NodeClock, NodeError, NodeOptions, OrphanError,
    ReserveError, Tenure, Unheard, bring_home,
};
pub use port::{
    Ask, Cursor, GrantError, IngestError, LedgerPort, News, NewsError, RECORDS_MAX, ScopeAsk, Standing,
};

//! Whole calls against a scripted provider: what the client gets, and what the ledger is told.

mod failover;
mod formats;
mod funds;
mod health;
mod journal;
mod limits;
mod probe;
mod provider;
mod refusals;
mod rig;
mod streamed;
mod traces;
mod whole;

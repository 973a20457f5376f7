//! The one integration binary: rules about the source, contracts, and the whole system.

mod audit;
mod chat;
mod contract;
mod crash;
mod errors;
mod harness;
mod layering;
mod money;
mod outgrow;
mod sdk;
mod shutdown;
mod tidy;

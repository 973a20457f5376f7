//! The one integration binary: rules about the source, contracts, and the whole system.

mod administration;
mod audit;
mod budgets;
mod chat;
mod cluster;
mod contract;
mod crash;
mod deployment;
mod errors;
mod formats;
mod harness;
mod health;
mod hostile;
mod kill_points;
mod layering;
mod limits;
mod metrics;
mod money;
mod outgrow;
mod projections;
mod schema;
mod sdk;
mod shutdown;
mod telemetry;
mod tidy;

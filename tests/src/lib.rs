//! The harness of the whole-system tests: the real binary, a provider that keeps its own bill, and clients.
//!
//! Nothing here decides anything about money: what the tests know of it, they have from the events, from the
//! provider's bill and from [`price`].

pub mod admin;
pub mod bench;
pub mod binary;
pub mod chance;
pub mod client;
pub mod cluster;
pub mod collector;
pub mod http;
pub mod ledger_facts;
pub mod line;
pub mod on_core;
pub mod price;
pub mod provider;
pub mod sse;
pub mod topology;
pub mod veloera;
pub mod wait;
pub mod workspace;
pub mod world;

pub use self::{
    admin::{Admin, IssuedToken},
    client::{ApiClient, End, OpenStream, Streamed},
    cluster::Cluster,
    collector::Collector,
    http::{Http, Response},
    provider::{Bill, FakeProvider, Received, Reply},
    veloera::{Launch, Veloera},
    world::World,
};

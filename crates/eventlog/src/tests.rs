//! What the log promises, each promise shown once.

mod append;
mod audit;
mod batch;
mod bench;
mod bus;
mod cqrs;
mod durable;
mod inline;
mod order;
mod parts;
mod persons;
mod purse;
mod repeats;
mod restart;
mod snapshots;
mod upcast;
mod upstream;

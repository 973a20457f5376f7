//! The edge over a real log in a temporary directory, asked as a server asks it.

mod accounts;
mod apply;
mod auth;
mod billing;
mod budgets;
mod calls;
mod catalogue;
mod channels;
mod client;
mod fixture;
mod permissions;
mod problems;
mod repeats;
mod setup;
mod surface;
mod sync;
mod tails;
mod tokens;
mod users;

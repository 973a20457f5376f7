//! The edge over a real log in a temporary directory, asked as a server asks it.

mod accounts;
mod calls;
mod channels;
mod client;
mod fixture;
mod permissions;
mod problems;
mod repeats;
mod tokens;

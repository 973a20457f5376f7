//! The data plane: one call from reservation to settlement.
//!
//! A call passes few rooms and never turns back: `call` (the flow) → `route` (whom to ask) → `adaptor` (what to
//! send) → `upstream` (sending, and what an error means) → `whole` or `stream` (the answer and its count) → the
//! ledger's port. `limits` says who may call, `health` which channels may be tried. What it needs from outside are
//! the ports; the binary implements them.

mod adaptor;
mod answer;
mod call;
mod caller;
mod config;
mod echo;
mod health;
mod limits;
mod measured;
mod open_call;
mod ports;
mod probe;
mod providers;
mod report;
mod reservation;
mod route;
mod stream;
#[cfg(test)]
mod tests;
mod turn;
mod upstream;
mod whole;

pub use self::{
    answer::{Answer, AnswerBody},
    call::{CallError, Refused, Relay, Retry},
    caller::{Caller, CallerLimits},
    config::{RelayConfig, RelayConfigError},
    health::{OpenCircuit, Why},
    limits::{
        Board, BoardError, Exchanged, Limited, Limiter, LimitsView, Metered, Rate, Rates, Said, SharingView,
    },
    ports::{
        ChannelKeeper, Clock, Directory, Durable, Ledger, LedgerError, Ports, Priced, ReserveError, Spent,
        Tenure,
    },
    probe::{Probe, ProbeError},
    providers::{Format, Provider, Providers, ProvidersError},
    report::{AttemptReport, CallReport, ErrorType, Incoming, Noted, Observer, Traced},
    route::{Choice, Failed, Picker, Route, RouteError, RouteKey, RouteTable},
    turn::InTurn,
};

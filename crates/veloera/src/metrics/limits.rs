//! What is counted against limits, and what was refused.

use std::fmt;

use relay::LimitsView;

use super::{Labels, Page};

pub(super) fn encode(page: &mut Page<'_>, view: LimitsView) -> fmt::Result {
    let LimitsView { refused, counters, sharing } = view;
    let counters = u64::try_from(counters).unwrap_or(u64::MAX);
    page.gauge(
        "veloera_limits_counted",
        "Tokens, users, groups, models and channels that are counted against their limits here",
        [(Labels::new(), counters)],
    )?;
    let refused = refused.into_iter().map(|((limiter, metered), count)| {
        (vec![("limiter", limiter.to_owned()), ("metered", metered.name().to_owned())], count)
    });
    page.counter(
        "veloera_limited",
        "Calls that were one too many, by whose limit and of what; of channels: how often one was passed over",
        refused,
    )?;
    let Some(sharing) = sharing else { return Ok(()) };
    page.gauge(
        "veloera_limits_nodes",
        "Nodes that count together, this one among them",
        [(Labels::new(), sharing.nodes)],
    )?;
    page.gauge(
        "veloera_limits_away",
        "1 while the other nodes are not heard, and each keeps to its part of the limits; else 0",
        [(Labels::new(), u64::from(sharing.is_away))],
    )?;
    page.gauge(
        "veloera_limits_untold",
        "Counters that wait to be told to the other nodes",
        [(Labels::new(), u64::try_from(sharing.waiting).unwrap_or(u64::MAX))],
    )
}

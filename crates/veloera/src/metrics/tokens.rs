//! How tokens are found, and how much is known of them.

use std::fmt;

use projections::{
    TokenCounts,
    lookup::{LookupCount, TokenLookup},
};

use super::{Labels, Page};

pub(super) fn encode(page: &mut Page<'_>, tokens: &TokenLookup, counts: Option<TokenCounts>) -> fmt::Result {
    let lookups = tokens.counts().into_iter().map(|LookupCount { tier, outcome, count }| {
        (vec![("tier", tier.to_owned()), ("outcome", outcome.name().to_owned())], count)
    });
    page.counter(
        "veloera_token_lookups",
        "Look-ups of tokens by their keys, by where it was looked and what came of it",
        lookups,
    )?;
    let Some(TokenCounts { in_file, since, rows, cached }) = counts else { return Ok(()) };
    let whole = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    page.gauge(
        "veloera_tokens_in_file",
        "Tokens whose rows are in the snapshot that this node reads from",
        [(Labels::new(), whole(in_file))],
    )?;
    page.gauge(
        "veloera_tokens_changed",
        "Tokens that were issued, changed or revoked since it was written",
        [(Labels::new(), whole(since))],
    )?;
    page.gauge(
        "veloera_tokens_in_memory",
        "Tokens whose rows are in memory, because they changed or because calls asked for them",
        [(vec![("because", "changed".into())], whole(rows)), (vec![("because", "asked".into())], cached)],
    )
}

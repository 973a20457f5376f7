//! What a key has spent and may still spend, as clients ask for it that show a balance.
//!
//! The paths and fields are those of OpenAI's former dashboard, which such clients still use. Amounts are dollars, for display.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
};
use domain::account::Limit;
use projections::redis::AccountSummary;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wire::openai_chat::error::ErrorCode;

use super::{
    auth::{self, Known},
    respond::ClientError,
};
use crate::{ClientEdge, balances::BalanceError};

/// What such clients take for a key without a limit.
const UNLIMITED_NANOS: i128 = 100_000_000 * 1_000_000_000;
/// Decimal places of nano-dollars in a dollar, and in a hundredth of one.
const DOLLAR_PLACES: usize = 9;
const CENT_PLACES: usize = 7;
/// When a client is told to come again that was told nothing.
const PAUSE: Duration = Duration::from_secs(1);

/// How far a key may spend.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscription {
    /// Always `billing_subscription`.
    #[schema(example = "billing_subscription")]
    object: &'static str,
    /// Always true.
    has_payment_method: bool,
    /// As `hard_limit_usd`.
    #[schema(value_type = f64, example = 20.5)]
    soft_limit_usd: Box<RawValue>,
    /// What was spent and what is left, in dollars; 100 000 000 where there is no limit.
    #[schema(value_type = f64, example = 20.5)]
    hard_limit_usd: Box<RawValue>,
    /// As `hard_limit_usd`.
    #[schema(value_type = f64, example = 20.5)]
    system_hard_limit_usd: Box<RawValue>,
    /// When the key expires, in seconds since 1970; 0 if never.
    access_until: i64,
}

/// How much was spent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spending {
    /// Always `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// In hundredths of a dollar, since the account was opened.
    #[schema(value_type = f64, example = 12.5)]
    total_usage: Box<RawValue>,
}

/// Reads how far the key may spend: by its own quota if it has one, else by the account that it spends from.
#[utoipa::path(get, path = "/v1/dashboard/billing/subscription", tag = "client", operation_id = "read_subscription",
    responses((status = 200, description = "Its limits", body = Subscription)))]
pub(crate) async fn subscription(
    State(edge): State<Arc<ClientEdge>>,
    request: Request,
) -> Result<Json<Subscription>, ClientError> {
    let (known, summary) = account(&edge, request).await?;
    let limit = decimal(limit_nanos(&summary), DOLLAR_PLACES)?;
    Ok(Json(Subscription {
        object: "billing_subscription",
        has_payment_method: true,
        soft_limit_usd: limit.clone(),
        hard_limit_usd: limit.clone(),
        system_hard_limit_usd: limit,
        access_until: known.token.rules().expires_at.map_or(0, |end| end.micros() / 1_000_000),
    }))
}

/// Reads how much was spent: of the key's own quota if it has one, else of the account that it spends from. Dates that are
/// asked for make no difference.
#[utoipa::path(get, path = "/v1/dashboard/billing/usage", tag = "client", operation_id = "read_spending",
    responses((status = 200, description = "What was spent", body = Spending)))]
pub(crate) async fn usage(
    State(edge): State<Arc<ClientEdge>>,
    request: Request,
) -> Result<Json<Spending>, ClientError> {
    let (_, summary) = account(&edge, request).await?;
    Ok(Json(Spending { object: "list", total_usage: decimal(spent_nanos(&summary), CENT_PLACES)? }))
}

async fn account(edge: &ClientEdge, request: Request) -> Result<(Known, AccountSummary), ClientError> {
    let (parts, _) = request.into_parts();
    let known = auth::known(edge, &parts).await?;
    let id = known.token.rules().limit_account_id.unwrap_or(known.token.account_id);
    let summary = edge.balances.of(id).await.and_then(|found| found.ok_or(BalanceError::OutOfReach));
    match summary {
        Ok(summary) => Ok((known, summary)),
        Err(error @ BalanceError::OutOfReach) => {
            Err(ClientError::new(ErrorCode::Overloaded, error.to_string()).after(PAUSE))
        }
        Err(error @ BalanceError::Nowhere) => Err(ClientError::new(ErrorCode::NotFound, error.to_string())),
    }
}

fn limit_nanos(summary: &AccountSummary) -> i128 {
    let farther = match summary.limit {
        Limit::Unlimited => return UNLIMITED_NANOS,
        Limit::Prepaid => 0,
        Limit::CreditNanos(nanos) => i128::from(nanos.get()),
    };
    spent_nanos(summary) + amount(&summary.pending_nanos) + amount(&summary.available_nanos) + farther
}

fn spent_nanos(summary: &AccountSummary) -> i128 {
    amount(&summary.posted_nanos) - amount(&summary.refunded_nanos)
}

/// What a summary writes is an `i64` or `u64`.
fn amount(nanos: &str) -> i128 {
    nanos.parse().unwrap_or_default()
}

/// A number with so many decimal places, to the last digit: no amount goes through a floating-point number here.
fn decimal(units: i128, places: usize) -> Result<Box<RawValue>, ClientError> {
    let (sign, digits) = (if units < 0 { "-" } else { "" }, units.unsigned_abs().to_string());
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, part) = padded.split_at(padded.len() - places);
    RawValue::from_string(format!("{sign}{whole}.{part}"))
        .map_err(|error| ClientError::new(ErrorCode::Internal, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn amounts_are_written_to_the_last_digit() {
        for (units, places, text) in [
            (20_000_000_000, 9, "20.000000000"),
            (1, 9, "0.000000001"),
            (-25, 9, "-0.000000025"),
            (123_456_789, 7, "12.3456789"),
            (0, 7, "0.0000000"),
        ] {
            assert_eq!(decimal(units, places).unwrap().get(), text);
        }
    }
}

//! A body, read whole, no farther than it may go and no longer than it may take.

use std::{error::Error, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than it may be.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// It ended before its end.
    Broken,
}

pub(crate) async fn read(body: Body, bytes_max: usize, wait_ms_max: u64) -> Result<Bytes, BodyError> {
    let whole = Limited::new(body, bytes_max).collect();
    // Who sends a byte now and then would otherwise hold what was read, and the connection, for ever.
    match timeout(Duration::from_millis(wait_ms_max), whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if is_length(error.as_ref()) => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow),
    }
}

fn is_length(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_length)
}

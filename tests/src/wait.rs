//! Waiting for what will be so, never for a length of time.

use std::time::Duration;

use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer; after `limit` it fails and says what did not come.
pub async fn until<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {limit:?}");
        sleep(PAUSE).await;
    }
}

/// Asks until the answer has stayed the same for `still`, and gives it.
pub async fn until_still<T: PartialEq>(
    what: &str,
    still: Duration,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> T,
) -> T {
    let mut last = ask().await;
    let mut since = Instant::now();
    until(what, limit, async || {
        let now = ask().await;
        if now != last {
            last = now;
            since = Instant::now();
            return None;
        }
        (since.elapsed() >= still).then_some(())
    })
    .await;
    last
}

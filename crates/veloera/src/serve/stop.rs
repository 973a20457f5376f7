//! The ordered end: no new calls, the open ones to their end, the journal home, the leases back.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{
    build::Ends,
    work::{Sending, Work},
};
use crate::{config::Config, telemetry::Exporter};

/// How long a pool's last threads may take.
pub(super) const POOL_MAX: Duration = Duration::from_secs(2);
/// How long the journal may take to come home.
const HOME_MAX: Duration = Duration::from_secs(10);
/// How long the last events may take to be told.
const TOLD_MAX: Duration = Duration::from_secs(3);

/// Resolves when the process is asked to end.
pub(super) fn requested() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no more calls are taken, the open ones go on");
    })
}

pub(super) async fn in_order(
    config: &Config,
    server: impl Future<Output = anyhow::Result<()>>,
    work: &Work,
) -> anyhow::Result<()> {
    let drain = Duration::from_millis(config.drain_timeout_ms);
    let overdue = async {
        work.stopping.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        served = server => served?,
        () = overdue => tracing::warn!(open = work.node.open_calls(), "some calls did not end in time"),
    }
    work.tasks.close();
    if tokio::time::timeout(drain, work.tasks.wait()).await.is_err() {
        tracing::warn!(
            open = work.node.open_calls(),
            "calls without a client did not end in time: they are settled on what is known of them"
        );
    }
    work.followers_stop.cancel();
    work.followers.close();
    if tokio::time::timeout(HOME_MAX, work.followers.wait()).await.is_err() {
        tracing::warn!(
            records = work.node.lag(),
            "the journal did not come home in time: the next start goes on"
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// Waits until the log has ended, which it does when nothing holds it any more, and the last of it was told.
pub(super) async fn log(Ends { appender, publisher }: Ends) {
    if tokio::time::timeout(HOME_MAX, appender).await.is_err() {
        tracing::warn!("something still holds the log");
    }
    if let Some(publisher) = publisher
        && tokio::time::timeout(TOLD_MAX, publisher).await.is_err()
    {
        tracing::warn!("the last events were not published: another node does, or the next start");
    }
}

/// The last metrics of everything that there is; nothing may hold the log after it.
pub(super) async fn telling(sending: Option<Sending>) -> Option<Exporter> {
    sending?.let_go().await
}

/// The last spans and lines: of what came home last, and was told last.
pub(super) async fn told(exporter: Option<Exporter>) {
    if let Some(exporter) = exporter
        && tokio::time::timeout(TOLD_MAX, exporter.finish()).await.is_err()
    {
        tracing::warn!("the last telemetry was not sent: the collector does not answer");
    }
}

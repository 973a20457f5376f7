//! What the data plane learns about channels, put into their records.

use cluster::Control;
use domain::{
    ChannelId, CommandId, Refusal,
    channel::{Channel, ChannelCommand, DisabledBy},
};
use eventlog::{Command, EventLog, Executed, Fault, Metadata, Tx};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::environment::Machine;

/// So many reports may wait; what does not fit is reported again while it is still so.
const WAITING_MAX: usize = 1_024;

/// What a channel's provider does with its keys.
#[derive(Clone, Copy, Debug)]
enum Report {
    Refuses(ChannelId),
    Takes(ChannelId),
}

/// Takes reports without waiting.
pub(crate) struct Keeper(mpsc::Sender<Report>);

/// The reports that were taken.
pub(crate) struct Reports(mpsc::Receiver<Report>);

impl Keeper {
    pub(crate) fn new() -> (Self, Reports) {
        let (report_tx, report_rx) = mpsc::channel(WAITING_MAX);
        (Self(report_tx), Reports(report_rx))
    }

    fn report(&self, report: Report) {
        if self.0.try_send(report).is_err() {
            tracing::warn!(?report, "a report about a channel was dropped");
        }
    }
}

impl relay::ChannelKeeper for Keeper {
    fn disable(&self, channel: ChannelId) {
        self.report(Report::Refuses(channel));
    }

    fn enable(&self, channel: ChannelId) {
        self.report(Report::Takes(channel));
    }
}

impl Reports {
    /// Writes down what is reported, until nobody reports any more.
    pub(crate) async fn keep(mut self, log: EventLog) {
        while let Some(report) = self.0.recv().await {
            let decide = log.execute::<bool, Refusal, _>(command(report), move |tx| {
                Box::pin(async move { write(tx, report).await })
            });
            match decide.await {
                Ok(Executed::Done { value: true, .. }) => {
                    tracing::warn!(?report, "what a channel's provider does with its keys was written down");
                }
                Ok(_) => tracing::debug!(?report, "a channel's record says so already"),
                Err(error) => tracing::error!(?report, %error, "a report about a channel is lost"),
            }
        }
    }
}

impl Reports {
    /// Tells the control nodes what is reported, until nobody reports any more. What they do not hear is reported again
    /// while it is still so.
    pub(crate) async fn tell(mut self, control: Control) {
        while let Some(report) = self.0.recv().await {
            let told = match report {
                Report::Refuses(channel) => control.report(channel, true).await,
                Report::Takes(channel) => control.report(channel, false).await,
            };
            if let Err(error) = told {
                tracing::warn!(?report, %error, "a report about a channel was not heard");
            }
        }
    }
}

/// Nobody asked for it: the node acts by itself.
fn command(report: Report) -> Command {
    Command {
        command_id: CommandId(Machine::uuid()),
        fingerprint: Sha256::digest(format!("{report:?}")).into(),
        metadata: Metadata::default(),
    }
}

/// Whether there was anything to write: an admin's word stands over what health says, and a channel may have been
/// deleted since.
async fn write(tx: &mut Tx, report: Report) -> Result<bool, Fault<Refusal>> {
    let (Report::Refuses(channel_id) | Report::Takes(channel_id)) = report;
    let stream = channel_id.to_string();
    let (Channel::Present { disabled, .. }, _) = tx.load::<Channel>(&stream).await? else { return Ok(false) };
    let command = match (report, disabled) {
        (Report::Refuses(_), None) => ChannelCommand::Disable(DisabledBy::Health),
        (Report::Takes(_), Some(DisabledBy::Health)) => ChannelCommand::Enable,
        _ => return Ok(false),
    };
    tx.decide::<Channel, Refusal>(&stream, command).await?;
    Ok(true)
}

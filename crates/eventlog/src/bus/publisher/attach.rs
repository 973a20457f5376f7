//! The stream that a log is published to: found, made, or made anew where it holds another history.

use async_nats::{
    datetime::DateTime,
    jetstream::{
        ErrorCode,
        context::GetStreamErrorKind,
        stream::{self, State, Stream},
    },
};
use futures_util::TryStreamExt;

use super::Line;
use crate::{
    PAGE_MAX,
    bus::{BusError, Epoch, error::request, message, subscription::consumer},
};

/// How many of a stream's last messages are compared with the log. Two publishers with different histories can mix what
/// they have under way, which is less.
const COMPARED_MAX: u64 = PAGE_MAX as u64;
/// How many of the last events a stream begins with. Whoever needs older ones begins with a snapshot.
const FILLED_MAX: u64 = 1_000_000;

/// A stream that holds the log's history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlet {
    pub(super) epoch: Epoch,
    /// With its name, tells it from one that was made in its place.
    created: DateTime,
    /// The last position of which it is known that the stream has this very event there, and every one before it.
    pub(super) proved: u64,
}

impl Line {
    /// Finds the stream and how far it has come, and makes it where there is none. What is `known` is not looked at again.
    pub(super) async fn attach(&self, known: Option<Outlet>) -> Result<Outlet, BusError> {
        let Some(stream) = self.nats.find(self.log).await? else { return self.open(1).await };
        let info = stream.cached_info();
        let epoch = Epoch::of(&info.config).ok_or_else(|| BusError::Foreign(info.config.name.clone()))?;
        if epoch.log_id != self.reader.log_id(self.log) {
            return self.take_over(known, epoch).await;
        }
        self.keep_to(&epoch, &info.config).await?;
        let known = known.filter(|known| known.epoch == epoch && known.created == info.created);
        let proved = known.map_or(epoch.base, |known| known.proved);
        if !self.holds_our_history(&stream, &epoch, proved).await? {
            tracing::warn!(log = %self.log, %epoch, "the stream holds events that the log does not: it is begun anew");
            return self.open_after(epoch).await;
        }
        Ok(Outlet { proved: epoch.position(info.state.last_sequence), created: info.created, epoch })
    }

    /// The stream is that of another log. That is right after the database was restored, so the last who starts wins; who
    /// loses it while at work says so and does not fight.
    async fn take_over(&self, known: Option<Outlet>, other: Epoch) -> Result<Outlet, BusError> {
        if known.is_some() {
            return Err(BusError::Superseded { log: self.log, by: other.log_id });
        }
        tracing::warn!(log = %self.log, epoch = %other, "the stream is that of another log: it is begun anew");
        self.open_after(other).await
    }

    async fn open_after(&self, old: Epoch) -> Result<Outlet, BusError> {
        match self.nats.context.delete_stream(old.stream()).await {
            Ok(_) => {}
            // Another publisher was faster.
            Err(error) if is_not_found(&error.kind()) => {}
            Err(error) => return Err(request("delete a stream")(error)),
        }
        self.open(old.number + 1).await
    }

    async fn open(&self, number: u64) -> Result<Outlet, BusError> {
        let head = self.reader.heads().await?.of(self.log);
        let log_id = self.reader.log_id(self.log);
        let epoch = Epoch { log: self.log, log_id, number, base: head.saturating_sub(FILLED_MAX) };
        let stream = self.nats.make(&epoch.config()).await?;
        tracing::info!(log = %self.log, %epoch, "a stream was made");
        // Another publisher may have made it a moment ago, and filled some of it: that is found out by the next look.
        Ok(Outlet { epoch, created: stream.cached_info().created, proved: epoch.base })
    }

    /// Brings a stream to the bounds of this version. Where and how often it is kept is for operators to say.
    async fn keep_to(&self, epoch: &Epoch, kept: &stream::Config) -> Result<(), BusError> {
        let asked = stream::Config {
            num_replicas: kept.num_replicas,
            placement: kept.placement.clone(),
            ..epoch.config()
        };
        if &asked == kept { Ok(()) } else { self.nats.change(&asked).await }
    }

    /// Whether what the stream has after `proved` are this log's events.
    async fn holds_our_history(&self, stream: &Stream, epoch: &Epoch, proved: u64) -> Result<bool, BusError> {
        let State { first_sequence, last_sequence, .. } = stream.cached_info().state;
        // Read after the tail was: a log that ends before it has lost events that it once had.
        if epoch.position(last_sequence) > self.reader.heads().await?.of(self.log) {
            return Ok(false);
        }
        let latest = last_sequence.saturating_sub(COMPARED_MAX) + 1;
        let from = latest.max(first_sequence).max(epoch.sequence(proved) + 1);
        let Some(count) = (last_sequence + 1).checked_sub(from).filter(|count| *count > 0) else {
            return Ok(true);
        };
        let count = usize::try_from(count).unwrap_or(PAGE_MAX);
        let events = self.reader.read(self.log, epoch.position(from) - 1, count).await?;
        let consumer = consumer(stream, from, true).await?;
        let messages = consumer.fetch().max_messages(count).messages().await;
        let messages = messages.map_err(request("send messages"))?;
        let messages: Vec<_> = messages
            .try_collect()
            .await
            .map_err(|error| BusError::Request { wish: "send messages", source: error })?;
        if messages.len() != count {
            return Err(BusError::Cut);
        }
        Ok(messages.iter().zip(&events).all(|(message, event)| {
            message.headers.as_ref().is_some_and(|headers| message::is(headers, epoch, event))
        }))
    }
}

fn is_not_found(error: &GetStreamErrorKind) -> bool {
    matches!(error, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

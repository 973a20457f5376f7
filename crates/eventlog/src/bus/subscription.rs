//! Listening to NATS: events from the log's stream, heads beside it.
//!
//! Whatever is amiss, a lost connection, a stream that is gone or made anew, is answered the same way: the stream is
//! looked up again and read from where this subscription has come. The client's own ordered consumer would go on by
//! sequences, and those of a stream that was made anew may stand for other positions.

use std::time::Duration;

use async_nats::{
    Subscriber,
    jetstream::consumer::{self, AckPolicy, DeliverPolicy, IntoConsumerConfig, pull},
};
use domain::Log;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::watch;

use super::{
    BusError, Epoch, Head, Heard, Nats, differ::refuse_difference, error::request, message, pause::Pause,
};
use crate::Envelope;

/// The most messages that are on their way to one subscription.
const BATCH_MAX: usize = 500;
/// How soon it is noticed that the server has forgotten about a subscription.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long a request for more messages stands.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// When the server forgets about a subscription that asks for nothing.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// Reads a stream in order, from `sequence` on; only what it must to compare `headers` of them.
pub(super) async fn consumer(
    from: &async_nats::jetstream::stream::Stream,
    sequence: u64,
    headers_only: bool,
) -> Result<consumer::Consumer<pull::Config>, BusError> {
    let asked = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: sequence.max(1) },
        ack_policy: AckPolicy::None,
        headers_only,
        inactive_threshold: FORGOTTEN_AFTER,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = from.create_consumer(asked.clone()).await.map_err(request("read a stream to us"))?;
    let kept = &consumer.cached_info().config;
    // What the server fills in by itself is of no account: where nothing is acknowledged, nothing is sent twice.
    let asked = consumer::Config {
        name: kept.name.clone(),
        durable_name: kept.durable_name.clone(),
        ack_wait: kept.ack_wait,
        max_deliver: kept.max_deliver,
        max_waiting: kept.max_waiting,
        max_ack_pending: kept.max_ack_pending,
        ..asked.into_consumer_config()
    };
    refuse_difference(&consumer.cached_info().name, &asked, kept)?;
    Ok(consumer)
}

/// The events of `log` after `after`, for ever.
pub(super) fn events(nats: Nats, log: Log, after: u64) -> impl Stream<Item = Heard> + Send {
    let connections = nats.connections.clone();
    let listener =
        Listener { nats, log, after, epoch: None, messages: None, connections, pause: Pause::default() };
    stream::unfold(listener, |mut listener| async move {
        let envelope = listener.next().await;
        Some((Heard::Event(Box::new(envelope)), listener))
    })
}

struct Listener {
    nats: Nats,
    log: Log,
    after: u64,
    /// What it has listened to.
    epoch: Option<Epoch>,
    messages: Option<pull::Stream>,
    connections: watch::Receiver<u64>,
    pause: Pause,
}

impl Listener {
    async fn next(&mut self) -> Envelope {
        loop {
            match self.step().await {
                Ok(Some(envelope)) => return envelope,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, log = %self.log, "the bus is listened to anew");
                    self.pause.wait().await;
                }
            }
        }
    }

    /// The next message, if it has an event that was not yielded yet.
    async fn step(&mut self) -> Result<Option<Envelope>, BusError> {
        let (epoch, mut messages) = match (self.epoch, self.messages.take()) {
            (Some(epoch), Some(messages)) => (epoch, messages),
            _ => self.attach().await?,
        };
        let message = tokio::select! {
            message = messages.next() => message,
            _ = self.connections.changed() => return Err(BusError::Cut),
        };
        let message = message.ok_or(BusError::Cut)?.map_err(request("send messages"))?;
        let sequence = message.info().map_err(request("say which message it sends"))?.stream_sequence;
        let position = epoch.position(sequence);
        // It goes on behind this message, whatever that is: a message that cannot be read is fetched from the log.
        self.messages = Some(messages);
        self.pause.end();
        if position <= self.after {
            return Ok(None);
        }
        self.after = position;
        let read = message::read(&epoch, sequence, message.headers.as_ref(), &message.payload);
        Ok(read.unwrap_or_else(|error| {
            tracing::warn!(%error, log = %self.log, "a message is left out");
            None
        }))
    }

    /// Looks for the log's stream, and begins to read it: where this subscription has come, or, where it holds another
    /// history than before, at its beginning.
    async fn attach(&mut self) -> Result<(Epoch, pull::Stream), BusError> {
        self.connections.mark_unchanged();
        self.nats.reached()?;
        let stream = self.nats.find(self.log).await?.ok_or(BusError::NoStream(self.log))?;
        let config = &stream.cached_info().config;
        let epoch = Epoch::of(config).ok_or_else(|| BusError::Foreign(config.name.clone()))?;
        if self.epoch.is_some_and(|known| (known.log_id, known.number) != (epoch.log_id, epoch.number)) {
            self.after = epoch.base;
        }
        let consumer = consumer(&stream, epoch.sequence(self.after).saturating_add(1), false).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH_MAX)
            .heartbeat(HEARTBEAT)
            .expires(REQUEST_MAX)
            .messages();
        let messages = messages.await.map_err(request("send messages"))?;
        self.epoch = Some(epoch);
        Ok((epoch, messages))
    }
}

/// The heads of `log` as they are told, for ever; the client asks for them again after each reconnection.
pub(super) fn heads(nats: Nats, log: Log) -> impl Stream<Item = Heard> + Send {
    let told = stream::once(async move {
        let subscriber = nats.client.subscribe(Head::subject(log)).await;
        let subscriber = subscriber.map_or_else(
            |error| {
                tracing::warn!(%error, %log, "heads are not heard");
                stream::pending().boxed()
            },
            |subscriber: Subscriber| subscriber.boxed(),
        );
        subscriber.filter_map(move |message| {
            let head = Head::open(&nats.sealer, &message.payload).filter(|head| head.log == log);
            if head.is_none() {
                tracing::warn!(%log, "a head without the mark of this master key is not heeded");
            }
            std::future::ready(head.map(Heard::Head))
        })
    });
    told.flatten()
}

//! The bus between nodes: NATS with JetStream, from nats-server 2.9 on.

use std::{future, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, ServerAddr,
    connection::State,
    jetstream::{
        Context,
        context::{ContextBuilder, GetStreamByNameErrorKind},
        stream::{Config, Stream},
    },
};
use domain::Log;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::{
    Bus, BusError, Subscription, differ::refuse_difference, epoch::subjects, error::request, pause::Pause,
    subscription,
};
use crate::Sealer;

/// How long an answer of the server is waited for.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How soon a connection is found dead that says nothing.
const PING_EVERY: Duration = Duration::from_secs(2);

/// A connection to NATS. A cheap handle.
#[derive(Clone)]
pub struct Nats {
    pub(crate) client: Client,
    pub(crate) context: Context,
    pub(super) sealer: Sealer,
    /// Counts them: what was under way on an older one is lost.
    pub(crate) connections: watch::Receiver<u64>,
}

impl Nats {
    /// Begins to connect to any of `urls`, separated by commas, and goes on for ever: it may well be away now.
    ///
    /// # Errors
    /// When one of them is no address.
    pub async fn connect(urls: &str, sealer: Sealer) -> Result<Self, BusError> {
        let servers = urls.split(',').map(|url| url.trim().parse::<ServerAddr>());
        let servers = servers.collect::<Result<Vec<_>, _>>().map_err(BusError::Address)?;
        let (connections_tx, connections) = watch::channel(0);
        let connections_tx = Arc::new(connections_tx);
        let options = signed_in(&servers)
            .name("veloera")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .ping_interval(PING_EVERY)
            .reconnect_delay_callback(Pause::before)
            .event_callback(move |event| {
                if matches!(event, Event::Connected) {
                    connections_tx.send_modify(|count| *count += 1);
                }
                future::ready(())
            });
        let client = options.connect(servers).await.map_err(BusError::Client)?;
        // What is given up must not hold its place among what is under way for longer than anybody waits for it.
        let context = ContextBuilder::new().timeout(ANSWER_MAX).ack_timeout(ANSWER_MAX).build(client.clone());
        Ok(Self { client, context, sealer, connections })
    }

    /// Whether the server can be reached now.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Asks nothing of a server that is away: requests would pile up.
    pub(super) fn reached(&self) -> Result<(), BusError> {
        if self.is_connected() { Ok(()) } else { Err(BusError::Away) }
    }

    /// The one stream that holds the events of `log`, whoever made it.
    pub(super) async fn find(&self, log: Log) -> Result<Option<Stream>, BusError> {
        match self.context.stream_by_subject(subjects(log)).await {
            Ok(name) => {
                let stream = self.context.get_stream(name).await;
                stream.map(Some).map_err(request("show a stream"))
            }
            Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => Ok(None),
            Err(error) => Err(request("find a stream")(error)),
        }
    }

    /// Makes a stream, or finds that there is this very one.
    pub(crate) async fn make(&self, asked: &Config) -> Result<Stream, BusError> {
        let stream = self.context.create_stream(asked).await.map_err(request("make a stream"))?;
        refuse_difference(&asked.name, asked, &stream.cached_info().config)?;
        Ok(stream)
    }

    /// Changes a stream to this.
    pub(super) async fn change(&self, asked: &Config) -> Result<(), BusError> {
        let kept = self.context.update_stream(asked).await.map_err(request("change a stream"))?;
        refuse_difference(&asked.name, asked, &kept.config)
    }
}

/// With what the addresses say of who connects: the client does not heed it. A name alone is a token.
fn signed_in(servers: &[ServerAddr]) -> ConnectOptions {
    let said = servers.iter().find_map(|server| Some((server.username()?, server.password())));
    match said {
        Some((user, Some(password))) => {
            ConnectOptions::with_user_and_password(decoded(user), decoded(password))
        }
        Some((token, None)) => ConnectOptions::with_token(decoded(token)),
        None => ConnectOptions::new(),
    }
}

/// What stands in a URL, without the `%` that what is not allowed there is written with.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.split_at_checked(2).and_then(|(digits, rest)| Some((hex::decode(digits).ok()?, rest))) {
            Some((byte, rest)) => bytes.extend([&byte, rest.as_bytes()].concat()),
            None => bytes.extend([b"%", part.as_bytes()].concat()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Bus for Nats {
    fn subscribe(&self, log: Log, after: u64) -> Subscription {
        let events = subscription::events(self.clone(), log, after);
        let heads = subscription::heads(self.clone(), log);
        stream::select(events, heads).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn a_password_may_have_any_characters() {
        assert_eq!(decoded("s3cret"), "s3cret");
        assert_eq!(decoded("p%40ss%3a%C3%A9"), "p@ss:\u{e9}");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}

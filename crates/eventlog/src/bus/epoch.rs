//! One filling of the bus with one history of a log.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use domain::Log;
use uuid::Uuid;

/// What a stream of the control log may take: some millions of events.
const CONTROL_BYTES_MAX: i64 = 2 * 1024 * 1024 * 1024;
/// What a stream of the ledger log may take.
const LEDGER_BYTES_MAX: i64 = 2 * 1024 * 1024 * 1024;
/// How long events of the ledger log stay; those of the control log have no age.
const LEDGER_AGE_MAX: Duration = Duration::from_hours(72);
/// How long a repeated message is known for one. That none stands twice does not lean on it.
const REPEAT_WINDOW: Duration = Duration::from_mins(2);

/// Names a stream, and says which history it holds: the message with sequence `n` is the event with position `base + n`.
///
/// Another history, after a restore or a fork, is another epoch. It takes the older one's place: both would hold the same
/// subjects, which no server allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// Which log.
    pub log: Log,
    /// Names the log: a restored or foreign one has another id.
    pub log_id: Uuid,
    /// Which one, from 1.
    pub number: u64,
    /// The position before the first that the stream holds.
    pub base: u64,
}

impl Epoch {
    /// The stream that holds it.
    pub fn stream(&self) -> String {
        format!("VELOERA_{}_{}", self.log.as_str().to_uppercase(), self.number)
    }

    /// Where the event at `position` stands in the stream; 0 where that is before its first.
    pub const fn sequence(&self, position: u64) -> u64 {
        position.saturating_sub(self.base)
    }

    /// Which event stands at `sequence`.
    pub const fn position(&self, sequence: u64) -> u64 {
        self.base.saturating_add(sequence)
    }

    /// The stream to ask for. Every field is said that a server would fill in, so that what it answers can be compared.
    pub(crate) fn config(&self) -> Config {
        Config {
            name: self.stream(),
            subjects: vec![subjects(self.log)],
            description: Some(self.to_string()),
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            // What goes is fetched from the log. To refuse what is new instead would silence the bus for good.
            discard: DiscardPolicy::Old,
            max_bytes: match self.log {
                Log::Control => CONTROL_BYTES_MAX,
                Log::Ledger => LEDGER_BYTES_MAX,
            },
            max_age: match self.log {
                Log::Control => Duration::ZERO,
                Log::Ledger => LEDGER_AGE_MAX,
            },
            max_messages: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_consumers: -1,
            num_replicas: 1,
            duplicate_window: REPEAT_WINDOW,
            // Whoever takes single messages out leaves holes.
            deny_delete: true,
            deny_purge: true,
            ..Config::default()
        }
    }

    /// What a stream's description says it is, if it is one of ours.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let mut epoch = Self { log: Log::Control, log_id: Uuid::nil(), number: 0, base: 0 };
        for part in config.description.as_deref()?.split(';') {
            let (key, value) = part.split_once('=')?;
            match key {
                "log" => epoch.log = Log::from_name(value)?,
                "log_id" => epoch.log_id = Uuid::try_parse(value).ok()?,
                "epoch" => epoch.number = value.parse().ok()?,
                "base" => epoch.base = value.parse().ok()?,
                // A newer version may say more.
                _ => {}
            }
        }
        (epoch.stream() == config.name).then_some(epoch)
    }
}

/// As it stands in a stream's description: the servers of Debian 12 keep nothing else that one may add to a stream.
impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { log, log_id, number, base } = self;
        write!(f, "log={log};log_id={log_id};epoch={number};base={base}")
    }
}

/// Every subject of a log's events. One stream holds them, whichever its epoch.
pub(super) fn subjects(log: Log) -> String {
    format!("evt.{log}.>")
}

#[cfg(test)]
mod tests {
    use domain::Log;
    use uuid::Uuid;

    use super::Epoch;

    const EPOCH: Epoch = Epoch { log: Log::Ledger, log_id: Uuid::from_u128(7), number: 3, base: 120_000 };

    #[test]
    fn a_stream_says_which_history_it_holds() {
        assert_eq!(EPOCH.stream(), "VELOERA_LEDGER_3");
        assert_eq!(
            EPOCH.to_string(),
            "log=ledger;log_id=00000000-0000-0000-0000-000000000007;epoch=3;base=120000"
        );
        assert_eq!(Epoch::of(&EPOCH.config()), Some(EPOCH));
    }

    #[test]
    fn a_stream_of_somebody_else_is_no_epoch() {
        for description in [None, Some(""), Some("log=other"), Some("log=ledger;epoch=3")] {
            let mut config = EPOCH.config();
            config.name = "ORDERS".into();
            config.description = description.map(str::to_owned);
            assert_eq!(Epoch::of(&config), None, "{description:?}");
        }
    }

    #[test]
    fn sequences_count_from_the_base() {
        assert_eq!(EPOCH.sequence(120_001), 1);
        assert_eq!(EPOCH.position(1), 120_001);
        assert_eq!(EPOCH.sequence(7), 0);
    }
}

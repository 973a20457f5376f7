//! A follower, with a source that is away, lags, is restored, and a bus that loses, repeats and reorders.

use std::{
    fs::File,
    io::{Seek, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{JournalId, LeaseId, Log, TimeStamp};
use eventlog::{
    Envelope, MasterKey, Place, Recorded, Sealer, StoreError,
    bus::{Head, Heard},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream};
use ledger::NodeClock;
use parking_lot::Mutex;
use tokio::{sync::watch, time};
use uuid::Uuid;

use super::{
    FollowError, Follower, Replica, ReplicaError, Source, SourceError, Written,
    follower::{PAUSE_MAX, WAIT_MS_MAX},
};
use crate::{EventPage, Freshness, StalenessBounds};

const LOG: Uuid = Uuid::from_u128(1);

fn sealer() -> Sealer {
    Sealer::new(&MasterKey::from_hex(&"07".repeat(32)).unwrap())
}

fn event(log_id: Uuid, position: u64) -> Recorded {
    let mut event = Recorded {
        log: Log::Control,
        position,
        stream: "channel:1".into(),
        version: position,
        event_id: Uuid::from_u128(position.into()),
        event_type: "channel_changed".into(),
        schema_version: 1,
        payload: format!("{{\"of\":\"{log_id}\"}}"),
        metadata: "{}".into(),
        recorded_at: TimeStamp::from_micros(1),
        leaf_hash: [0; 32],
    };
    event.leaf_hash = event.expected_hash(log_id);
    event
}

/// As a bus says it.
fn told(envelope: Envelope) -> Heard {
    Heard::Event(Box::new(envelope))
}

/// The control node: a log whose head may be told wrong.
struct Far {
    log: Mutex<(Uuid, Vec<Recorded>)>,
    heads: watch::Sender<u64>,
    /// Says that the log ends here, where it lags.
    lags_at: Mutex<Option<u64>>,
    asked: AtomicU64,
    snapshots: AtomicU64,
    told: AtomicU64,
    is_away: Mutex<bool>,
}

impl Far {
    fn of(log_id: Uuid, length: u64) -> Arc<Self> {
        let events = (1..=length).map(|position| event(log_id, position)).collect();
        Arc::new(Self {
            log: Mutex::new((log_id, events)),
            heads: watch::Sender::new(length),
            lags_at: Mutex::new(None),
            asked: AtomicU64::new(0),
            snapshots: AtomicU64::new(0),
            told: AtomicU64::new(0),
            is_away: Mutex::new(false),
        })
    }

    fn append(&self) -> Envelope {
        let mut log = self.log.lock();
        let new = event(log.0, log.1.len() as u64 + 1);
        log.1.push(new.clone());
        self.heads.send_replace(new.position);
        Envelope::seal(&sealer(), log.0, new)
    }

    fn become_another(&self, log_id: Uuid, length: u64) {
        *self.log.lock() = (log_id, (1..=length).map(|position| event(log_id, position)).collect());
        self.heads.send_replace(length);
    }
}

impl Source for Far {
    fn snapshot(&self) -> BoxFuture<'_, Result<File, SourceError>> {
        self.snapshots.fetch_add(1, Ordering::SeqCst);
        let log = self.log.lock();
        let mut file = tempfile::tempfile().unwrap();
        let place = Place { log_id: log.0, position: log.1.len() as u64 };
        serde_json::to_writer(&mut file, &place).unwrap();
        file.rewind().unwrap();
        async { Ok(file) }.boxed()
    }

    fn events(
        &self,
        after: u64,
        limit: usize,
        wait_ms: u64,
    ) -> BoxFuture<'_, Result<EventPage, SourceError>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        async move {
            if *self.is_away.lock() {
                return Err(SourceError("away".into()));
            }
            let mut heads = self.heads.subscribe();
            let wait = heads.wait_for(|head| *head > after);
            let _ = time::timeout(time::Duration::from_millis(wait_ms), wait).await;
            let log = self.log.lock();
            let head = self.lags_at.lock().unwrap_or(log.1.len() as u64);
            let events = log.1.iter().filter(|event| event.position > after && event.position <= head);
            Ok(EventPage { log_id: log.0, head, events: events.take(limit).cloned().collect() })
        }
        .boxed()
    }

    fn applied(&self, position: u64) -> BoxFuture<'_, Result<(), SourceError>> {
        self.told.store(position, Ordering::SeqCst);
        async { Ok(()) }.boxed()
    }
}

/// Keeps the events themselves, and takes nothing that is not next.
struct Near {
    state: Mutex<(Place, Vec<Recorded>)>,
    positions: watch::Sender<u64>,
    /// Cannot understand this one.
    unknown: Option<u64>,
}

impl Near {
    fn at(position: u64) -> Arc<Self> {
        Self::without(position, None)
    }

    fn without(position: u64, unknown: Option<u64>) -> Arc<Self> {
        let place = Place { log_id: LOG, position };
        let positions = watch::Sender::new(position);
        Arc::new(Self { state: Mutex::new((place, Vec::new())), positions, unknown })
    }

    fn taken(&self) -> Vec<u64> {
        self.state.lock().1.iter().map(|event| event.position).collect()
    }
}

impl Replica for Near {
    fn place(&self) -> Place {
        self.state.lock().0
    }

    fn take(&self, events: &[Recorded]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        for event in events {
            let expected = state.0.position + 1;
            if event.position != expected || self.unknown == Some(expected) {
                return Err(StoreError::Hole { log: event.log, expected, found: event.position });
            }
            state.0.position = expected;
            state.1.push(event.clone());
        }
        self.positions.send_replace(state.0.position);
        Ok(())
    }

    fn rebuild(&self, snapshot: File) -> Result<(), ReplicaError> {
        let place: Place = serde_json::from_reader(snapshot).map_err(|error| ReplicaError(error.into()))?;
        *self.state.lock() = (place, Vec::new());
        self.positions.send_replace(place.position);
        Ok(())
    }

    fn write<'r>(&'r self, out: &mut dyn Write) -> Result<Written<'r>, ReplicaError> {
        let place = self.place();
        serde_json::to_writer(out, &place).unwrap();
        Ok(Written { place, read_from: Box::new(|_| Ok(())) })
    }
}

/// A clock that stands still unless it is moved.
#[derive(Default)]
struct Hands(AtomicU64);

impl NodeClock for Hands {
    fn wall(&self) -> TimeStamp {
        TimeStamp::default()
    }

    fn boot_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn lease_id(&self) -> LeaseId {
        LeaseId(Uuid::nil())
    }

    fn journal_id(&self) -> JournalId {
        JournalId(Uuid::nil())
    }
}

struct Pair {
    far: Arc<Far>,
    near: Arc<Near>,
    freshness: Arc<Freshness>,
    clock: Arc<Hands>,
    follower: Follower,
}

fn pair(far: Arc<Far>, near: Arc<Near>) -> Pair {
    let freshness = Arc::new(Freshness::new(StalenessBounds::default(), None));
    let clock = Arc::new(Hands::default());
    let follower = Follower::new(far.clone(), near.clone(), freshness.clone(), clock.clone(), sealer());
    Pair { far, near, freshness, clock, follower }
}

async fn reaches(near: &Near, position: u64) {
    near.positions.subscribe().wait_for(|at| *at == position).await.unwrap();
}

#[tokio::test]
async fn what_is_asked_for_is_taken_and_the_end_is_known_to_be_reached() {
    let Pair { near, freshness, clock, follower, .. } = pair(Far::of(LOG, 5), Near::at(2));
    clock.0.store(1_000, Ordering::SeqCst);
    follower.ask(0).await.unwrap();
    assert_eq!(near.taken(), [3, 4, 5]);
    assert_eq!(freshness.age_ms(1_500), Some(500));
    assert_eq!(freshness.last().unwrap().place, Place { log_id: LOG, position: 5 });
}

#[tokio::test]
async fn whoever_catches_up_knows_all_that_there_is_or_why_not() {
    let Pair { far, near, freshness, follower, .. } = pair(Far::of(LOG, 2_500), Near::at(1));
    follower.catch_up().await.unwrap();
    assert_eq!((near.place().position, freshness.age_ms(0)), (2_500, Some(0)));
    let Pair { follower, .. } = pair(far.clone(), Near::at(1));
    *far.is_away.lock() = true;
    assert!(matches!(follower.catch_up().await, Err(FollowError::Source(_))));
}

#[tokio::test(start_paused = true)]
async fn news_come_while_they_are_waited_for_and_are_told_to_be_here() {
    let Pair { far, near, follower, .. } = pair(Far::of(LOG, 1), Near::at(0));
    let watch = async {
        reaches(&near, 1).await;
        far.append();
        reaches(&near, 2).await;
        while far.told.load(Ordering::SeqCst) != 2 {
            time::sleep(PAUSE_MAX).await;
        }
    };
    tokio::select! {
        () = follower.run(None) => panic!("it ended"),
        () = watch => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_loses_repeats_and_reorders_leads_to_the_same() {
    let Pair { far, near, follower, .. } = pair(Far::of(LOG, 3), Near::at(0));
    let hints: Vec<Envelope> = (0..20).map(|_| far.append()).collect();
    let picked = [0, 0, 3, 2, 1, 7, 19, 4].map(|index: usize| hints[index].clone());
    let hints = stream::iter(picked.map(told)).chain(stream::pending()).boxed();
    tokio::select! {
        () = follower.run(Some(hints)) => panic!("it ended"),
        () = reaches(&near, 23) => {}
    }
    assert_eq!(near.taken(), (1..=23).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_a_bus_brings_is_taken_without_asking_and_what_is_forged_is_not() {
    let Pair { far, near, follower, .. } = pair(Far::of(LOG, 1), Near::at(1));
    let stranger = Sealer::new(&MasterKey::from_hex(&"08".repeat(32)).unwrap());
    let forged = Envelope::seal(&stranger, LOG, event(LOG, 2));
    follower.heed(told(forged)).await.unwrap();
    assert!(near.taken().is_empty());
    let true_one = far.append();
    follower.heed(told(true_one)).await.unwrap();
    assert_eq!((near.taken(), far.asked.load(Ordering::SeqCst)), (vec![2], 0));
}

#[tokio::test]
async fn a_head_is_reason_to_ask_where_something_is_missing_and_never_reason_not_to() {
    let Pair { far, near, freshness, follower, .. } = pair(Far::of(LOG, 5), Near::at(5));
    let head = |log_id, position| {
        let (epoch, told_at) = (Some(1), TimeStamp::default());
        Heard::Head(Head { log: Log::Control, log_id, epoch, position, told_at })
    };
    for old in [3, 5] {
        follower.heed(head(LOG, old)).await.unwrap();
    }
    assert_eq!((far.asked.load(Ordering::SeqCst), freshness.last()), (0, None));
    far.append();
    follower.heed(head(LOG, 6)).await.unwrap();
    assert_eq!((near.taken(), far.asked.load(Ordering::SeqCst)), (vec![6], 1));
    follower.heed(head(Uuid::from_u128(2), 6)).await.unwrap();
    assert_eq!(far.snapshots.load(Ordering::SeqCst), 0, "who has the log knows better");
}

#[tokio::test]
async fn another_log_is_fetched_anew_at_once() {
    let Pair { far, near, freshness, follower, .. } = pair(Far::of(LOG, 5), Near::at(0));
    follower.ask(0).await.unwrap();
    let other = Uuid::from_u128(2);
    far.become_another(other, 9);
    follower.ask(0).await.unwrap();
    assert_eq!(near.place(), Place { log_id: other, position: 9 });
    follower.ask(0).await.unwrap();
    assert_eq!((freshness.last().unwrap().place.log_id, far.snapshots.load(Ordering::SeqCst)), (other, 1));
}

#[tokio::test]
async fn a_log_that_ends_before_ours_is_only_believed_when_it_says_so_again() {
    let Pair { far, near, freshness, follower, .. } = pair(Far::of(LOG, 5), Near::at(5));
    *far.lags_at.lock() = Some(4);
    for _ in 0..2 {
        let behind = follower.ask(0).await;
        assert!(matches!(behind, Err(FollowError::Behind { head: 4, position: 5 })), "{behind:?}");
    }
    *far.lags_at.lock() = None;
    follower.ask(0).await.unwrap();
    assert_eq!(far.snapshots.load(Ordering::SeqCst), 0, "it only lagged");
    let known = freshness.last();
    far.become_another(LOG, 3);
    for _ in 0..2 {
        follower.ask(0).await.unwrap_err();
    }
    assert_eq!((near.place().position, freshness.last()), (5, known), "nothing is fresh meanwhile");
    follower.ask(0).await.unwrap();
    assert_eq!((near.place().position, far.snapshots.load(Ordering::SeqCst)), (3, 1));
}

#[tokio::test]
async fn an_event_that_cannot_be_understood_ends_it_there_and_freshness_with_it() {
    let Pair { near, freshness, follower, .. } = pair(Far::of(LOG, 5), Near::without(0, Some(4)));
    for _ in 0..2 {
        assert!(matches!(follower.ask(0).await, Err(FollowError::Untaken(_))));
        assert_eq!((near.taken(), freshness.last()), (vec![1, 2, 3], None));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_and_whoever_was_cut_off_knows_at_once_that_nothing_is_missing() {
    let Pair { far, freshness, clock, follower, .. } = pair(Far::of(LOG, 1), Near::at(1));
    // Before the first question, whichever of the two below comes first.
    clock.0.store(1_000, Ordering::SeqCst);
    let watch = async {
        let pause = || time::sleep(time::Duration::from_millis(10));
        while freshness.age_ms(1_000) != Some(0) {
            pause().await;
        }
        // The question that waits now is answered by news, and the next ones by nobody.
        *far.is_away.lock() = true;
        let asked = far.asked.load(Ordering::SeqCst);
        far.append();
        while far.asked.load(Ordering::SeqCst) < asked + 2 {
            pause().await;
        }
        clock.0.store(2_000, Ordering::SeqCst);
        *far.is_away.lock() = false;
        while freshness.age_ms(2_000) != Some(0) {
            pause().await;
        }
    };
    let begun = time::Instant::now();
    tokio::select! {
        () = follower.run(None) => panic!("it ended"),
        () = watch => {}
    }
    // On the test's own clock, which stands still while anything can be done.
    assert!(begun.elapsed() < time::Duration::from_millis(WAIT_MS_MAX), "it waited for news first");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_back_is_gone_on_with() {
    let Pair { far, near, follower, .. } = pair(Far::of(LOG, 1), Near::at(1));
    *far.is_away.lock() = true;
    let watch = async {
        while far.asked.load(Ordering::SeqCst) < 5 {
            time::sleep(PAUSE_MAX).await;
        }
        far.append();
        *far.is_away.lock() = false;
        reaches(&near, 2).await;
    };
    tokio::select! {
        () = follower.run(None) => panic!("it ended"),
        () = watch => {}
    }
}

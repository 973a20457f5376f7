//! The task that speaks to the board, on a clock that passes as fast as nothing happens.

use std::{future::pending, num::NonZeroU32, sync::Arc, time::Duration};

use domain::{CallCounts, CallLimits, TimeStamp, UserId};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::super::{Board, BoardError, Exchanged, Limits, Said, SharingView, Subject};
use crate::Clock;

struct Passing(Instant);

impl Clock for Passing {
    fn now(&self) -> TimeStamp {
        TimeStamp::default()
    }

    fn boot_ms(&self) -> u64 {
        1_000_000 + u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

#[derive(Clone, Copy)]
enum Way {
    Good,
    Broken,
    Silent,
}

struct Wall {
    said: Mutex<Vec<Vec<Said>>>,
    way: Mutex<Way>,
    others: CallCounts,
}

impl Board for Wall {
    fn exchange(&self, said: Vec<Said>) -> BoxFuture<'_, Result<Exchanged, BoardError>> {
        let others = vec![self.others; said.len()];
        self.said.lock().push(said);
        match *self.way.lock() {
            Way::Good => Box::pin(async { Ok(Exchanged { nodes: 2, epoch: "1".into(), others }) }),
            Way::Broken => Box::pin(async { Err(BoardError("broken".into())) }),
            Way::Silent => Box::pin(pending()),
        }
    }
}

fn rig(others: CallCounts) -> (Arc<Limits>, Wall) {
    let limits = Limits::new(Arc::new(Passing(Instant::now())));
    (limits, Wall { said: Mutex::default(), way: Mutex::new(Way::Good), others })
}

fn limited() -> Vec<(Subject, CallLimits)> {
    let limits = CallLimits { requests_per_minute: NonZeroU32::new(9), ..CallLimits::NONE };
    vec![(Subject::User(UserId(Uuid::from_u128(1))), limits)]
}

/// Lets the task work while `script` runs.
async fn while_shared(limits: &Limits, board: &Wall, script: impl Future<Output = ()>) {
    tokio::select! {
        () = limits.share(board) => {}
        () = script => {}
    }
}

fn sharing(limits: &Limits) -> SharingView {
    limits.view().sharing.expect("nodes count together")
}

#[tokio::test(start_paused = true)]
async fn a_node_says_that_it_is_there_and_soon_what_it_has_counted_and_hears_the_others() {
    let mut others = CallCounts::default();
    others.requests[0] = 7;
    let (limits, board) = rig(others);
    while_shared(&limits, &board, async {
        sleep(Duration::from_millis(2_500)).await;
        assert_eq!(*board.said.lock(), vec![Vec::new(); 3], "once a second");
        drop(limits.admit(limited(), 0).unwrap());
        sleep(Duration::from_millis(350)).await;
        let said = board.said.lock().pop().unwrap();
        assert_eq!(
            (said[0].subject.as_str(), said[0].counts.requests[0]),
            ("user:00000000-0000-0000-0000-000000000001", 1)
        );
        // Eight of nine are taken, here and there.
        let admission = limits.admit(limited(), 0).unwrap();
        assert_eq!(admission.rates().requests.unwrap().remaining, 0);
        assert!(limits.admit(limited(), 0).is_err());
    })
    .await;
    assert_eq!(sharing(&limits), SharingView { nodes: 2, is_away: false, ..sharing(&limits) });
}

#[tokio::test(start_paused = true)]
async fn a_board_that_is_broken_or_silent_is_away_after_a_while_and_is_asked_until_it_is_back() {
    for way in [Way::Broken, Way::Silent] {
        let (limits, board) = rig(CallCounts::default());
        while_shared(&limits, &board, async {
            sleep(Duration::from_secs(1)).await;
            *board.way.lock() = way;
            sleep(Duration::from_secs(2)).await;
            assert!(!sharing(&limits).is_away);
            sleep(Duration::from_secs(3)).await;
            assert!(sharing(&limits).is_away);
            // Four of nine are this node's, and no call waits for anybody.
            let admitted = (0..9).filter(|_| limits.admit(limited(), 0).is_ok()).count();
            assert_eq!(admitted, 4);
            *board.way.lock() = Way::Good;
            sleep(Duration::from_secs(3)).await;
            assert_eq!(sharing(&limits), SharingView { nodes: 2, is_away: false, waiting: 0 });
        })
        .await;
        let told = board.said.lock().concat();
        assert_eq!(told.last().unwrap().counts.requests.iter().sum::<u64>(), 4, "it is told again");
    }
}

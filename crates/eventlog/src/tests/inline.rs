use std::sync::Arc;

use domain::Log;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use rstest::rstest;

use super::bench::{
    Bench,
    Store::{self, Postgres, Sqlite},
    append, heads, note, noted, send_append,
};
use crate::{
    Component, Connection, ExecuteError, Executed, Inline, Migration, Recorded, StoreError, StreamAppend, on,
};

const SEEN: &str = "CREATE TABLE seen(log TEXT, position BIGINT)";

/// Keeps what it sees, in memory and in its table, until it sees a payload that says `"fail"`.
#[derive(Default)]
struct Seen {
    events: Mutex<Vec<Recorded>>,
}

impl Inline for Seen {
    fn component(&self) -> Component {
        Component { name: "seen", migrations: &[Migration { sqlite: SEEN, postgres: SEEN }] }
    }

    fn apply<'a>(
        &'a self,
        connection: &'a mut Connection,
        events: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for event in events {
                on!(&mut *connection, c => {
                    sqlx::query("INSERT INTO seen VALUES ($1, $2)")
                        .bind(event.log.as_str())
                        .bind(crate::reader::signed(event.position))
                        .execute(c)
                        .await?;
                });
                if event.payload.contains("fail") {
                    let (log, position) = (event.log, event.position);
                    return Err(StoreError::Inline {
                        model: "seen",
                        log,
                        position,
                        reason: "told to".into(),
                    });
                }
            }
            self.events.lock().extend_from_slice(events);
            Ok(())
        })
    }
}

async fn rows(bench: &Bench) -> i64 {
    bench.count("SELECT COUNT(*) FROM seen").await
}

#[rstest]
#[tokio::test]
async fn an_inline_model_sees_exactly_what_is_appended(#[values(Sqlite, Postgres)] store: Store) {
    let seen = Arc::new(Seen::default());
    let bench = Bench::with(store, vec![Arc::clone(&seen) as Arc<dyn Inline>]).await;
    append(&bench.log, vec![noted(Log::Ledger, "note:1"), noted(Log::Control, "note:2")]).await.unwrap();
    append(&bench.log, Vec::new()).await.unwrap();
    append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap();
    let mut events = seen.events.lock().clone();
    assert_eq!(
        events.iter().map(|event| event.log).collect::<Vec<_>>(),
        [Log::Ledger, Log::Control, Log::Ledger]
    );
    events.sort_by_key(|event| (event.log, event.position));
    let mut stored = bench.all(Log::Control).await;
    stored.extend(bench.all(Log::Ledger).await);
    assert_eq!(events, stored);
    assert_eq!(rows(&bench).await, 3);
}

#[rstest]
#[tokio::test]
async fn an_inline_model_that_fails_fails_the_command_and_nothing_of_it_is_left(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut bench = Bench::waiting(store, vec![Arc::new(Seen::default())]).await;
    let failing =
        StreamAppend { events: vec![note("{}"), note(r#""fail""#)], ..noted(Log::Ledger, "note:1") };
    let work = vec![
        send_append(&bench.log, 1, vec![noted(Log::Ledger, "note:1")]),
        send_append(&bench.log, 2, vec![failing]),
        send_append(&bench.log, 3, vec![noted(Log::Ledger, "note:1")]),
    ];
    let outcomes = bench.in_one_batch(work).await;
    let failed = matches!(
        &outcomes[1],
        Err(ExecuteError::Store(StoreError::Inline { model: "seen", position: 3, .. }))
    );
    assert!(failed, "{:?}", outcomes[1]);
    assert_eq!(*outcomes[2].as_ref().unwrap(), Executed::Done { value: (), positions: heads(0, 2) });
    assert_eq!(bench.all(Log::Ledger).await.len(), 2);
    assert_eq!(rows(&bench).await, 2);
}

use domain::Log;

use rstest::rstest;

use super::bench::{
    Bench, No,
    Store::{self, Postgres, Sqlite},
    append, command, heads, noted, send, send_append,
};
use crate::{ExecuteError, Executed, Fault, StoreError};

fn done(control: u64, ledger: u64) -> Executed<()> {
    Executed::Done { value: (), positions: heads(control, ledger) }
}

#[rstest]
#[tokio::test]
async fn a_refused_decision_leaves_nothing_and_does_no_harm_to_its_batch(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut bench = Bench::waiting(store, Vec::new()).await;
    let refused = send::<(), _>(&bench.log, command(2), |tx| {
        Box::pin(async move {
            tx.append(vec![noted(Log::Control, "note:1"), noted(Log::Ledger, "note:2")]).await?;
            tx.connection().execute("INSERT INTO subject_keys VALUES ('user:1', 'k')").await?;
            Err(Fault::Refused(No))
        })
    });
    let work = vec![
        send_append(&bench.log, 1, vec![noted(Log::Control, "note:1")]),
        refused,
        send_append(&bench.log, 3, vec![noted(Log::Control, "note:1"), noted(Log::Ledger, "note:2")]),
    ];
    let outcomes = bench.in_one_batch(work).await;
    assert_eq!(*outcomes[0].as_ref().unwrap(), done(1, 0));
    assert!(matches!(outcomes[1], Err(ExecuteError::Refused(No))));
    assert_eq!(
        *outcomes[2].as_ref().unwrap(),
        done(2, 1),
        "the positions of the refused are given out again"
    );
    let control = bench.all(Log::Control).await;
    assert_eq!(control.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(bench.count("SELECT COUNT(*) FROM subject_keys").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_statement_that_fails_ends_its_own_decision_only(#[values(Sqlite, Postgres)] store: Store) {
    let mut bench = Bench::waiting(store, Vec::new()).await;
    let failed = send(&bench.log, command(1), |tx| {
        Box::pin(async move {
            tx.append(vec![noted(Log::Ledger, "note:1")]).await?;
            tx.connection().execute("INSERT INTO nowhere VALUES (1)").await?;
            Ok(())
        })
    });
    let work = vec![failed, send_append(&bench.log, 2, vec![noted(Log::Ledger, "note:1")])];
    let outcomes = bench.in_one_batch(work).await;
    assert!(matches!(outcomes[0], Err(ExecuteError::Store(StoreError::Database(_)))), "{outcomes:?}");
    assert_eq!(*outcomes[1].as_ref().unwrap(), done(0, 1));
}

#[rstest]
#[tokio::test]
async fn when_the_database_gives_up_a_transaction_everyone_in_it_hears_why_and_the_next_one_works(
    #[values(Sqlite, Postgres)] store: Store,
) {
    // What SQLite does by itself when the disk is full.
    given_up_by(store, "ROLLBACK").await;
}

#[rstest]
#[tokio::test]
async fn a_failed_transaction_that_is_still_open_is_undone_before_the_next_one(
    #[values(Sqlite, Postgres)] store: Store,
) {
    given_up_by(store, "RELEASE job").await;
}

async fn given_up_by(store: Store, statement: &'static str) {
    let mut bench = Bench::waiting(store, Vec::new()).await;
    let given_up = send(&bench.log, command(2), move |tx| {
        Box::pin(async move {
            tx.connection().execute(statement).await?;
            tx.connection().execute("INSERT INTO nowhere VALUES (1)").await?;
            Ok(())
        })
    });
    let refused = send(&bench.log, command(0), |_| Box::pin(async { Err(Fault::Refused(No)) }));
    let work = vec![
        send_append(&bench.log, 1, vec![noted(Log::Ledger, "note:1")]),
        refused,
        given_up,
        send_append(&bench.log, 3, vec![noted(Log::Ledger, "note:1")]),
    ];
    let outcomes = bench.in_one_batch(work).await;
    for index in [0, 1, 3] {
        let aborted = matches!(&outcomes[index], Err(ExecuteError::Store(StoreError::Aborted(_))));
        assert!(aborted, "{index}: {:?}", outcomes[index]);
    }
    assert!(matches!(&outcomes[2], Err(ExecuteError::Store(StoreError::Database(_)))), "{:?}", outcomes[2]);
    assert!(bench.all(Log::Ledger).await.is_empty());
    let again = send_append(&bench.log, 1, vec![noted(Log::Ledger, "note:1")]).await;
    assert_eq!(again.unwrap(), done(0, 1), "what did not stand is not remembered");
}

#[rstest]
#[tokio::test]
async fn a_decision_that_panics_leaves_nothing_and_the_others_stand(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut bench = Bench::waiting(store, Vec::new()).await;
    let panics = send(&bench.log, command(1), |tx| {
        Box::pin(async move {
            tx.append(vec![noted(Log::Ledger, "note:1")]).await?;
            panic!("as it must")
        })
    });
    let work = vec![panics, send_append(&bench.log, 2, vec![noted(Log::Ledger, "note:1")])];
    let outcomes = bench.in_one_batch(work).await;
    assert!(matches!(outcomes[0], Err(ExecuteError::Store(StoreError::Panicked))), "{outcomes:?}");
    assert_eq!(*outcomes[1].as_ref().unwrap(), done(0, 1));
}

#[rstest]
#[tokio::test]
async fn a_decision_that_goes_on_after_a_failed_append_does_not_stand(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let went_on = send(&bench.log, command(1), |tx| {
        Box::pin(async move {
            let mut conflicting = noted(Log::Ledger, "note:2");
            conflicting.expected = Some(7);
            assert!(tx.append(vec![noted(Log::Ledger, "note:1"), conflicting]).await.is_err());
            tx.append(vec![noted(Log::Ledger, "note:3")]).await?;
            Ok(())
        })
    });
    assert!(matches!(went_on.await, Err(ExecuteError::Store(StoreError::WentOn))));
    assert_eq!(append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap(), heads(0, 1));
}

#[rstest]
#[tokio::test]
async fn once_the_appender_has_ended_the_log_says_that_it_is_closed(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let log = bench.log.clone();
    drop(bench);
    let outcome = append(&log, vec![noted(Log::Ledger, "note:1")]).await;
    assert!(matches!(outcome, Err(ExecuteError::Store(StoreError::Closed))), "{outcome:?}");
}

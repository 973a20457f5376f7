use domain::Log;
use uuid::Uuid;

use rstest::rstest;

use super::bench::{
    Bench,
    Store::{self, Postgres, Sqlite},
    append, heads, noted, send_append,
};
use crate::{Database, Executed, StoreError, connect_read_only};

/// Every way of SQL to change what stands in a table of events, or to put something in its place.
fn changes(store: Store, table: &str) -> Vec<String> {
    let rest = format!(
        "version, event_id, event_type, schema_version, '[]', metadata, recorded_at, leaf_hash FROM {table}"
    );
    let same_place = format!("SELECT position, 'note:2', {rest}");
    let same_version = format!("SELECT 2, stream, {rest}");
    let upsert = "WHERE true ON CONFLICT (position) DO UPDATE SET payload = '[]'";
    let mut changes = vec![
        format!("UPDATE {table} SET payload = '[]'"),
        format!("UPDATE {table} SET position = position + 1"),
        format!("DELETE FROM {table}"),
        format!("DELETE FROM {table} WHERE position = 1"),
        format!("INSERT INTO {table} {same_place} {upsert}"),
    ];
    match store {
        Sqlite => {
            for or in ["", "OR REPLACE", "OR IGNORE", "OR FAIL"] {
                changes.push(format!("UPDATE {or} {table} SET payload = '[]'"));
                changes.push(format!("INSERT {or} INTO {table} {same_place}"));
                changes.push(format!("INSERT {or} INTO {table} {same_version}"));
            }
            changes.push(format!("INSERT INTO {table} SELECT 0, 'note:0', {rest}"));
            changes.push(format!("INSERT INTO {table} SELECT NULL, 'note:0', {rest}"));
        }
        Postgres => {
            changes.push(format!("UPDATE {table}_1 SET payload = '[]'"));
            changes.push(format!("DELETE FROM {table}_1"));
            changes.push(format!("TRUNCATE {table} CASCADE"));
            changes.push(format!("TRUNCATE {table}_1"));
            let merge =
                format!("MERGE INTO {table} t USING {table} o ON t.position = o.position WHEN MATCHED THEN");
            changes.push(format!("{merge} UPDATE SET payload = '[]'"));
            changes.push(format!("{merge} DELETE"));
        }
    }
    changes
}

#[rstest]
#[tokio::test]
async fn the_database_refuses_to_change_drop_or_replace_an_event(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Control, "note:1"), noted(Log::Ledger, "note:1")]).await.unwrap();
    let before = [bench.all(Log::Control).await, bench.all(Log::Ledger).await];
    let mut raw = bench.raw().await;
    // REPLACE deletes without a word to triggers on DELETE, unless these are recursive.
    let modes: &[&str] = match store {
        Sqlite => &["PRAGMA recursive_triggers = OFF", "PRAGMA recursive_triggers = ON"],
        Postgres => &["SELECT 1"],
    };
    for mode in modes {
        raw.execute(mode).await.unwrap();
        for statement in
            ["control_events", "ledger_events"].into_iter().flat_map(|table| changes(store, table))
        {
            let refused = raw.execute(&statement).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{statement}: {refused}");
        }
    }
    assert_eq!([bench.all(Log::Control).await, bench.all(Log::Ledger).await], before);
}

#[rstest]
#[tokio::test]
async fn a_reopened_log_goes_on_where_it_was(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let first =
        send_append(&bench.log, 1, vec![noted(Log::Control, "note:1"), noted(Log::Ledger, "note:1")]).await;
    assert_eq!(first.unwrap(), Executed::Done { value: (), positions: heads(1, 1) });
    let ids = Log::ALL.map(|log| bench.log.reader().log_id(log));
    bench.clock.set(0);
    let bench = bench.reopened().await.unwrap();
    assert_eq!(Log::ALL.map(|log| bench.log.reader().log_id(log)), ids);
    assert_eq!(*bench.log.subscribe().borrow(), heads(1, 1));
    let repeat = send_append(&bench.log, 1, Vec::new()).await;
    assert_eq!(repeat.unwrap(), Executed::Repeated { positions: heads(1, 1), answer: None });
    assert_eq!(append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap(), heads(0, 2));
    let ledger = bench.all(Log::Ledger).await;
    assert_eq!(ledger[1].version, 2);
    assert!(ledger[1].recorded_at > ledger[0].recorded_at, "though the clock went back in between");
}

#[rstest]
#[tokio::test]
async fn two_installations_have_logs_of_their_own(#[values(Sqlite, Postgres)] store: Store) {
    let (one, other) = (Bench::new(store).await, Bench::new(store).await);
    let ids = [&one, &other].map(|bench| Log::ALL.map(|log| bench.log.reader().log_id(log))).concat();
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert!(!ids.contains(&Uuid::nil()));
}

#[rstest]
#[tokio::test]
async fn a_database_of_a_newer_version_is_refused(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let newer = "UPDATE schema_versions SET version = 9 WHERE component = 'eventlog'";
    bench.raw().await.execute(newer).await.unwrap();
    let outcome = bench.reopened().await.map(|_| ());
    let Err(StoreError::NewerDatabase { component, found: 9, known: 2 }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(component, "eventlog");
}

#[rstest]
#[tokio::test]
async fn a_reader_beside_the_writer_sees_what_is_committed_and_writes_nothing(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    let reader = connect_read_only(bench.database(), &[]).await.unwrap();
    assert_eq!(reader.heads().await.unwrap(), heads(1, 0));
    assert!(reader.pool().acquire().await.unwrap().execute("DELETE FROM commands").await.is_err());
    let elsewhere = match bench.database() {
        Database::Sqlite(path) => Database::Sqlite(path.with_extension("none")),
        Database::Postgres(options) => Database::Postgres(Box::new(options.database("none"))),
    };
    assert!(connect_read_only(elsewhere, &[]).await.is_err());
}

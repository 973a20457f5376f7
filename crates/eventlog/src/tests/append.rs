use domain::{
    GroupName, Log, StoredEvent,
    group::{Group, GroupEvent},
    price::Ratio,
};

use rstest::rstest;

use super::bench::{
    Bench, MORNING_US,
    Store::{self, Postgres, Sqlite},
    append, heads, note, noted, transact,
};
use crate::{ExecuteError, Metadata, NewEvent, StoreError, StreamAppend, decode};

#[rstest]
#[tokio::test]
async fn an_append_over_several_streams_and_both_logs_stands_whole(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let appends = vec![
        noted(Log::Ledger, "note:1"),
        noted(Log::Control, "note:1"),
        StreamAppend { events: vec![note("{}"), note("{}")], ..noted(Log::Ledger, "note:2") },
        noted(Log::Ledger, "note:1"),
    ];
    assert_eq!(append(&bench.log, appends).await.unwrap(), heads(1, 4));
    let ledger = bench.all(Log::Ledger).await;
    let places: Vec<_> = ledger.iter().map(|event| (event.stream.as_str(), event.version)).collect();
    assert_eq!(places, [("note:1", 1), ("note:2", 1), ("note:2", 2), ("note:1", 2)]);
    assert_eq!(bench.all(Log::Control).await.len(), 1);
}

#[rstest]
#[tokio::test]
async fn an_append_to_a_stream_that_has_moved_is_a_conflict_and_leaves_nothing(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Ledger, "note:1")]).await.unwrap();
    let stale = StreamAppend { expected: Some(0), ..noted(Log::Ledger, "note:1") };
    let outcome = append(&bench.log, vec![noted(Log::Control, "note:1"), stale]).await;
    let Err(ExecuteError::Store(StoreError::Conflict { stream, expected: 0, found: 1 })) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(stream, "note:1");
    assert_eq!(bench.log.reader().heads().await.unwrap(), heads(0, 1));
    let fresh = StreamAppend { expected: Some(1), ..noted(Log::Ledger, "note:1") };
    assert_eq!(append(&bench.log, vec![fresh]).await.unwrap(), heads(0, 2));
}

#[rstest]
#[tokio::test]
async fn the_same_stream_name_in_the_other_log_is_another_stream(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    append(&bench.log, vec![noted(Log::Control, "note:1")]).await.unwrap();
    let new = StreamAppend { expected: Some(0), ..noted(Log::Ledger, "note:1") };
    assert_eq!(append(&bench.log, vec![new]).await.unwrap(), heads(0, 1));
}

#[rstest]
#[tokio::test]
async fn time_rises_with_the_position_even_when_the_clock_goes_back(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    for now in [MORNING_US, MORNING_US - 5_000_000, MORNING_US - 9_000_000, MORNING_US + 7] {
        bench.clock.set(now);
        append(&bench.log, vec![noted(Log::Ledger, "note:1"), noted(Log::Ledger, "note:2")]).await.unwrap();
    }
    let after: Vec<_> =
        bench.all(Log::Ledger).await.iter().map(|event| event.recorded_at.micros() - MORNING_US).collect();
    assert_eq!(after, [0, 1, 2, 3, 4, 5, 7, 8]);
}

#[rstest]
#[tokio::test]
async fn every_character_comes_back_as_it_was_written(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let odd = "'\"\\ \u{0} \u{1f} \u{7f} \u{2028} \u{fffd} ä 😀 %s $.a ] 1e999 9007199254740993";
    let payload = serde_json::to_string(odd).unwrap();
    let stream = "note:'\"\\ä😀$.[0]";
    let append = StreamAppend { events: vec![note(&payload)], ..noted(Log::Ledger, stream) };
    let metadata = Metadata { actor: Some(odd.to_owned()), ..Metadata::default() };
    let taken = transact(&bench.log, metadata.clone(), |tx| {
        Box::pin(async move { Ok(tx.append(vec![append]).await?) })
    });
    taken.await.unwrap();
    let event = bench.log.reader().stream(Log::Ledger, stream).await.unwrap().remove(0);
    assert_eq!(event.payload, payload);
    assert_eq!(event.stream, stream);
    assert_eq!(serde_json::from_str::<Metadata>(&event.metadata).unwrap(), metadata);
    assert_eq!(event.expected_hash(bench.log.reader().log_id(Log::Ledger)), event.leaf_hash);
}

/// `event` as something that was stored.
async fn stored(event: NewEvent) -> crate::Recorded {
    let bench = Bench::new(Sqlite).await;
    append(&bench.log, vec![StreamAppend { events: vec![event], ..noted(Log::Control, "group:vip") }])
        .await
        .unwrap();
    bench.all(Log::Control).await.remove(0)
}

#[tokio::test]
async fn an_event_of_a_newer_program_is_told_from_a_damaged_one() {
    let known = NewEvent::of(&GroupEvent::Deleted {}).unwrap();
    let newer = NewEvent {
        schema_version: 2,
        payload: r#"{"type":"group_deleted_for"}"#.to_owned(),
        ..known.clone()
    };
    let unknown = NewEvent {
        event_type: "group_merged",
        payload: r#"{"type":"group_merged"}"#.to_owned(),
        ..known.clone()
    };
    let damaged = NewEvent { payload: r#"{"type":"group_del"#.to_owned(), ..known.clone() };
    assert_eq!(decode::<GroupEvent>(&stored(known).await).unwrap(), GroupEvent::Deleted {});
    for event in [newer, unknown] {
        let outcome = decode::<GroupEvent>(&stored(event).await);
        assert!(matches!(outcome, Err(StoreError::NewerEvent { position: 1, .. })), "{outcome:?}");
    }
    let outcome = decode::<GroupEvent>(&stored(damaged).await);
    assert!(matches!(outcome, Err(StoreError::Decode { position: 1, .. })), "{outcome:?}");
}

#[rstest]
#[tokio::test]
async fn an_aggregate_is_loaded_with_what_the_same_decision_appended(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let name = GroupName::new("vip").unwrap();
    let created = GroupEvent::Created { name: name.clone(), ratio: Ratio::ONE };
    let append =
        StreamAppend { events: vec![NewEvent::of(&created).unwrap()], ..noted(Log::Control, "group:vip") };
    let loaded = transact(&bench.log, Metadata::default(), |tx| {
        Box::pin(async move {
            tx.append(vec![append]).await?;
            Ok(tx.load::<Group>("vip").await?)
        })
    });
    let (loaded, _) = loaded.await.unwrap();
    assert_eq!(loaded, (Group::Present { name, ratio: Ratio::ONE }, 1));
    assert_eq!(bench.all(Log::Control).await[0].event_type, created.tag());
}

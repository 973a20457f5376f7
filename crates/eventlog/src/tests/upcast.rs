use domain::{Log, StoredEvent, Upcast, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    bench::{Bench, Store::Sqlite, append, noted},
    purse::{FIRST, INTO_CENTS, Purse, PurseEvent, SECOND, THIRD, WITH_CURRENCY, filled},
};
use crate::{NewEvent, Recorded, StoreError, StreamAppend, UpcastFault, decode, schemas_of, upcast_faults};

const STREAM: &str = "purse:1";

fn of(version: u32, payload: &str) -> NewEvent {
    NewEvent { event_type: "purse_filled", schema_version: version, payload: payload.to_owned() }
}

/// These, as a log has them.
async fn stored(events: Vec<NewEvent>) -> (Bench, Vec<Recorded>) {
    let bench = Bench::new(Sqlite).await;
    append(&bench.log, vec![StreamAppend { events, ..noted(Log::Ledger, STREAM) }]).await.unwrap();
    let stored = bench.all(Log::Ledger).await;
    (bench, stored)
}

async fn decoded(event: NewEvent) -> Result<PurseEvent, StoreError> {
    decode(&stored(vec![event]).await.1[0])
}

#[tokio::test]
async fn every_shape_that_an_event_has_had_is_read_as_the_newest_and_stays_as_it_was_stored() {
    let shapes = [FIRST, SECOND, THIRD];
    let events = shapes.iter().zip(1..).map(|(payload, version)| of(version, payload)).collect();
    let (bench, stored) = stored(events).await;
    let ledger = bench.log.reader().log_id(Log::Ledger);
    for (event, shape) in stored.iter().zip(shapes) {
        assert_eq!(decode::<PurseEvent>(event).unwrap(), filled(300));
        assert_eq!(event.payload, shape);
        assert_eq!(event.expected_hash(ledger), event.leaf_hash);
    }
    assert_eq!(bench.log.load::<Purse>("1").await.unwrap(), (Purse { cents: 900, changes: 3 }, 3));
}

#[tokio::test]
async fn what_is_written_is_of_the_newest_shape() {
    let event = NewEvent::of(&filled(300)).unwrap();
    assert_eq!((event.schema_version, event.payload.as_str()), (3, THIRD));
    let versions: Vec<_> = schemas_of::<PurseEvent>()
        .unwrap()
        .iter()
        .map(|schema| (schema.event_type, schema.version))
        .collect();
    assert_eq!(versions, [("purse_filled", 3), ("purse_doubled", 1)]);
}

#[tokio::test]
async fn an_event_of_the_future_is_named_with_its_place_its_type_and_its_version() {
    let newer = decoded(of(4, THIRD)).await.unwrap_err();
    let StoreError::NewerEvent { log: Log::Ledger, position: 1, event_type, version: 4 } = &newer else {
        panic!("{newer:?}");
    };
    assert_eq!(event_type, "purse_filled");
    assert!(newer.to_string().contains("ledger log's event 1 is a `purse_filled` of version 4"), "{newer}");
    let unknown = NewEvent { event_type: "purse_stolen", ..of(1, r#"{"type":"purse_stolen"}"#) };
    let unknown = decoded(unknown).await.unwrap_err();
    let StoreError::NewerEvent { position: 1, event_type, version: 1, .. } = &unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(event_type, "purse_stolen");
}

#[tokio::test]
async fn a_payload_that_is_not_what_its_version_says_is_told_from_a_damaged_one() {
    let shapeless = decoded(of(1, SECOND)).await;
    let missing = UpcastError::Missing("dollars");
    assert!(
        matches!(&shapeless, Err(StoreError::Upcast { position: 1, version: 1, source, .. }) if *source == missing),
        "{shapeless:?}"
    );
    // The first step makes it what the second takes for no object.
    let text = decoded(of(2, "[]")).await;
    assert!(
        matches!(&text, Err(StoreError::Upcast { version: 2, source: UpcastError::NoObject, .. })),
        "{text:?}"
    );
    let damaged = decoded(of(1, r#"{"type":"purse_fil"#)).await;
    assert!(matches!(damaged, Err(StoreError::Decode { position: 1, .. })), "{damaged:?}");
}

#[tokio::test]
async fn an_event_under_another_types_name_is_not_read() {
    let renamed = NewEvent { event_type: "purse_doubled", ..of(1, THIRD) };
    let outcome = decoded(renamed).await;
    assert!(matches!(outcome, Err(StoreError::Decode { position: 1, .. })), "{outcome:?}");
}

/// The same events with the step from version 1 forgotten, another taken twice, and some that lead nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Forgetful(PurseEvent);

const NOWHERE: Upcast = Upcast { from: 3, ..WITH_CURRENCY };
const OF_NOTHING: Upcast = Upcast { event_type: "purse_stolen", ..INTO_CENTS };

impl StoredEvent for Forgetful {
    fn tag(&self) -> &'static str {
        self.0.tag()
    }
    fn schema_version(&self) -> u32 {
        self.0.schema_version()
    }
    fn upcasts() -> &'static [Upcast] {
        &[WITH_CURRENCY, WITH_CURRENCY, NOWHERE, OF_NOTHING]
    }
    fn samples() -> Vec<Self> {
        PurseEvent::samples().into_iter().map(Self).collect()
    }
}

#[tokio::test]
async fn a_gap_in_the_steps_shows_and_nothing_is_read_across_it() {
    assert_eq!(upcast_faults::<PurseEvent>(), []);
    assert_eq!(
        upcast_faults::<Forgetful>(),
        [
            UpcastFault::Missing { event_type: "purse_filled", from: 1 },
            UpcastFault::Twice { event_type: "purse_filled", from: 2 },
            UpcastFault::Idle { event_type: "purse_filled", from: 3 },
            UpcastFault::Idle { event_type: "purse_stolen", from: 1 },
        ]
    );
    let (_bench, stored) = stored(vec![of(1, FIRST), of(1, THIRD)]).await;
    for event in stored {
        let outcome = decode::<Forgetful>(&event);
        assert!(matches!(outcome, Err(StoreError::NoUpcast { version: 1, .. })), "{outcome:?}");
    }
}

//! The gateway dies at each named point of a call's life, on each store: what was billed is charged exactly once.

use std::{fs, path::Path};

use eventlog::fault::Point;
use rstest::rstest;
use tests::{Launch, Veloera, binary, chance, wait, world::SEEN_MAX};

use crate::crash::Trial;

/// Small files, so that one is full soon.
const SEGMENT_BYTES: u32 = 512 * 1024;

/// Late enough that what tests set up is there, early enough that a load comes to it soon.
const fn nth(point: Point) -> u32 {
    match point {
        Point::DuringRotation => 1,
        Point::MidStream => 2,
        Point::DuringIngest => 3,
        Point::DuringAppend => 120,
        _ => 20,
    }
}

async fn dies_at(point: Point, launch: Launch) {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("witness");
    let fault = format!("{}@{}@{}", point.name(), nth(point), witness.display());
    let launch =
        launch.build(binary::with_faults()).set("FAULT", fault).set("JOURNAL_SEGMENT_BYTES", SEGMENT_BYTES);
    let mut trial = Trial::start(launch, chance::seed()).await;
    assert!(!witness.exists(), "{point:?} came to pass before there was any load");
    trial
        .round(async |veloera: &mut Veloera| {
            let status = wait::until("the fault", SEEN_MAX, async || veloera.exited()).await;
            assert!(!status.success(), "{point:?}: {status}");
            assert_eq!(said(&witness), point.name());
            veloera.unset("FAULT");
        })
        .await;
    trial.check(1).await;
}

/// What the process wrote before it died.
fn said(witness: &Path) -> String {
    fs::read_to_string(witness).unwrap_or_else(|error| panic!("it died of something else: {error}"))
}

/// Where the logs are.
#[derive(Clone, Copy, Debug)]
enum Store {
    File,
    Server,
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn killed_at(
    #[values(
        Point::BeforeReserve,
        Point::AfterReserve,
        Point::AfterSent,
        Point::MidStream,
        Point::AfterUsage,
        Point::AfterSettle,
        Point::DuringIngest,
        Point::DuringRotation,
        Point::DuringAppend
    )]
    point: Point,
    #[values(Store::File, Store::Server)] store: Store,
) {
    match store {
        Store::File => dies_at(point, Launch::default()).await,
        Store::Server => {
            let database = servers::postgres().database().await;
            dies_at(point, Launch::default().on(&database)).await;
        }
    }
}

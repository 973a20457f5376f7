//! What one process writes down and the next one finds.

use std::{
    fs::{self, File},
    io::{Read, Write},
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

use domain::{JournalId, LeaseId};
use eventlog::{MasterKey, Recorded, StoreError};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    Arc, Freshness, NodeClock, Place, Reached, Replica, ReplicaError, Sealer, Shelf, ShelfError, TimeStamp,
};
use crate::{StalenessBounds, Written};

fn sealer(byte: &str) -> Sealer {
    Sealer::new(&MasterKey::from_hex(&byte.repeat(32)).unwrap())
}

const fn at(position: u64) -> Place {
    Place { log_id: Uuid::from_u128(1), position }
}

/// Holds nothing but where it stands, and whether it has something to write that no event brought.
#[derive(Default)]
struct Still(AtomicU64, AtomicBool);

fn still(position: u64) -> Still {
    Still(position.into(), AtomicBool::new(false))
}

impl Replica for Still {
    fn place(&self) -> Place {
        at(self.0.load(Ordering::SeqCst))
    }

    fn take(&self, _: &[Recorded]) -> Result<(), StoreError> {
        Ok(())
    }

    fn rebuild(&self, _: File) -> Result<(), ReplicaError> {
        Ok(())
    }

    fn write<'r>(&'r self, out: &mut dyn Write) -> Result<Written<'r>, ReplicaError> {
        let place = self.place();
        let text = format!("at {}", place.position);
        out.write_all(text.as_bytes()).unwrap();
        // What it is told to read from is what it wrote.
        let read_from = Box::new(move |mut file: File| {
            let mut found = String::new();
            file.read_to_string(&mut found).unwrap();
            assert_eq!(found, text);
            Ok(())
        });
        Ok(Written { place, read_from })
    }

    fn has_unwritten(&self) -> bool {
        self.1.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Hands {
    boot_ms: AtomicU64,
    wall_ms: AtomicI64,
}

impl NodeClock for Hands {
    fn wall(&self) -> TimeStamp {
        TimeStamp::from_micros(self.wall_ms.load(Ordering::SeqCst) * 1_000)
    }

    fn boot_ms(&self) -> u64 {
        self.boot_ms.load(Ordering::SeqCst)
    }

    fn lease_id(&self) -> LeaseId {
        LeaseId(Uuid::nil())
    }

    fn journal_id(&self) -> JournalId {
        JournalId(Uuid::nil())
    }
}

fn shelf(dir: &TempDir, boot: &str, clock: &Arc<Hands>) -> Shelf {
    Shelf::new(dir.path(), &sealer("07"), boot.into(), clock.clone())
}

/// What the snapshot says.
fn text(shelf: &Shelf) -> String {
    let mut text = String::new();
    shelf.snapshot().unwrap().unwrap().read_to_string(&mut text).unwrap();
    text
}

fn freshness() -> Freshness {
    Freshness::new(StalenessBounds::default(), None)
}

#[test]
fn what_was_written_down_is_found_with_how_old_it_is() {
    let (dir, clock, fresh) = (TempDir::new().unwrap(), Arc::new(Hands::default()), freshness());
    let first = shelf(&dir, "boot 1", &clock);
    assert!(first.snapshot().unwrap().is_none());
    assert_eq!(first.reached(at(0)).unwrap(), None);
    fresh.reached(at(5), 1_000);
    clock.boot_ms.store(1_400, Ordering::SeqCst);
    first.put(&still(5), &fresh).unwrap();

    let next = shelf(&dir, "boot 1", &clock);
    assert_eq!(text(&next), "at 5");
    assert_eq!(next.reached(at(5)).unwrap(), Some(Reached { place: at(5), at_ms: 1_000 }));
}

#[test]
fn a_snapshot_is_only_as_fresh_as_the_moment_at_which_nothing_was_missing_in_it() {
    let (dir, clock, fresh) = (TempDir::new().unwrap(), Arc::new(Hands::default()), freshness());
    let (first, replica) = (shelf(&dir, "boot 1", &clock), still(5));
    fresh.reached(at(5), 1_000);
    first.put(&replica, &fresh).unwrap();
    // What came since is not in the snapshot: that it is known now makes the snapshot no fresher.
    replica.0.store(6, Ordering::SeqCst);
    fresh.reached(at(6), 2_000);
    first.put_reached(&fresh).unwrap();
    let reached = shelf(&dir, "boot 1", &clock).reached(at(5)).unwrap();
    assert_eq!(reached, Some(Reached { place: at(5), at_ms: 1_000 }));
    first.put(&replica, &fresh).unwrap();
    let next = shelf(&dir, "boot 1", &clock);
    assert_eq!(text(&next), "at 6");
    assert_eq!(next.reached(at(6)).unwrap(), Some(Reached { place: at(6), at_ms: 2_000 }));
    assert_eq!(next.reached(at(5)).unwrap(), None, "it is of another place");
}

#[test]
fn what_no_event_brought_is_written_where_there_is_any_and_what_is_there_is_not_written_twice() {
    let (dir, clock, fresh) = (TempDir::new().unwrap(), Arc::new(Hands::default()), freshness());
    let (shelf, replica) = (shelf(&dir, "boot 1", &clock), still(5));
    shelf.put(&replica, &fresh).unwrap();
    let path = dir.path().join("directory.snapshot");
    for has_unwritten in [false, true] {
        fs::remove_file(&path).unwrap();
        replica.1.store(has_unwritten, Ordering::SeqCst);
        shelf.put(&replica, &fresh).unwrap();
        assert_eq!(path.exists(), has_unwritten);
        fs::write(&path, "").unwrap();
    }
}

#[test]
fn after_the_machine_started_anew_the_wall_clock_tells_how_old_it_is_unless_it_was_set_back() {
    let (dir, clock, fresh) = (TempDir::new().unwrap(), Arc::new(Hands::default()), freshness());
    clock.boot_ms.store(50_000, Ordering::SeqCst);
    clock.wall_ms.store(1_000_000, Ordering::SeqCst);
    // Five seconds ago.
    fresh.reached(at(5), 45_000);
    shelf(&dir, "boot 1", &clock).put(&still(5), &fresh).unwrap();
    clock.boot_ms.store(2_000, Ordering::SeqCst);
    clock.wall_ms.store(1_010_000, Ordering::SeqCst);
    let reached = shelf(&dir, "boot 2", &clock).reached(at(5)).unwrap().unwrap();
    assert_eq!(Freshness::new(StalenessBounds::default(), Some(reached)).age_ms(2_000), Some(15_000));
    clock.wall_ms.store(900_000, Ordering::SeqCst);
    assert_eq!(shelf(&dir, "boot 2", &clock).reached(at(5)).unwrap(), None);
}

#[test]
fn what_was_changed_or_is_of_another_installation_is_not_used() {
    let (dir, clock, fresh) = (TempDir::new().unwrap(), Arc::new(Hands::default()), freshness());
    fresh.reached(at(5), 1_000);
    shelf(&dir, "boot 1", &clock).put(&still(5), &fresh).unwrap();
    let other = Shelf::new(dir.path(), &sealer("08"), "boot 1".into(), clock.clone());
    assert!(matches!(other.snapshot(), Err(ShelfError::Forged(_))));
    assert!(matches!(other.reached(at(5)), Err(ShelfError::Forged(_))));
    let path = dir.path().join("directory.snapshot");
    let good = fs::read(&path).unwrap();
    for index in 0..good.len() {
        let mut bad = good.clone();
        bad[index] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(matches!(shelf(&dir, "boot 1", &clock).snapshot(), Err(ShelfError::Forged(_))), "{index}");
        fs::write(&path, &good[..index]).unwrap();
        assert!(matches!(shelf(&dir, "boot 1", &clock).snapshot(), Err(ShelfError::Forged(_))), "{index}");
    }
    // One file is not taken for the other.
    fs::copy(&path, dir.path().join("directory.reached")).unwrap();
    assert!(matches!(shelf(&dir, "boot 1", &clock).reached(at(5)), Err(ShelfError::Forged(_))));
}

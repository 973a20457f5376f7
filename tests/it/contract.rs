//! What was promised to others, byte for byte: the interface, and the shapes of events.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use domain::{
    StoredEvent,
    account::AccountEvent,
    api_token::ApiTokenEvent,
    budget::{BudgetEvent, BudgetWindowEvent},
    channel::ChannelEvent,
    group::GroupEvent,
    journal::JournalEvent,
    login::LoginEvent,
    node::NodeEvent,
    price_list::PriceListEvent,
    session::SessionEvent,
    settings::SettingsEvent,
    user::UserEvent,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tests::{
    binary,
    workspace::{files, root, text},
};

/// Every file under `dir` with its bytes, named from there.
fn tree(dir: &Path) -> BTreeMap<PathBuf, String> {
    files(dir)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(dir).unwrap().to_owned();
            (name, text(&path).expect("schemas are text"))
        })
        .collect()
}

fn committed() -> BTreeMap<PathBuf, String> {
    tree(&root().join("schemas/events"))
}

#[test]
fn the_openapi_document_is_what_the_handlers_say() {
    let committed = text(&root().join("openapi/openapi.json")).expect("the document is text");
    let generated = binary::output(["openapi"]);
    assert!(committed == generated, "write it anew: `veloera openapi > openapi/openapi.json`");
}

#[test]
fn the_schemas_are_what_the_events_are() {
    let out = tempfile::tempdir().unwrap();
    let generate = || binary::output(["schemas".as_ref(), "--out".as_ref(), out.path().as_os_str()]);
    generate();
    let generated = tree(&out.path().join("events"));
    assert!(!generated.is_empty());
    let committed = committed();
    // Over what is committed nothing is to be written anew: what says the same keeps its bytes.
    for (name, text) in &committed {
        let path = out.path().join("events").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    generate();
    for (name, text) in tree(&out.path().join("events")) {
        assert_eq!(committed.get(&name), Some(&text), "{}: write it anew: `veloera schemas`", name.display());
    }
    // What is generated no more must be an older shape of something that still is.
    for name in committed.keys().filter(|name| !generated.contains_key(*name)) {
        let kind = name.parent();
        assert!(generated.keys().any(|other| other.parent() == kind), "{} is of no event", name.display());
    }
}

/// A sample that was written in some version: its tag, that version, its payload.
struct Sample {
    name: PathBuf,
    tag: String,
    version: u32,
    payload: Value,
}

/// Every sample of every version that there ever was.
fn samples() -> Vec<Sample> {
    let samples = committed().into_iter().filter_map(|(name, text)| {
        let (tag, file) = name.to_str()?.split_once('/')?;
        let version = file.strip_prefix('v')?.strip_suffix(".sample.json")?.parse().ok()?;
        let (tag, payload) = (tag.to_owned(), serde_json::from_str(&text).unwrap());
        Some(Sample { name, tag, version, payload })
    });
    samples.collect()
}

/// The sample as `E` reads and writes it, with the version that this is of, if it is one of its kind.
fn read_back<E: StoredEvent>(sample: &Sample) -> Option<(Value, u32)> {
    E::samples().iter().any(|known| known.tag() == sample.tag).then(|| {
        let name = sample.name.display();
        let (payload, version) = eventlog::upcast::<E>(&sample.tag, sample.version, sample.payload.clone())
            .unwrap_or_else(|(error, version)| panic!("{name}: at version {version}: {error}"));
        let event: E = serde_json::from_value(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((event.tag(), event.schema_version()), (sample.tag.as_str(), version), "{name}");
        (serde_json::to_value(&event).unwrap(), version)
    })
}

#[test]
fn every_sample_of_every_version_is_still_read() {
    let readers = [
        read_back::<AccountEvent>,
        read_back::<ApiTokenEvent>,
        read_back::<BudgetEvent>,
        read_back::<BudgetWindowEvent>,
        read_back::<ChannelEvent>,
        read_back::<GroupEvent>,
        read_back::<JournalEvent>,
        read_back::<LoginEvent>,
        read_back::<NodeEvent>,
        read_back::<PriceListEvent>,
        read_back::<SessionEvent>,
        read_back::<SettingsEvent>,
        read_back::<UserEvent>,
    ];
    let samples = samples();
    assert!(!samples.is_empty(), "there are no samples");
    for sample in samples {
        assert_eq!(sample.payload["type"].as_str(), Some(sample.tag.as_str()), "{}", sample.name.display());
        let read: Vec<_> = readers.iter().filter_map(|read| read(&sample)).collect();
        let [(written, version)] = read.as_slice() else {
            panic!("{} is read by {} event types", sample.name.display(), read.len());
        };
        // What is of the newest version is written as it was read.
        assert!(sample.version < *version || *written == sample.payload, "{}", sample.name.display());
    }
}

#[test]
fn every_version_of_an_event_has_its_schema_and_its_step_to_the_next() {
    let faults = [
        eventlog::upcast_faults::<AccountEvent>(),
        eventlog::upcast_faults::<ApiTokenEvent>(),
        eventlog::upcast_faults::<BudgetEvent>(),
        eventlog::upcast_faults::<BudgetWindowEvent>(),
        eventlog::upcast_faults::<ChannelEvent>(),
        eventlog::upcast_faults::<GroupEvent>(),
        eventlog::upcast_faults::<JournalEvent>(),
        eventlog::upcast_faults::<NodeEvent>(),
        eventlog::upcast_faults::<PriceListEvent>(),
        eventlog::upcast_faults::<SettingsEvent>(),
        eventlog::upcast_faults::<UserEvent>(),
    ];
    assert_eq!(faults.concat(), []);
    let committed = committed();
    for sample in samples() {
        for version in 1..=sample.version {
            for kind in ["json", "sample.json"] {
                let name = format!("{}/v{version}.{kind}", sample.tag);
                assert!(committed.contains_key(Path::new(&name)), "{name} is not there");
            }
        }
    }
}

#[test]
fn a_released_schema_never_changes() {
    let dir = root().join("schemas");
    let lock = text(&dir.join("released.lock")).expect("the lock is text");
    let released: BTreeMap<&str, &str> =
        lock.lines().filter_map(|line| line.split_once("  ")).map(|(hash, name)| (name, hash)).collect();
    let committed = committed();
    for (name, hash) in &released {
        let text = name.strip_prefix("events/").and_then(|name| committed.get(Path::new(name)));
        let text = text.unwrap_or_else(|| panic!("{name} was released and is gone"));
        assert_eq!(hex::encode(Sha256::digest(text)), *hash, "{name} was released and has changed");
    }
    for name in committed.keys() {
        let listed = released.contains_key(format!("events/{}", name.display()).as_str());
        assert!(listed, "{} is not in schemas/released.lock", name.display());
    }
}

//! What was promised to others, byte for byte: the interface, and the shapes of events.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use domain::{
    StoredEvent,
    account::AccountEvent,
    api_token::ApiTokenEvent,
    budget::{BudgetEvent, BudgetWindowEvent},
    channel::ChannelEvent,
    group::GroupEvent,
    price_list::PriceListEvent,
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
    binary::output(["schemas".as_ref(), "--out".as_ref(), out.path().as_os_str()]);
    let generated = tree(&out.path().join("events"));
    assert!(!generated.is_empty());
    let committed = committed();
    for (name, text) in &generated {
        assert_eq!(committed.get(name), Some(text), "{}: write it anew: `veloera schemas`", name.display());
    }
    // What is generated no more must be an older shape of something that still is.
    for name in committed.keys().filter(|name| !generated.contains_key(*name)) {
        let kind = name.parent();
        assert!(generated.keys().any(|other| other.parent() == kind), "{} is of no event", name.display());
    }
}

/// The sample as `E` reads and writes it, if it is one of its kind.
fn read_back<E: StoredEvent>(sample: &Value) -> Option<Value> {
    let tag = sample["type"].as_str()?;
    E::samples().iter().any(|known| known.tag() == tag).then(|| {
        let event: E =
            serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{tag}: {error}"));
        assert_eq!(event.tag(), tag);
        serde_json::to_value(&event).unwrap()
    })
}

#[test]
fn every_sample_is_still_read() {
    let readers = [
        read_back::<AccountEvent>,
        read_back::<ApiTokenEvent>,
        read_back::<BudgetEvent>,
        read_back::<BudgetWindowEvent>,
        read_back::<ChannelEvent>,
        read_back::<GroupEvent>,
        read_back::<PriceListEvent>,
        read_back::<SettingsEvent>,
        read_back::<UserEvent>,
    ];
    let samples =
        committed().into_iter().filter(|(name, _)| name.to_string_lossy().ends_with(".sample.json"));
    let mut count = 0;
    for (name, text) in samples {
        let sample: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sample["type"].as_str(), name.parent().and_then(Path::to_str), "{}", name.display());
        let read: Vec<Value> = readers.iter().filter_map(|read| read(&sample)).collect();
        assert_eq!(read, [sample], "{}", name.display());
        count += 1;
    }
    assert!(count > 0, "there are no samples");
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

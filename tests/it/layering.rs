//! Who may lean on whom: the table of the architecture, checked against every manifest.

use std::{collections::BTreeMap, fs, path::Path};

use tests::workspace;
use toml::{Table, Value};

/// A crate, which of ours it may lean on, and which of others' it must not.
struct Rule {
    name: &'static str,
    leans_on: &'static [&'static str],
    without: &'static [&'static str],
}

const fn rule(
    name: &'static str,
    leans_on: &'static [&'static str],
    without: &'static [&'static str],
) -> Rule {
    Rule { name, leans_on, without }
}

const PURE: &[&str] = &[
    "anyhow",
    "async-nats",
    "axum",
    "fred",
    "getrandom",
    "hyper",
    "hyper-util",
    "rand",
    "redis",
    "reqwest",
    "rustix",
    "sqlx",
    "tokio",
    "tokio-util",
    "tower",
    "tower-http",
];
const NO_HTTP: &[&str] =
    &["anyhow", "axum", "http", "http-body", "hyper", "hyper-util", "reqwest", "tower-http"];
const NO_STORES: &[&str] = &["anyhow", "async-nats", "axum", "fred", "redis", "reqwest", "sqlx"];
const NO_SQL: &[&str] = &["anyhow", "sqlx"];

const RULES: &[Rule] = &[
    rule("domain", &[], PURE),
    rule("wire", &[], PURE),
    rule("eventlog", &["domain"], NO_HTTP),
    rule("ledger", &["domain", "eventlog"], NO_HTTP),
    rule("projections", &["domain", "eventlog"], NO_HTTP),
    rule("relay", &["domain", "wire"], NO_STORES),
    rule("cluster", &["domain", "eventlog", "ledger"], &["anyhow", "axum", "reqwest", "sqlx"]),
    rule("api", &["domain", "wire", "eventlog", "ledger", "projections", "relay", "cluster"], NO_SQL),
    rule(
        "veloera",
        &["domain", "wire", "eventlog", "ledger", "projections", "relay", "cluster", "api"],
        &["sqlx"],
    ),
];

const TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

fn manifest(path: &Path) -> Table {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manifest of each crate, by the name of its folder.
fn crates() -> BTreeMap<String, Table> {
    let folders = fs::read_dir(workspace::root().join("crates")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, manifest(&path.join("Cargo.toml")))
        })
        .collect()
}

fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    TABLES.iter().filter_map(|name| manifest.get(*name)?.as_table()).flatten()
}

#[test]
fn every_crate_has_its_line_in_the_table() {
    let found: Vec<String> = crates().into_keys().collect();
    let mut listed: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

#[test]
fn each_crate_leans_only_on_those_below_it() {
    let crates = crates();
    for rule in RULES {
        for (name, _) in dependencies(&crates[rule.name]) {
            let ours = crates.contains_key(name.as_str()) || name == "tests";
            let allowed = if ours {
                rule.leans_on.contains(&name.as_str())
            } else {
                !rule.without.contains(&name.as_str())
            };
            assert!(allowed, "{} must not lean on {name}", rule.name);
        }
    }
}

#[test]
fn the_servers_of_tests_are_for_tests_alone() {
    for (name, manifest) in crates() {
        for table in ["dependencies", "build-dependencies"] {
            let found = manifest.get(table).and_then(|table| table.get("servers"));
            assert_eq!(found, None, "{name} needs `servers` beyond its tests");
        }
    }
}

#[test]
fn every_version_is_said_once_in_the_workspace() {
    for (name, manifest) in crates() {
        for (dependency, entry) in dependencies(&manifest) {
            let inherited = entry.as_table().and_then(|entry| entry.get("workspace")?.as_bool());
            assert_eq!(inherited, Some(true), "{name} names a version of {dependency} of its own");
        }
    }
}

#[test]
fn every_crate_is_under_the_lints_of_the_workspace() {
    for (name, manifest) in crates() {
        let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherited, Some(true), "{name} lacks `[lints] workspace = true`");
    }
}

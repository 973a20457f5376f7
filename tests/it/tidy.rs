//! Rules of the house that a machine sees better than a reader.

use std::path::{Path, PathBuf};

use tests::workspace::{files, relative, root, text};

const LINES_MAX: usize = 600;
/// Names that say nothing about what is inside.
const NAMELESS: [&str; 5] = ["util", "utils", "helpers", "common", "misc"];
/// Where the database is spoken to.
const WITH_DATABASE: [&str; 4] = ["crates/eventlog/", "crates/ledger/", "crates/projections/", "tests/"];
/// What people write who are not done. Split, so that this file does not find itself.
const UNDONE: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("unimple", "mented!(")];
/// How a path of somebody's machine begins.
const MACHINES: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

fn with_extension(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let wanted = |path: &Path| {
        path.extension().is_some_and(|found| extensions.iter().any(|extension| found == *extension))
    };
    let sources: Vec<_> = files(&root())
        .into_iter()
        .filter(|path| wanted(path))
        .filter_map(|path| text(&path).map(|text| (path, text)))
        .collect();
    assert!(!sources.is_empty(), "there are no files of {extensions:?}");
    sources
}

fn rust() -> Vec<(PathBuf, String)> {
    with_extension(&["rs"])
}

/// Whether a file holds nothing but tests and what they need.
fn is_of_tests(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || ["/tests.rs", "/testing.rs", "/fixtures.rs", "_tests.rs"].iter().any(|end| path.ends_with(end))
}

/// A file up to the tests at its end.
fn without_tests(text: &str) -> &str {
    let tests = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\nmod test {"];
    let end = tests.iter().filter_map(|start| text.find(start)).min();
    &text[..end.unwrap_or(text.len())]
}

fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

/// Each line of each file in which one of `needles` is.
fn lines_with(files: &[(PathBuf, String)], needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        for (number, line) in text.lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle)) {
                found.push(format!("{}:{}: {}", relative(path), number + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn a_module_lies_beside_its_folder_and_says_what_it_is() {
    let nameless = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        stem == "mod" || NAMELESS.contains(&stem.as_str())
    };
    let found = rust().iter().filter(|(path, _)| nameless(path)).map(|(path, _)| relative(path)).collect();
    assert_none("a name that says nothing", found);
}

#[test]
fn no_file_is_past_reading() {
    let long = rust().into_iter().filter(|(_, text)| text.lines().count() > LINES_MAX);
    assert_none("too long", long.map(|(path, _)| relative(&path)).collect());
}

#[test]
fn only_the_stores_speak_to_the_database() {
    let elsewhere = |path: &Path| !WITH_DATABASE.iter().any(|folder| relative(path).starts_with(folder));
    let sources: Vec<_> = rust().into_iter().filter(|(path, _)| elsewhere(path)).collect();
    assert_none("a database outside the stores", lines_with(&sources, &["sqlx::"]));
}

#[test]
fn providers_are_data() {
    let catalogue = text(&root().join("crates/relay/src/providers.toml")).expect("the catalogue is text");
    let catalogue: toml::Table = catalogue.parse().expect("the catalogue is TOML");
    // An entry without an address of its own is a kind of provider, not a vendor.
    let vendors = catalogue.iter().filter(|(_, entry)| entry.get("base_url").is_some());
    let names: Vec<String> = vendors.map(|(id, _)| format!("\"{id}\"")).collect();
    assert!(!names.is_empty(), "the catalogue names no vendor");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sources: Vec<_> = rust()
        .into_iter()
        .filter(|(path, _)| !is_of_tests(&relative(path)))
        .map(|(path, text)| {
            let code = without_tests(&text).to_owned();
            (path, code)
        })
        .collect();
    assert_none("a provider's name in Rust", lines_with(&sources, &names));
}

#[test]
fn no_test_is_switched_off() {
    assert_none("a test that never runs", lines_with(&rust(), &[concat!("#[ig", "nore")]));
}

#[test]
fn nothing_is_left_for_later() {
    let sources = with_extension(&["rs", "toml", "sql", "py", "sh", "md", "yml", "yaml", "ts", "tsx", "css"]);
    assert_none("left for later", lines_with(&sources, &UNDONE));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let every: Vec<_> =
        files(&root()).into_iter().filter_map(|path| text(&path).map(|text| (path, text))).collect();
    assert_none("a path of some machine", lines_with(&every, &MACHINES));
}

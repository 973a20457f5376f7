//! What a configuration may say, and which source wins.

use std::path::Path;

use ledger::JournalSync;
use projections::{CachePolicy, TokenCacheOptions};
use tempfile::TempDir;

use super::{Config, ConfigError, Flags, LogFormat, Role};
use crate::environment::Environment;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn file(text: &str) -> (TempDir, std::path::PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("v.toml");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Config::read(None, Environment::default(), Flags::default()).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.data_dir, Path::new("data"));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let (_dir, path) = file("listen = '127.0.0.1:1'\nlog_format = 'json'\ndrain_timeout_ms = 5");
    let variables = environment(&[("listen", "127.0.0.1:2"), ("data_dir", "/d")]);
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let config = Config::read(Some(&path), variables, flags).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.data_dir, Path::new("/d"));
    assert_eq!((config.log_format, config.drain_timeout_ms), (LogFormat::Json, 5));
}

#[test]
fn the_journal_outlives_a_power_loss_and_holds_less_where_that_is_said() {
    let config = Config::read(None, Environment::default(), Flags::default()).unwrap();
    assert_eq!((config.journal_sync, config.journal_bytes_max), (JournalSync::Os, 1 << 30));
    let (_dir, path) = file("journal_sync = 'group'\njournal_bytes_max = 16777216");
    let config = Config::read(Some(&path), Environment::default(), Flags::default()).unwrap();
    assert_eq!((config.journal_sync, config.journal_bytes_max), (JournalSync::Group, 1 << 24));
}

#[test]
fn tokens_are_kept_in_memory_as_is_said() {
    let config = Config::read(None, Environment::default(), Flags::default()).unwrap();
    assert_eq!(config.token_cache, TokenCacheOptions::default());
    let (_dir, path) = file("token_cache_entries = 7\ntoken_cache_ttl_ms = 5\ntoken_cache_policy = 'lru'");
    let TokenCacheOptions { entries_max, ttl, policy } =
        Config::read(Some(&path), Environment::default(), Flags::default()).unwrap().token_cache;
    assert_eq!((entries_max.get(), ttl.as_millis(), policy), (7, 5, CachePolicy::Lru));
    for (bad, right) in
        [("token_cache_entries = 0", "1 to 10000000"), ("token_cache_policy = 'fifo'", "tiny_lfu or lru")]
    {
        let (_dir, path) = file(bad);
        let error = Config::read(Some(&path), Environment::default(), Flags::default()).unwrap_err();
        assert!(error.to_string().contains(right), "{error}");
    }
}

#[test]
fn an_unknown_key_is_named() {
    let (_dir, path) = file("lissten = '127.0.0.1:1'");
    let error = Config::read(Some(&path), Environment::default(), Flags::default()).unwrap_err();
    assert!(matches!(&error, ConfigError::Toml { .. }));
    assert!(error.to_string().contains("lissten"), "{error}");
    let error = Config::read(None, environment(&[("lissten", "x")]), Flags::default()).unwrap_err();
    assert!(error.to_string().contains("VELOERA_LISSTEN"), "{error}");
}

#[test]
fn a_bad_value_is_named_with_what_would_be_right() {
    for (name, value) in [
        ("listen", "nowhere"),
        ("log_format", "xml"),
        ("idle_timeout_ms", "0"),
        ("role", "boss"),
        ("control_url", "control"),
        ("stale_callers_ms", "0"),
        ("cors_origins", "app.example"),
        ("journal_sync", "never"),
        ("journal_bytes_max", "4096"),
        ("lease_ttl_ms", "9999"),
    ] {
        let error = Config::read(None, environment(&[(name, value)]), Flags::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(value), "{text}");
    }
}

#[test]
fn origins_of_web_pages_are_listed_with_commas() {
    let read = |text| Config::read(None, environment(&[("cors_origins", text)]), Flags::default());
    let origins = read("https://a.example, http://localhost:5173").unwrap().cors_origins;
    assert_eq!(origins, ["https://a.example", "http://localhost:5173"]);
    assert_eq!(read("*").unwrap().cors_origins, ["*"]);
    for bad in ["https://", "https://a.example/path", "https://a.example,", "https://a b", "https://a\nb"] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn where_redis_is_may_hold_a_password_and_is_never_printed() {
    let read = |url| Config::read(None, environment(&[("redis_url", url)]), Flags::default());
    let config = read("redis://:secret@127.0.0.1:6379").unwrap();
    assert!(config.redis_url.is_some() && !format!("{config:?}").contains("secret"));
    let error = read("http://:secret@127.0.0.1").unwrap_err().to_string();
    assert!(error.contains("redis_url") && !error.contains("secret"), "{error}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let error = Config::read(Some(Path::new("/none.toml")), Environment::default(), Flags::default());
    assert!(matches!(error, Err(ConfigError::File { .. })));
}

#[test]
fn a_relay_node_has_control_nodes_and_no_database_and_no_other_has() {
    let read =
        |variables: &[(&str, &str)]| Config::read(None, environment(variables), Flags::default()).unwrap();
    let control = ("control_url", "http://127.0.0.1:1,https://b.example");
    let config = read(&[("role", "relay"), control, ("join_token", "t")]);
    assert_eq!((config.role, config.stale_callers_ms), (Role::Relay, 60_000));
    assert!(config.control_nodes().unwrap().is_some());
    assert_eq!(read(&[("role", "control")]).control_nodes().unwrap(), None);
    for (variables, named) in [
        (&[("role", "relay")][..], "control_url"),
        (&[("role", "relay"), control, ("database_url", "sqlite:a.db")], "database_url"),
        (&[control], "control_url"),
        (&[("role", "control"), ("join_token", "t")], "join_token"),
    ] {
        let error = read(variables).control_nodes().unwrap_err();
        assert!(error.to_string().contains(named), "{variables:?}: {error}");
    }
}

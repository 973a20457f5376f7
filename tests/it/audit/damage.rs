//! What lies on disk is not what was written: it is refused or reported, with what and where.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
};

use sqlx::Connection;
use tests::{binary, veloera::STOP_MAX, wait};

use super::{audit, calls, intruded, intruder, refused, replay, report, said, stopped, world};

/// Why the gateway does not start on this data.
async fn not_served(data_dir: &Path) -> String {
    let mut child = binary::command()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .current_dir(data_dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ended = wait::until("its refusal", STOP_MAX, async || child.try_wait().unwrap()).await;
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert!(!ended.success(), "{complaint}");
    complaint
}

/// The one file of a young journal.
fn segment(data_dir: &Path) -> PathBuf {
    data_dir.join("journal").join(format!("{:020}.seg", 1))
}

/// The database, all of it in its one file and nothing beside it.
async fn whole_database(data_dir: &Path) -> PathBuf {
    let mut intruder = intruder(data_dir).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();
    data_dir.join("veloera.db")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_journal_is_reported_with_its_file_and_byte_and_is_not_served_from() {
    let mut world = world().await;
    calls(&world, 1).await;
    let data_dir = stopped(&mut world).await;
    world.veloera.verified();
    let path = segment(&data_dir);
    let mut bytes = fs::read(&path).unwrap();
    // In the first record, whose frame begins behind the file's header.
    let header = 96;
    bytes[header + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let place = format!("I5: the journal is damaged: {} at byte {header}", path.display());
    assert_eq!(report(&data_dir)["broken"], serde_json::json!([place]));
    let people = String::from_utf8(audit(&data_dir, &["verify"]).stdout).unwrap();
    assert!(people.starts_with(&format!("BROKEN  {place}\n")), "{people}");
    assert!(not_served(&data_dir).await.contains("journal"));
}

/// Of which version the tables of a component are.
async fn version(data_dir: &Path, component: &str) -> i64 {
    let mut intruder = intruder(data_dir).await;
    let select = "SELECT version FROM schema_versions WHERE component = ?";
    let version = sqlx::query_scalar(select).bind(component).fetch_one(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_was_rolled_back_is_reported_and_another_one_begins() {
    let mut world = world().await;
    let data_dir = world.veloera.data_dir();
    calls(&world, 1).await;
    stopped(&mut world).await;
    let before = fs::read(segment(&data_dir)).unwrap();
    world.veloera.restart().await;
    calls(&world, 1).await;
    stopped(&mut world).await;
    fs::write(segment(&data_dir), before).unwrap();
    let broken = report(&data_dir)["broken"].to_string();
    assert!(broken.contains("I5: journal ") && broken.contains(" and is here up to "), "{broken}");
    world.veloera.restart().await;
    calls(&world, 1).await;
    let names = fs::read_dir(data_dir.join("journal")).unwrap().map(|entry| entry.unwrap().file_name());
    let kept = names.filter(|name| name.to_string_lossy().starts_with("forked-"));
    assert_eq!(kept.count(), 1, "what it was");
    stopped(&mut world).await;
    assert_eq!(world.veloera.verified()["charges"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_database_is_refused_and_named() {
    let mut world = world().await;
    calls(&world, 1).await;
    let data_dir = stopped(&mut world).await;
    let path = whole_database(&data_dir).await;
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    for arguments in [&["verify"][..], &["verify", "--json"], &["replay"], &["export"]] {
        let refusal = refused(&data_dir, arguments, 1);
        let named = refusal.contains(&path.display().to_string());
        assert!(named && refusal.contains("database disk image is malformed"), "{arguments:?}: {refusal}");
    }
    let refusal = not_served(&data_dir).await;
    assert!(refusal.contains("database disk image is malformed"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_and_its_tables_named() {
    let mut world = world().await;
    let data_dir = stopped(&mut world).await;
    for component in ["eventlog", "ledger", "control", "calls"] {
        let knows = version(&data_dir, component).await;
        let set = |change: &str| {
            format!("UPDATE schema_versions SET version = version {change} WHERE component = '{component}'")
        };
        intruded(&data_dir, &[&set("+ 1")]).await;
        let newer = knows + 1;
        let named =
            format!("the database's `{component}` tables are of version {newer}, this program knows {knows}");
        for arguments in [&["verify"][..], &["replay"], &["export"]] {
            let refusal = refused(&data_dir, arguments, 1);
            assert!(refusal.contains(&named) && refusal.contains("use the newer veloera"), "{refusal}");
        }
        let refusal = not_served(&data_dir).await;
        assert!(refusal.contains(&named), "{refusal}");
        // And what is older than this program is no evidence before it was brought up to date.
        intruded(&data_dir, &[&set("- 2")]).await;
        let refusal = refused(&data_dir, &["verify"], 1);
        let older = format!("of version {}, this program knows {knows}", knows - 1);
        assert!(refusal.contains(&older), "{refusal}");
        assert!(refusal.contains("`veloera migrate`"), "{refusal}");
        intruded(&data_dir, &[&set("+ 1")]).await;
    }
    world.veloera.verified();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_a_hole_is_reported_with_the_position_that_it_lacks() {
    let mut world = world().await;
    calls(&world, 2).await;
    let data_dir = stopped(&mut world).await;
    for log in ["ledger", "control"] {
        intruded(
            &data_dir,
            &[
                &format!("DROP TRIGGER {log}_events_no_delete"),
                &format!("DELETE FROM {log}_events WHERE position = 3"),
            ],
        )
        .await;
        let place = format!("I6: the {log} log lacks position 3; the next one is 4");
        let broken = report(&data_dir)["broken"].to_string();
        assert!(broken.contains(&place), "{broken}");
        // What stands before it still stands; what stands behind it proves nothing.
        let before = said(&data_dir, &["export", "--log", log, "--to", "2"]);
        assert_eq!(before.lines().count(), 2);
        let refusal = refused(&data_dir, &["export", "--log", log], 1);
        assert!(
            refusal.contains(&format!("the {log} log has no position 3; the next one there is 4")),
            "{refusal}"
        );
    }
    replay(&data_dir, &["--to", "2"]);
    let refusal = refused(&data_dir, &["replay"], 1);
    assert!(refusal.contains("the ledger log lacks position 3"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_do_not_follow_from_the_log_are_reported_each_with_its_invariant() {
    let mut world = world().await;
    calls(&world, 1).await;
    let admin = world.admin();
    wait::until("the usage log", STOP_MAX, async || (admin.list("/calls").await.len() == 1).then_some(()))
        .await;
    let data_dir = stopped(&mut world).await;
    let path = whole_database(&data_dir).await;
    let whole = fs::read(&path).unwrap();
    for (sql, invariant) in [
        ("UPDATE calls SET amount_nanos = amount_nanos + 1", "I7: the read model `calls`"),
        ("DELETE FROM ended_calls", "I3: call_"),
        ("UPDATE journals SET link = zeroblob(32)", "I5: record "),
        (
            "UPDATE accounts SET state = json_set(state, '$.credit_nanos', 1) WHERE state LIKE '%prepaid%'",
            "I1: acc_",
        ),
    ] {
        intruded(&data_dir, &[sql]).await;
        let found = report(&data_dir);
        let broken = found["broken"].as_array().unwrap();
        assert!(!broken.is_empty(), "{sql}");
        assert!(
            broken.iter().all(|fault| fault.as_str().unwrap().starts_with(invariant)),
            "{sql}: {found:#}"
        );
        whole_database(&data_dir).await;
        fs::write(&path, &whole).unwrap();
        world.veloera.verified();
    }
}

//! Snapshots in files, and what is told of tokens whose rows lie there.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

use domain::{
    Log,
    api_token::{ApiToken, ApiTokenChange, ApiTokenCommand, HashedKey},
};
use eventlog::PAGE_MAX;

use super::super::{Directory, RestoreError, Sighting, TokenCacheOptions, Written};
use crate::{
    fixtures::{House, hashed, issue_token, token_id, token_spec},
    lookup::{TokenLookup, TokenOutOfReach},
};

/// All that calls need of a directory, as text.
pub(super) fn needed(directory: &Arc<Directory>) -> String {
    let mut text = Vec::new();
    directory.write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// A file that begins with something else, and stands behind that.
pub(super) fn file(text: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"a mark").unwrap();
    file.write_all(text).unwrap();
    file.seek(SeekFrom::Start(6)).unwrap();
    file
}

/// A directory of that text.
pub(super) fn restored(text: &[u8]) -> Result<Arc<Directory>, RestoreError> {
    Directory::restore(file(text), TokenCacheOptions::default())
}

/// Writes a new file, has something happen before the directory reads from it, and gives the file as well.
pub(super) fn written_anew(directory: &Directory, meanwhile: impl FnOnce()) -> File {
    let mut text = Vec::new();
    let written: Written = directory.write(&mut text).unwrap();
    meanwhile();
    let anew = file(&text);
    let kept = anew.try_clone().unwrap();
    directory.read_from(written, anew).unwrap();
    kept
}

/// Tells a directory what it does not know yet.
async fn tell(house: &House, directory: &Directory) {
    let rest = house.log.reader().read(Log::Control, directory.position(), PAGE_MAX).await.unwrap();
    directory.take(&rest).unwrap();
}

async fn ask(house: &House, token: u128, command: ApiTokenCommand) {
    house.ask::<ApiToken>(&token_id(token).to_string(), command).await.unwrap();
}

async fn find(directory: &Arc<Directory>, hash: [u8; 32]) -> Result<Option<u128>, TokenOutOfReach> {
    let found = TokenLookup::new(directory.clone(), Vec::new()).find(&hash).await?;
    Ok(found.map(|entry| entry.token_id.0.as_u128() - token_id(0).0.as_u128()))
}

/// Hashes that begin with the same eight bytes.
fn alike(last: u8) -> [u8; 32] {
    let mut hash = [0xa1; 32];
    hash[31] = last;
    hash
}

async fn issue_alike(house: &House, token: u128, last: u8) {
    let key = HashedKey { sha256: hex::encode(alike(last)), hint: "wxyz".into() };
    ask(house, token, ApiTokenCommand::Issue { spec: Box::new(token_spec(1)), key }).await;
}

#[tokio::test]
async fn keys_with_one_fingerprint_are_told_apart_wherever_their_rows_are() {
    let house = House::open().await;
    issue_alike(&house, 1, 1).await;
    issue_alike(&house, 2, 2).await;
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    issue_alike(&house, 3, 3).await;
    tell(&house, &copy).await;
    // Twice, for the first time leaves one of them at hand.
    for _ in 0..2 {
        for token in [1, 2, 3] {
            assert_eq!(find(&copy, alike(token)).await, Ok(Some(u128::from(token))));
        }
        assert_eq!(find(&copy, alike(4)).await, Ok(None), "nobody's key, though its fingerprint is known");
    }
    ask(&house, 2, ApiTokenCommand::Revoke).await;
    ask(&house, 3, ApiTokenCommand::Revoke).await;
    tell(&house, &copy).await;
    for (token, found) in [(1, Some(1)), (2, None), (3, None)] {
        assert_eq!(find(&copy, alike(token)).await, Ok(found));
    }
}

#[tokio::test]
async fn a_key_that_no_token_has_meets_no_fingerprint_and_nothing_is_read() {
    let house = House::open().await;
    issue_token(&house, 1, 1, 0xa1).await;
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    assert!(matches!(copy.sight(&[0xa2; 32]), Sighting::Unknown));
    assert!(matches!(copy.sight(&[0xa1; 32]), Sighting::Unread(_)), "its row is on disk");
    assert_eq!(find(&copy, [0xa1; 32]).await, Ok(Some(1)));
    assert!(matches!(copy.sight(&[0xa1; 32]), Sighting::Known(_)), "it was read once");
    ask(&house, 1, ApiTokenCommand::Revoke).await;
    tell(&house, &copy).await;
    assert!(matches!(copy.sight(&[0xa1; 32]), Sighting::Unknown));
}

#[tokio::test]
async fn what_changes_is_in_force_at_once_though_its_row_was_at_hand() {
    let house = House::open().await;
    issue_token(&house, 1, 1, 0xa1).await;
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    let before = super::token(&copy, 0xa1).await.unwrap();
    assert!(before.rules().networks.is_some());
    let lift = ApiTokenChange { allowed_ips: Some(None), ..ApiTokenChange::default() };
    ask(&house, 1, ApiTokenCommand::Change(Box::new(lift))).await;
    tell(&house, &copy).await;
    let after = super::token(&copy, 0xa1).await.unwrap();
    assert_eq!((after.rules().networks.as_ref(), after.version), (None, before.version + 1));
    ask(&house, 1, ApiTokenCommand::Rotate(hashed(0xb1))).await;
    tell(&house, &copy).await;
    assert_eq!((find(&copy, [0xa1; 32]).await, find(&copy, [0xb1; 32]).await), (Ok(None), Ok(Some(1))));
}

#[tokio::test]
async fn a_row_that_was_changed_on_disk_is_not_used_and_is_lost_to_the_next_file_as_well() {
    let house = House::open().await;
    for (token, key) in [(1, 0xa1), (2, 0xa2), (3, 0xa3)] {
        issue_token(&house, token, 1, key).await;
    }
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    let disk = written_anew(&copy, || {});
    let text = needed(&copy);
    let at = text.find(&"a2".repeat(32)).unwrap() as u64;
    // It would let another key in.
    disk.write_all_at("b2".repeat(32).as_bytes(), 6 + at).unwrap();
    assert_eq!(find(&copy, [0xb2; 32]).await, Ok(None));
    assert_eq!(
        find(&copy, [0xa2; 32]).await,
        Err(TokenOutOfReach),
        "there is such a token: it is not refused"
    );
    assert_eq!(find(&copy, [0xa1; 32]).await, Ok(Some(1)));
    let next = restored(needed(&copy).as_bytes()).unwrap();
    assert_eq!((find(&next, [0xa1; 32]).await, find(&next, [0xa3; 32]).await), (Ok(Some(1)), Ok(Some(3))));
    assert_eq!(find(&next, [0xa2; 32]).await, Err(TokenOutOfReach));
    // What happens to it is heeded all the same.
    ask(&house, 2, ApiTokenCommand::Disable).await;
    tell(&house, &next).await;
    assert_eq!(find(&next, [0xa2; 32]).await, Err(TokenOutOfReach));
    ask(&house, 2, ApiTokenCommand::Rotate(hashed(0xc2))).await;
    tell(&house, &next).await;
    assert_eq!(
        (find(&next, [0xa2; 32]).await, find(&next, [0xc2; 32]).await),
        (Ok(None), Err(TokenOutOfReach))
    );
    ask(&house, 2, ApiTokenCommand::Revoke).await;
    tell(&house, &next).await;
    assert_eq!(find(&next, [0xc2; 32]).await, Ok(None));
}

#[tokio::test]
async fn a_file_that_ends_early_loses_what_is_missing_and_nothing_else() {
    let house = House::open().await;
    for (token, key) in [(1, 0xa1), (2, 0xa2), (3, 0xa3)] {
        issue_token(&house, token, 1, key).await;
    }
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    let disk = written_anew(&copy, || {});
    let at = needed(&copy).find(&"a2".repeat(32)).unwrap() as u64;
    disk.set_len(6 + at).unwrap();
    let next = restored(needed(&copy).as_bytes()).unwrap();
    for directory in [&copy, &next] {
        assert_eq!(find(directory, [0xa1; 32]).await, Ok(Some(1)));
        assert_eq!(find(directory, [0xa2; 32]).await, Err(TokenOutOfReach));
        assert_eq!(find(directory, [0xa3; 32]).await, Err(TokenOutOfReach));
    }
}

#[tokio::test]
async fn what_was_written_of_a_log_that_is_another_one_by_now_is_not_read_from() {
    let (house, other) = (House::open().await, House::open().await);
    issue_token(&house, 1, 1, 0xa1).await;
    issue_token(&other, 1, 1, 0xb1).await;
    let copy = restored(needed(&house.loaded().await).as_bytes()).unwrap();
    let anew = needed(&other.loaded().await);
    written_anew(&copy, || copy.rebuild(file(anew.as_bytes())).unwrap());
    assert_eq!((find(&copy, [0xa1; 32]).await, find(&copy, [0xb1; 32]).await), (Ok(None), Ok(Some(1))));
}

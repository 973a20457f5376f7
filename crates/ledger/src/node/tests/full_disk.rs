//! A disk that is really full: a file system of its own, in a process that may mount one.

use std::{fs, io::Write, path::Path, sync::Arc};

use tempfile::TempDir;

use super::{answered, charges, reserve, sent};
use crate::{
    Node, NodeOptions,
    fixtures::{Ledger, PAYER, nanos, process},
};

const TEST: &str =
    "node::tests::full_disk::on_a_full_disk_nothing_is_reserved_what_is_open_settles_and_nothing_is_lost";
/// Mounts a file system of 512 KiB at the first word, and runs the rest.
const MOUNTED: &str = "mount -t tmpfs -o size=512k tmpfs \"$0\" && exec \"$@\"";

#[test]
fn on_a_full_disk_nothing_is_reserved_what_is_open_settles_and_nothing_is_lost() {
    if let Some(small) = process::argument("small-disk=") {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(on_a_full_disk(Path::new(&small)));
    }
    let dir = TempDir::new().unwrap();
    let small = dir.path().to_str().unwrap();
    process::again(&["unshare", "-rm", "sh", "-c", MOUNTED, small], TEST, &format!("small-disk={small}"));
}

async fn node(ledger: &Ledger, small: &Path) -> Arc<Node> {
    let options = NodeOptions { dir: small.join("journal"), ..ledger.options("boot 1", 32 * 1024) };
    ledger.open_node(options, Arc::new(ledger.bank.clone())).await.unwrap()
}

/// Leaves no byte.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    let page = [7_u8; 4096];
    let full = loop {
        if let Err(error) = file.write_all(&page) {
            break error;
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");
}

async fn on_a_full_disk(small: &Path) {
    let ledger = Ledger::with(1_000_000).await;
    let before = node(&ledger, small).await;
    for n in 0..10 {
        reserve(&before, n, 20).await.unwrap();
        sent(&before, n);
    }
    fill(&small.join("ballast"));
    let mut n = 10;
    let refused = loop {
        match reserve(&before, n, 20).await {
            Ok(_) => answered(&before, n, 3),
            Err(refused) => break refused,
        }
        n += 1;
    };
    assert!(
        refused.to_string().contains("No space left") || refused.to_string().contains("no storage space"),
        "{refused}"
    );
    assert!(n > 20, "the file that was allocated ahead was used");
    for call in 0..10 {
        answered(&before, call, 3);
    }
    assert!(reserve(&before, n, 20).await.is_err());
    before.upload().await.unwrap();
    let taken = usize::try_from(n).unwrap();
    assert_eq!(charges(&ledger).await, vec![(3, vec![]); taken]);
    drop(before);
    // A full disk keeps no node from starting either.
    let on_the_full_disk = node(&ledger, small).await;
    assert!(reserve(&on_the_full_disk, n, 20).await.is_err());
    fs::remove_file(small.join("ballast")).unwrap();
    on_the_full_disk.tidy();
    assert_eq!(reserve(&on_the_full_disk, n, 20).await.unwrap(), nanos(20));
    sent(&on_the_full_disk, n);
    answered(&on_the_full_disk, n, 3);
    drop(on_the_full_disk);
    drop(node(&ledger, small).await);
    assert_eq!(charges(&ledger).await, vec![(3, vec![]); taken + 1]);
    assert_eq!(ledger.account(PAYER).await.pending_nanos, 0);
    ledger.is_sound().await;
}

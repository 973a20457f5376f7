use domain::Sealed;

use rstest::rstest;

use super::bench::{
    Bench, No,
    Store::{self, Postgres, Sqlite},
    command, send,
};
use crate::Fault;

fn seal(
    bench: &Bench,
    number: u128,
) -> futures_util::future::BoxFuture<'static, super::bench::Outcome<Sealed>> {
    send(&bench.log, command(number), |tx| {
        Box::pin(async move { Ok(tx.seal_for("user:1", "user:1/name", b"Ada").await?) })
    })
}

async fn open(bench: &Bench, sealed: &Sealed) -> Option<Vec<u8>> {
    let log = &bench.log;
    log.reader().open_for(log.sealer(), "user:1", "user:1/name", sealed).await.unwrap()
}

fn value(executed: crate::Executed<Sealed>) -> Sealed {
    let crate::Executed::Done { value, .. } = executed else { panic!("{executed:?}") };
    value
}

#[rstest]
#[tokio::test]
async fn a_persons_data_opens_until_their_key_is_destroyed_and_never_again(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let bench = Bench::new(store).await;
    let first = value(seal(&bench, 1).await.unwrap());
    let second = value(seal(&bench, 2).await.unwrap());
    for sealed in [&first, &second] {
        assert_eq!(open(&bench, sealed).await.unwrap(), b"Ada");
    }
    bench.raw().await.execute("DELETE FROM subject_keys").await.unwrap();
    assert_eq!(open(&bench, &first).await, None);
    seal(&bench, 3).await.unwrap();
    let log = &bench.log;
    let opened = log.reader().open_for(log.sealer(), "user:1", "user:1/name", &first).await;
    assert!(opened.is_err(), "a new key does not bring old data back");
}

#[rstest]
#[tokio::test]
async fn a_refused_decision_leaves_no_key(#[values(Sqlite, Postgres)] store: Store) {
    let bench = Bench::new(store).await;
    let refused = send::<(), _>(&bench.log, command(1), |tx| {
        Box::pin(async move {
            tx.seal_for("user:1", "user:1/name", b"Ada").await?;
            Err(Fault::Refused(No))
        })
    });
    assert!(refused.await.is_err());
    assert_eq!(bench.count("SELECT COUNT(*) FROM subject_keys").await, 0);
}

//! Snapshots of aggregates, each against the fold of its own stream.

use domain::{
    Aggregate, account::Account, api_token::ApiToken, budget::Budget, channel::Channel, group::Group,
    price_list::PriceList, settings::Settings, user::User,
};
use eventlog::{LogSnapshot, StoreError, verify_snapshots};

use super::{Broken, FAULTS_MAX};

/// What is false of what loads go on from.
pub(super) async fn faults(snapshot: &mut LogSnapshot) -> Result<Vec<Broken>, StoreError> {
    let mut broken = of::<Account>(snapshot).await?;
    broken.extend(of::<ApiToken>(snapshot).await?);
    broken.extend(of::<Budget>(snapshot).await?);
    broken.extend(of::<Channel>(snapshot).await?);
    broken.extend(of::<Group>(snapshot).await?);
    broken.extend(of::<PriceList>(snapshot).await?);
    broken.extend(of::<Settings>(snapshot).await?);
    broken.extend(of::<User>(snapshot).await?);
    Ok(broken)
}

async fn of<A: Aggregate>(snapshot: &mut LogSnapshot) -> Result<Vec<Broken>, StoreError> {
    let faults = verify_snapshots::<A>(snapshot, FAULTS_MAX).await?;
    Ok(faults.into_iter().map(Broken::Log).collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use domain::{
        Aggregate, Log,
        account::{Account, AccountEvent},
    };
    use eventlog::{Fault, LogFault, Metadata, NewEvent, StreamAppend, stream_name};

    use super::Broken;
    use crate::fixtures::{Ledger, PAYER, nanos};

    #[tokio::test]
    async fn a_snapshot_that_is_not_what_its_events_make_is_broken() {
        let ledger = Ledger::with(1).await;
        let stream = stream_name(Account::KIND, &PAYER.to_string());
        let deposit = AccountEvent::Deposited { amount_nanos: nanos(1), reason: "paid".to_owned() };
        let events = vec![NewEvent::of(&deposit).unwrap(); 1_000];
        let append =
            StreamAppend { log: Log::Ledger, stream: stream.clone(), expected: None, events, trace: None };
        let deposited = ledger.log.transact(Metadata::default(), |tx| {
            Box::pin(async move { tx.append(vec![append]).await.map_err(Fault::<Infallible>::Store) })
        });
        deposited.await.unwrap();
        let mut written = ledger.log.snapshots_written();
        let (_, version) = ledger.log.load::<Account>(&PAYER.to_string()).await.unwrap();
        written.wait_for(|written| *written > 0).await.unwrap();
        ledger.is_sound().await;
        let falsify = "UPDATE snapshots SET payload = replace(payload, '\"credit_nanos\":1001', '\"credit_nanos\":2001')";
        let falsified = ledger.log.transact(Metadata::default(), move |tx| {
            Box::pin(
                async move { tx.connection().execute(falsify).await.map_err(Fault::<Infallible>::Store) },
            )
        });
        falsified.await.unwrap();
        let fault = LogFault::Snapshot { log: Log::Ledger, stream, version };
        assert_eq!(ledger.audit().await.broken, [Broken::Log(fault)]);
    }
}

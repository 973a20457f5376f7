//! Snapshots of aggregates, each against the fold of its own stream.

use domain::{
    Aggregate, account::Account, api_token::ApiToken, channel::Channel, group::Group, price_list::PriceList,
    settings::Settings, user::User,
};
use eventlog::{LogSnapshot, StoreError, verify_snapshots};

use super::{Broken, FAULTS_MAX};

/// What is false of what loads go on from.
pub(super) async fn faults(snapshot: &mut LogSnapshot) -> Result<Vec<Broken>, StoreError> {
    let mut broken = of::<Account>(snapshot).await?;
    broken.extend(of::<ApiToken>(snapshot).await?);
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

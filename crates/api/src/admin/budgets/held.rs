//! The budgets of tokens and users, shown with them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use ::ledger::accounts::{self, AccountRow};
use domain::{AccountId, TimeStamp, budget::Holder};
use eventlog::{Connection, StoreError};
use projections::{Directory, budgets::BudgetRow};

use super::view::{self, BudgetView};
use crate::{Edge, problem::Problem};

/// The open budgets of some holders, with what was spent of them.
pub(crate) struct Held {
    directory: Arc<Directory>,
    accounts: HashMap<AccountId, AccountRow>,
    now: TimeStamp,
}

impl Held {
    /// Those of `holders`, as this node knows them.
    pub(crate) async fn by(edge: &Edge, holders: impl IntoIterator<Item = Holder>) -> Result<Self, Problem> {
        let mut connection = edge.log.read_pool().acquire().await?;
        Ok(Self::load(&edge.directory, edge.clock.now(), &mut connection, holders).await?)
    }

    /// The same, with the accounts as the connection's transaction sees them.
    pub(crate) async fn load(
        directory: &Arc<Directory>,
        now: TimeStamp,
        connection: &mut Connection,
        holders: impl IntoIterator<Item = Holder>,
    ) -> Result<Self, StoreError> {
        let rows = holders.into_iter().flat_map(|holder| directory.budgets_of(&holder));
        let open: BTreeSet<AccountId> = rows.filter_map(|row| view::account_id(&row, now)).collect();
        let accounts =
            if open.is_empty() { HashMap::new() } else { accounts::load(connection, &open).await? };
        Ok(Self { directory: Arc::clone(directory), accounts, now })
    }

    /// Those of one of them.
    pub(crate) fn of(&self, holder: &Holder) -> Vec<BudgetView> {
        let rows: Vec<Arc<BudgetRow>> = self.directory.budgets_of(holder);
        rows.iter().map(|row| BudgetView::of(row, self.now, &self.accounts)).collect()
    }
}

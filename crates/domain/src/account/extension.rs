//! What is set aside for a call after its first reservation, and how its cost is spread over all of it.

use serde::{Deserialize, Serialize};

use super::{CallFacts, Scope};
use crate::{LeaseId, Nanos};

/// The most extensions of one part of a call: every record of it names them all.
pub const EXTENSIONS_MAX: usize = 16;

/// What was set aside for a call that outgrew what had been: as much on every account of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// How much.
    pub amount: Nanos,
    /// The accounts of the call, each with the lease that this was drawn on.
    pub scopes: Vec<Scope>,
}

/// A part of what a call costs, on one of the leases that one account holds for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The lease; `None` where the account was unlimited.
    pub lease_id: Option<LeaseId>,
    /// What was set aside on it.
    pub reserved: Nanos,
    /// What is charged to it.
    pub charged: Nanos,
}

impl CallFacts {
    /// How `amount` is spread over what was set aside on the account of `scope`: in the order in which it was. What is
    /// more than all of it goes to the first.
    pub fn portions(&self, scope: &Scope, amount: Nanos) -> impl Iterator<Item = Portion> {
        let account_id = scope.account_id;
        let extended = self.extensions.iter().fold(Nanos::ZERO, |sum, extension| sum.plus(extension.amount));
        let reserved = self.reserved.minus(extended);
        let mut later = amount.minus(reserved).min(extended);
        let first = Portion { lease_id: scope.lease_id, reserved, charged: amount.minus(later) };
        std::iter::once(first).chain(self.extensions.iter().map(move |extension| {
            let own = extension.scopes.iter().find(|own| own.account_id == account_id);
            let charged = later.min(extension.amount);
            later = later.minus(charged);
            Portion { lease_id: own.and_then(|own| own.lease_id), reserved: extension.amount, charged }
        }))
    }
}

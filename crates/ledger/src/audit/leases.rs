//! I2, lease by lease: what is charged beyond a lease is what calls cost beyond their reservations, or what the lease had
//! left when it was reclaimed. A lease that its node gave back had no call on it, and is charged nothing any more.
//!
//! A ledger that was restored may have forgotten a lease whose charges come again: what was never granted here is late
//! and flagged, and nothing to compare with.

use std::{io, path::Path};

use domain::{
    AccountId, LeaseId,
    account::{AccountEvent, Deduction, LeaseEnd},
};
use uuid::Uuid;

use super::{
    broken::{Broken, Findings},
    sorter::{Sorted, Sorter},
};

/// A lease, its account, what is said of it and how much.
const KEY_BYTES: usize = 16 + 16 + 1 + 8;
type Key = [u8; KEY_BYTES];

/// What is said of a lease, if anything out of the ordinary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It was given back.
    Returned,
    /// It was reclaimed, with so much left.
    Reclaimed,
    /// A call on it cost so much more than was reserved.
    Overshoot,
    /// It was charged so much more than it held.
    Beyond,
    /// It was charged so much after it had ended, or before anybody here knew of it.
    Late,
}

impl Said {
    const ALL: [Self; 5] = [Self::Returned, Self::Reclaimed, Self::Overshoot, Self::Beyond, Self::Late];
}

/// What is out of the ordinary about all leases, however many.
pub(super) struct Leases {
    sorter: Sorter<KEY_BYTES>,
}

impl Leases {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { sorter: Sorter::new(scratch) }
    }

    pub(super) fn event(&mut self, id: AccountId, event: &AccountEvent) -> io::Result<()> {
        match event {
            AccountEvent::LeaseClosed { lease_id, freed_nanos, end } => {
                let said = match end {
                    LeaseEnd::Returned => Said::Returned,
                    LeaseEnd::Reclaimed => Said::Reclaimed,
                };
                self.say(*lease_id, id, said, freed_nanos.get())
            }
            AccountEvent::QuotaDeducted(charge) => self.charge(charge),
            _ => Ok(()),
        }
    }

    fn charge(&mut self, charge: &Deduction) -> io::Result<()> {
        let overshoot = charge.amount_nanos.minus(charge.reserved_nanos).get();
        for charge in &charge.charges {
            let Some(lease_id) = charge.lease_id else { continue };
            let beyond = charge.amount_nanos.minus(charge.freed_nanos).get();
            let said = if charge.late { Said::Late } else { Said::Beyond };
            for (said, nanos) in [(said, beyond), (Said::Overshoot, overshoot)] {
                if nanos > 0 {
                    self.say(lease_id, charge.account_id, said, nanos)?;
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, lease_id: LeaseId, account_id: AccountId, said: Said, nanos: u64) -> io::Result<()> {
        let mut key: Key = [0; KEY_BYTES];
        key[..16].copy_from_slice(lease_id.0.as_bytes());
        key[16..32].copy_from_slice(account_id.0.as_bytes());
        key[32] = said as u8;
        key[33..].copy_from_slice(&nanos.to_be_bytes());
        self.sorter.push(key)
    }

    /// Now that all is said.
    pub(super) fn compare(self, findings: &mut Findings) -> io::Result<()> {
        let mut keys: Sorted<KEY_BYTES> = self.sorter.sorted()?;
        let mut lease = Sums::default();
        while let Some(key) = keys.next().transpose()? {
            let (of, said, nanos) = read(&key);
            if lease.of != of {
                findings.extend(std::mem::take(&mut lease).deficit());
                lease.of = of;
            }
            lease.take(said, nanos);
        }
        findings.extend(lease.deficit());
        Ok(())
    }
}

fn read(key: &Key) -> ((Uuid, Uuid), Said, u64) {
    let (mut lease, mut account, mut nanos) = ([0; 16], [0; 16], [0; 8]);
    lease.copy_from_slice(&key[..16]);
    account.copy_from_slice(&key[16..32]);
    nanos.copy_from_slice(&key[33..]);
    let said = Said::ALL.into_iter().find(|said| *said as u8 == key[32]).unwrap_or(Said::Late);
    ((Uuid::from_bytes(lease), Uuid::from_bytes(account)), said, u64::from_be_bytes(nanos))
}

/// What is said of one lease, summed.
#[derive(Default)]
struct Sums {
    /// Which, and whose.
    of: (Uuid, Uuid),
    has_ended: bool,
    beyond: u128,
    late: u128,
    explained: u128,
}

impl Sums {
    fn take(&mut self, said: Said, nanos: u64) {
        self.has_ended |= matches!(said, Said::Returned | Said::Reclaimed);
        match said {
            Said::Returned => {}
            Said::Reclaimed | Said::Overshoot => self.explained += u128::from(nanos),
            Said::Beyond => self.beyond += u128::from(nanos),
            Said::Late => self.late += u128::from(nanos),
        }
    }

    fn deficit(self) -> Option<Broken> {
        let (lease_id, account_id) = (LeaseId(self.of.0), AccountId(self.of.1));
        let (deficit, explained) = (self.beyond + if self.has_ended { self.late } else { 0 }, self.explained);
        (deficit > explained).then_some(Broken::Deficit { account_id, lease_id, deficit, explained })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Findings, Leases,
        Said::{self, Beyond, Late, Overshoot, Reclaimed, Returned},
    };
    use crate::{
        Broken,
        fixtures::{PAYER, lease},
    };

    /// The deficits that are found where so much is said of the leases 1, 2 and so on.
    fn deficits(said: &[&[(Said, u64)]]) -> Vec<(u128, u128, u128)> {
        let dir = tempfile::tempdir().unwrap();
        let mut leases = Leases::new(dir.path());
        for (said, n) in said.iter().zip(1..) {
            for (said, nanos) in *said {
                leases.say(lease(n), PAYER, *said, *nanos).unwrap();
            }
        }
        let mut findings = Findings::default();
        leases.compare(&mut findings).unwrap();
        let deficit = |broken| match broken {
            Broken::Deficit { account_id: PAYER, lease_id, deficit, explained } => {
                (lease_id.0.as_u128() - lease(0).0.as_u128(), deficit, explained)
            }
            other => panic!("{other}"),
        };
        findings.into_inner().into_iter().map(deficit).collect()
    }

    #[test]
    fn what_a_reclaimed_lease_had_left_may_be_charged_late_and_no_more() {
        assert_eq!(deficits(&[&[(Reclaimed, 30), (Late, 20), (Late, 10)]]), []);
        assert_eq!(deficits(&[&[(Reclaimed, 30), (Late, 20), (Late, 11)]]), [(1, 31, 30)]);
        assert_eq!(deficits(&[&[(Reclaimed, 30), (Late, 41), (Overshoot, 11)]]), []);
    }

    #[test]
    fn a_lease_that_was_given_back_is_charged_nothing_more_and_another_ones_reclaim_does_not_help() {
        assert_eq!(deficits(&[&[(Returned, 30)]]), []);
        assert_eq!(deficits(&[&[(Returned, 30), (Late, 1)]]), [(1, 1, 0)]);
        assert_eq!(deficits(&[&[(Returned, 0), (Late, 5)], &[(Reclaimed, 30)]]), [(1, 5, 0)]);
    }

    #[test]
    fn an_open_lease_is_overdrawn_by_overshoots_alone() {
        assert_eq!(deficits(&[&[(Overshoot, 20), (Beyond, 20)]]), []);
        assert_eq!(deficits(&[&[(Beyond, 1)], &[(Overshoot, 1)]]), [(1, 1, 0)]);
    }

    #[test]
    fn what_comes_again_after_a_restore_is_late_on_leases_that_are_not_known_any_more() {
        assert_eq!(deficits(&[&[(Late, 25)]]), []);
    }
}

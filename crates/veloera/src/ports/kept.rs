//! Prices that calls asked for lately, all of one moment of the `control` log: they go when it moves on.

use std::{collections::HashMap, sync::Arc};

use domain::{GroupName, ModelName};
use parking_lot::RwLock;
use relay::Priced;

/// The most prices that are kept.
const PRICES_MAX: usize = 4_096;

/// So that not every call looks its price up in the whole catalogue.
#[derive(Default)]
pub(super) struct KeptPrices(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    position: u64,
    count: usize,
    by_group: HashMap<GroupName, HashMap<ModelName, Arc<Priced>>>,
}

impl KeptPrices {
    /// What `model` costs `group` at that position, where it is known here.
    pub(super) fn at(&self, position: u64, model: &ModelName, group: &GroupName) -> Option<Arc<Priced>> {
        let kept = self.0.read();
        let found = kept.by_group.get(group).and_then(|models| models.get(model));
        found.filter(|_| kept.position == position).map(Arc::clone)
    }

    /// Keeps a price of the newest moment that is known here.
    pub(super) fn keep(&self, model: &ModelName, group: &GroupName, priced: &Arc<Priced>) {
        let mut kept = self.0.write();
        if kept.position < priced.control_position || kept.count >= PRICES_MAX {
            *kept = Kept { position: priced.control_position, ..Kept::default() };
        }
        if kept.position == priced.control_position {
            let models = kept.by_group.entry(group.clone()).or_default();
            let before = models.insert(model.clone(), Arc::clone(priced));
            kept.count += usize::from(before.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::{GroupName, ModelName};
    use relay::Priced;

    use super::KeptPrices;

    fn priced(control_position: u64) -> Arc<Priced> {
        Arc::new(Priced { control_position, ..Priced::default() })
    }

    #[test]
    fn a_price_is_known_at_its_own_moment_and_a_later_one_ends_it() {
        let (kept, group) = (KeptPrices::default(), GroupName::default_group());
        let [one, two] = ["one", "two"].map(|name| ModelName::new(name).unwrap());
        kept.keep(&one, &group, &priced(7));
        assert_eq!(kept.at(7, &one, &group), Some(priced(7)));
        assert_eq!((kept.at(8, &one, &group), kept.at(7, &two, &group)), (None, None));
        kept.keep(&two, &group, &priced(8));
        assert_eq!((kept.at(7, &one, &group), kept.at(8, &one, &group)), (None, None));
        kept.keep(&one, &group, &priced(7));
        assert_eq!(kept.at(8, &one, &group), None, "it is of an earlier moment");
        assert_eq!(kept.at(8, &two, &group), Some(priced(8)));
    }
}

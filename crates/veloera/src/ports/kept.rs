//! Prices that calls asked for lately, all of one moment of the `control` log: they go when it moves on.

use std::{collections::HashMap, sync::Arc};

use domain::{GroupName, ModelName};
use parking_lot::RwLock;
use projections::Moment;
use relay::Priced;

/// The most prices that are kept.
const PRICES_MAX: usize = 4_096;

/// So that not every call looks its price up in the whole catalogue.
#[derive(Default)]
pub(super) struct KeptPrices(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    moment: Moment,
    count: usize,
    by_group: HashMap<GroupName, HashMap<ModelName, Arc<Priced>>>,
}

impl KeptPrices {
    /// What `model` costs `group` at that moment, where it is known here.
    pub(super) fn at(&self, moment: Moment, model: &ModelName, group: &GroupName) -> Option<Arc<Priced>> {
        let kept = self.0.read();
        let found = kept.by_group.get(group).and_then(|models| models.get(model));
        found.filter(|_| kept.moment == moment).map(Arc::clone)
    }

    /// Keeps a price of `moment`, where that is the newest that is known here.
    pub(super) fn keep(&self, moment: Moment, model: &ModelName, group: &GroupName, priced: &Arc<Priced>) {
        let mut kept = self.0.write();
        if kept.moment < moment || kept.count >= PRICES_MAX {
            *kept = Kept { moment, ..Kept::default() };
        }
        if kept.moment == moment {
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
    use projections::Moment;
    use relay::Priced;

    use super::KeptPrices;

    fn priced(control_position: u64) -> Arc<Priced> {
        Arc::new(Priced { control_position, ..Priced::default() })
    }

    #[test]
    fn a_price_is_known_at_its_own_moment_and_a_later_one_ends_it() {
        let (kept, group) = (KeptPrices::default(), GroupName::default_group());
        let [one, two] = ["one", "two"].map(|name| ModelName::new(name).unwrap());
        let at = |position| Moment { rebuilt: 0, position };
        kept.keep(at(7), &one, &group, &priced(7));
        assert_eq!(kept.at(at(7), &one, &group), Some(priced(7)));
        assert_eq!((kept.at(at(8), &one, &group), kept.at(at(7), &two, &group)), (None, None));
        kept.keep(at(8), &two, &group, &priced(8));
        assert_eq!((kept.at(at(7), &one, &group), kept.at(at(8), &one, &group)), (None, None));
        kept.keep(at(7), &one, &group, &priced(7));
        assert_eq!(kept.at(at(8), &one, &group), None, "it is of an earlier moment");
        assert_eq!(kept.at(at(8), &two, &group), Some(priced(8)));
    }

    #[test]
    fn a_price_of_another_log_is_no_price_though_its_position_is_the_same() {
        let (kept, group) = (KeptPrices::default(), GroupName::default_group());
        let one = ModelName::new("one").unwrap();
        kept.keep(Moment { rebuilt: 0, position: 7 }, &one, &group, &priced(7));
        kept.keep(Moment { rebuilt: 1, position: 3 }, &one, &group, &priced(3));
        assert_eq!(kept.at(Moment { rebuilt: 1, position: 7 }, &one, &group), None);
        assert_eq!(kept.at(Moment { rebuilt: 1, position: 3 }, &one, &group), Some(priced(3)));
    }
}

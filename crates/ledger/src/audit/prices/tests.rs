//! What was in force when.

use domain::{
    Aggregate, GroupName, Log, TimeStamp,
    account::{AccountEvent, Deduction, deduct},
    group::{Group, GroupEvent},
    price::{PICOS_MAX, Pinned, Price, PriceSource, Rates, Ratio},
    price_list::{LIST_ID, PriceList, PriceListEvent},
    settings::{SETTINGS_ID, Settings, SettingsEvent, SettingsValues},
};
use eventlog::{NewEvent, Recorded, stream_name};
use uuid::Uuid;

use super::{Broken, EDITION, Findings, Prices, catalogue};
use crate::fixtures::{JOURNAL, model, settlement};

/// A model that the catalogue knows.
const KNOWN: &str = "gpt-4o-mini";

fn price(picos: u64) -> Price {
    assert!(picos <= PICOS_MAX);
    Price { rates: Rates { input: Some(picos), ..Rates::default() }, ..Price::default() }
}

fn ratio(millionths: u32) -> Ratio {
    Ratio::try_from(millionths).unwrap()
}

/// The control log that these events make.
#[derive(Default)]
struct Control(Prices);

impl Control {
    fn say(&mut self, stream: String, event: NewEvent) {
        self.0.head += 1;
        let recorded = Recorded {
            log: Log::Control,
            position: self.0.head,
            stream,
            version: 1,
            event_id: Uuid::nil(),
            event_type: event.event_type.to_owned(),
            schema_version: event.schema_version,
            payload: event.payload,
            metadata: "{}".to_owned(),
            recorded_at: TimeStamp::default(),
            leaf_hash: [0; 32],
        };
        self.0.event(&recorded).unwrap();
    }

    fn set(&mut self, version: u32, picos: u64) {
        let event = PriceListEvent::Set { model: model(), version, price: Box::new(price(picos)) };
        self.say(stream_name(PriceList::KIND, LIST_ID), NewEvent::of(&event).unwrap());
    }

    fn remove(&mut self, version: u32) {
        let event = PriceListEvent::Removed { model: model(), version };
        self.say(stream_name(PriceList::KIND, LIST_ID), NewEvent::of(&event).unwrap());
    }

    fn default_price(&mut self, version: u32, picos: Option<u64>) {
        let default_price = picos.map(|picos| Box::new(price(picos)));
        let values = SettingsValues { default_price, ..SettingsValues::default() };
        let event = SettingsEvent::Changed { version, values: Box::new(values) };
        self.say(stream_name(Settings::KIND, SETTINGS_ID), NewEvent::of(&event).unwrap());
    }

    fn group(&mut self, name: &str, event: &GroupEvent) {
        self.say(stream_name(Group::KIND, name), NewEvent::of(event).unwrap());
    }

    /// What is wrong with a charge that was pinned so at `position`.
    fn broken(&self, position: u64, with: impl FnOnce(&mut Deduction)) -> Vec<Broken> {
        let AccountEvent::QuotaDeducted(mut charge) = deduct(settlement(25), JOURNAL, 1, |_| None) else {
            panic!("a settlement is a charge")
        };
        charge.control_position = position;
        with(&mut charge);
        let mut findings = Findings::default();
        self.0.check(5, &charge, &mut findings).unwrap();
        findings.into_inner()
    }

    /// Whether the price that was pinned at `position` was in force there.
    fn was(&self, position: u64, source: PriceSource, picos: u64) -> bool {
        let broken = self.broken(position, |charge| {
            charge.pinned = Pinned { price: price(picos).into(), source, ..Pinned::default() };
        });
        let expected = Broken::Price { position: 5, model: model(), control_position: position };
        assert!(broken.is_empty() || broken == [expected], "{broken:?}");
        broken.is_empty()
    }
}

const fn list(version: u32) -> PriceSource {
    PriceSource::List { version }
}

#[test]
fn each_price_of_the_list_counts_from_where_it_was_set_to_where_another_was() {
    let mut control = Control::default();
    control.default_price(1, None);
    control.set(1, 100);
    control.set(2, 200);
    control.remove(3);
    for position in 1..=4 {
        assert_eq!(control.was(position, list(1), 100), position == 2, "version 1 at {position}");
        assert_eq!(control.was(position, list(2), 200), position == 3, "version 2 at {position}");
    }
    assert!(!control.was(2, list(1), 101), "another price than version 1 set");
    assert!(!control.was(2, list(2), 100), "another version than the one that set it");
}

#[test]
fn the_default_price_counts_where_nothing_else_is_known() {
    let mut control = Control::default();
    control.default_price(1, Some(7));
    control.set(1, 100);
    control.remove(2);
    control.default_price(2, None);
    let default = |version| PriceSource::Default { version };
    let found: Vec<bool> = (0..=4).map(|position| control.was(position, default(1), 7)).collect();
    assert_eq!(found, [false, true, false, true, false]);
    assert!(!control.was(1, default(1), 8));
    assert!(!control.was(1, default(2), 7));
}

#[test]
fn the_catalogues_price_counts_where_the_operator_set_none() {
    let known = domain::ModelName::new(KNOWN).unwrap();
    let entry = catalogue::find(KNOWN).unwrap();
    let mut control = Control::default();
    control.default_price(1, Some(7));
    let builtin = |price: Price, edition: &str| {
        let source = PriceSource::Builtin { edition: edition.to_owned() };
        control.broken(1, |charge| {
            charge.model = known.clone();
            charge.pinned = Pinned { price: price.into(), source, ..Pinned::default() };
        })
    };
    assert_eq!(builtin(entry.price.clone(), EDITION), []);
    assert_eq!(builtin(price(1), EDITION).len(), 1, "not the catalogue's");
    assert_eq!(builtin(price(1), "1999-01"), [], "of that edition nothing is left to compare with");
    let unknown = PriceSource::Builtin { edition: EDITION.to_owned() };
    assert!(!control.was(1, unknown, 100), "the catalogue does not know it");
    control.set(1, 100);
    let beside = PriceSource::Builtin { edition: "1999-01".to_owned() };
    assert!(!control.was(2, beside, 100), "the operator's own price comes first, whatever the edition");
}

#[test]
fn a_ratio_counts_from_where_it_was_set_and_the_group_default_is_always_there() {
    let mut control = Control::default();
    let vip = GroupName::new("vip").unwrap();
    control.set(1, 100);
    control.group("vip", &GroupEvent::Created { name: vip.clone(), ratio: ratio(500_000) });
    control.group("vip", &GroupEvent::RatioChanged { ratio: ratio(600_000) });
    control.group("vip", &GroupEvent::Deleted {});
    let was = |position, group: &GroupName, millionths| {
        let broken = control.broken(position, |charge| {
            let (price, source, ratio) = (price(100), list(1), ratio(millionths));
            charge.group = group.clone();
            charge.pinned = Pinned { price: price.into(), source, ratio };
        });
        let expected = Broken::Ratio { position: 5, group: group.clone(), control_position: position };
        assert!(broken.is_empty() || broken == [expected], "{broken:?}");
        broken.is_empty()
    };
    let found = |millionths| (1..=4).map(|position| was(position, &vip, millionths)).collect::<Vec<_>>();
    assert_eq!(found(500_000), [false, true, false, false]);
    assert_eq!(found(600_000), [false, false, true, false]);
    assert!(was(1, &GroupName::default_group(), 1_000_000));
    assert!(!was(1, &GroupName::default_group(), 999_999));
}

#[test]
fn nothing_is_priced_by_what_was_not_said_yet() {
    let mut control = Control::default();
    control.set(1, 100);
    let ahead = Broken::Ahead { position: 5, control_position: 2, head: 1 };
    assert_eq!(control.broken(2, |_| ()), [ahead]);
}

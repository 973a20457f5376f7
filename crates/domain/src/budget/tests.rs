//! What a budget decides, and which moments its windows hold.

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Binding, Budget, BudgetCommand as C, BudgetEvent as E, BudgetRefusal, BudgetWindowEvent, Holder,
    HolderKind, Period, Terms, WINDOW_SKEW_MS_MAX, Window,
};
use crate::{AccountId, ApiTokenId, BudgetId, Nanos, TimeStamp, testing::given};

const BUDGET: BudgetId = BudgetId(Uuid::from_u128(5));
const PERIODS: [Period; 5] = [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Total];

fn at(text: &str) -> TimeStamp {
    TimeStamp::parse(text).unwrap()
}

fn terms(period: Period) -> Terms {
    Terms { budget_id: BUDGET, holder: Some(holder()), period, limit: Nanos::from_dollars(3) }
}

fn holder() -> Holder {
    Holder::Token(ApiTokenId(Uuid::from_u128(6)))
}

fn opened() -> E {
    let holder = Some(holder());
    E::Opened { budget_id: BUDGET, holder, period: Period::Day, limit_nanos: Nanos::from_dollars(3) }
}

/// Name, first moment and first moment after it.
fn bounds(period: Period, moment: &str) -> [String; 3] {
    let window = period.window(at(moment));
    [window.to_string(), window.starts_at.to_string(), window.ends_at.unwrap().to_string()]
}

#[test]
fn each_period_has_its_own_windows_in_utc() {
    let moment = "2026-11-24T08:59:59.999999Z";
    assert_eq!(
        bounds(Period::Hour, moment),
        ["2026-11-24T08", "2026-11-24T08:00:00Z", "2026-11-24T09:00:00Z"]
    );
    assert_eq!(bounds(Period::Day, moment), ["2026-11-24", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"]);
    assert_eq!(bounds(Period::Week, moment), ["2026-W48", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"]);
    assert_eq!(bounds(Period::Month, moment), ["2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"]);
    assert_eq!(Period::Total.window(at(moment)).to_string(), "total");
    assert_eq!(Period::Total.window(at(moment)).ends_at, None);
    // Said elsewhere on earth, it is the same moment.
    assert_eq!(Period::Day.window(at("2026-11-25T01:00:00+09:00")).to_string(), "2026-11-24");
}

#[test]
fn months_are_as_long_as_they_are() {
    let ends = |moment| bounds(Period::Month, moment)[2].clone();
    assert_eq!(ends("2026-02-28T23:59:59Z"), "2026-03-01T00:00:00Z");
    assert_eq!(ends("2028-02-29T12:00:00Z"), "2028-03-01T00:00:00Z", "a leap year");
    assert_eq!(ends("2100-02-28T23:59:59Z"), "2100-03-01T00:00:00Z", "not one");
    assert_eq!(ends("2026-12-31T23:59:59Z"), "2027-01-01T00:00:00Z");
    assert_eq!(ends("1969-12-31T23:59:59Z"), "1970-01-01T00:00:00Z", "before the epoch");
}

#[test]
fn a_week_that_spans_two_years_has_one_name() {
    assert_eq!(bounds(Period::Week, "2026-12-31T00:00:00Z")[0], "2026-W53");
    assert_eq!(bounds(Period::Week, "2027-01-03T23:00:00Z")[0], "2026-W53");
    assert_eq!(bounds(Period::Week, "2027-01-04T00:00:00Z")[0], "2027-W01");
}

proptest! {
    #[test]
    fn every_moment_lies_in_one_window_and_the_next_begins_where_it_ends(
        micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000,
        which in 0_usize..4,
    ) {
        let (period, moment) = (PERIODS[which], TimeStamp::from_micros(micros));
        let window = period.window(moment);
        let ends_at = window.ends_at.unwrap();
        prop_assert!(window.starts_at <= moment && moment < ends_at);
        // Its first and its last moment are of the same window, the one after it is not.
        prop_assert_eq!(period.window(window.starts_at), window);
        prop_assert_eq!(period.window(TimeStamp::from_micros(ends_at.micros() - 1)), window);
        let next = window.next().unwrap();
        prop_assert_eq!(next.starts_at, ends_at);
        prop_assert_ne!(next.to_string(), window.to_string());
        prop_assert_ne!(BUDGET.account_in(&next), BUDGET.account_in(&window));
    }
}

#[test]
fn windows_of_two_lengths_that_begin_together_have_two_accounts() {
    let first = at("2029-01-01T00:00:00Z");
    let accounts: std::collections::BTreeSet<AccountId> =
        PERIODS.iter().map(|period| BUDGET.account_in(&period.window(first))).collect();
    assert_eq!(accounts.len(), PERIODS.len());
}

#[test]
fn the_far_ends_of_time_have_windows_too() {
    for period in PERIODS {
        for micros in [i64::MIN, i64::MAX] {
            let window = period.window(TimeStamp::from_micros(micros));
            assert!(!window.to_string().is_empty());
        }
    }
}

/// The window that `account_id` opens.
fn window_of(account_id: AccountId, now: TimeStamp) -> Result<Window, BudgetRefusal> {
    terms(Period::Day).open_window(account_id, now).map(|BudgetWindowEvent::Opened { window, .. }| window)
}

#[test]
fn a_window_is_opened_by_its_account_a_little_early_but_never_late() {
    let (today, midnight) = (at("2026-11-24T08:00:00Z"), at("2026-11-25T00:00:00Z"));
    let window = Period::Day.window(today);
    let account_id = BUDGET.account_in(&window);
    assert_eq!(window_of(account_id, today), Ok(window));
    assert_eq!(window_of(account_id, window.starts_at), Ok(window));
    assert_eq!(window_of(account_id, window.starts_at.minus_ms(WINDOW_SKEW_MS_MAX)), Ok(window));
    let earlier = window.starts_at.minus_ms(WINDOW_SKEW_MS_MAX + 1);
    assert_eq!(window_of(account_id, earlier), Err(BudgetRefusal::OtherWindow));
    assert_eq!(window_of(account_id, midnight), Err(BudgetRefusal::WindowOver));
    let later = midnight.plus_ms(WINDOW_SKEW_MS_MAX + 1);
    assert_eq!(window_of(account_id, later), Err(BudgetRefusal::OtherWindow));
}

#[test]
fn a_budget_keeps_its_period_and_is_closed_for_good() {
    let open = C::Open { budget_id: BUDGET, holder: holder(), period: Period::Hour, limit: Nanos::ZERO };
    given::<Budget>([]).when(C::Close).then_refused(&BudgetRefusal::Unknown);
    given::<Budget>([opened()]).when(open.clone()).then_refused(&BudgetRefusal::Exists);
    given::<Budget>([opened()]).when(C::ChangeLimit(Nanos::from_dollars(3))).then([]);
    let changed = E::LimitChanged { limit_nanos: Nanos::from_dollars(4) };
    given::<Budget>([opened()]).when(C::ChangeLimit(Nanos::from_dollars(4))).then([changed.clone()]);
    given::<Budget>([opened(), E::Closed {}]).when(open).then_refused(&BudgetRefusal::Exists);
    let budget = given::<Budget>([opened(), changed, E::Closed {}]).state();
    assert_eq!(budget, Budget::Closed(Terms { limit: Nanos::from_dollars(4), ..terms(Period::Day) }));
    assert_eq!(budget.terms(), Err(BudgetRefusal::Closed));
}

#[test]
fn what_was_written_before_budgets_had_holders_limits_nobody() {
    let written = r#"{"type":"budget_opened","budget_id":"00000000-0000-0000-0000-000000000005","period":"day","limit_nanos":7}"#;
    let event: E = serde_json::from_str(written).unwrap();
    let budget = given::<Budget>([event]).state();
    assert_eq!(budget.terms().unwrap().holder, None);
}

#[test]
fn whoever_is_refused_is_told_which_budget_it_is() {
    let bound = |holder, period| Binding { budget_id: BUDGET, holder, period }.to_string();
    assert_eq!(bound(HolderKind::Token, Period::Day), "the budget of this key for a day");
    assert_eq!(bound(HolderKind::User, Period::Hour), "the budget of this key's user for an hour");
    assert_eq!(bound(HolderKind::Group, Period::Total), "the whole budget of this key's group");
}

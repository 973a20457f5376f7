//! What an account decides, and what a charge does to it.

use uuid::Uuid;

use super::{
    Account, AccountCommand as C, AccountEvent as E, AccountRefusal, Adjustment, CallFacts, Charge,
    Correction, Extension, Flag, LeaseAsk, LeaseEnd, Limit, Mode, Owner, Reconciliation, Scope, Settlement,
    deduct,
};
use crate::{
    AMOUNT_MAX, AccountId, Aggregate, ApiTokenId, BudgetId, CallId, GroupName, JournalId, LeaseId, ModelName,
    Nanos, TimeStamp, UserId,
    budget::{BudgetWindowEvent, Period, Window},
    price::{Pinned, Usage},
    testing::given,
};

const ME: AccountId = AccountId(Uuid::from_u128(1));
const LIMIT: AccountId = AccountId(Uuid::from_u128(2));
const JOURNAL: JournalId = JournalId(Uuid::from_u128(3));

/// 2026-11-24T12:00:00Z
const NOON: TimeStamp = TimeStamp::from_micros(1_795_521_600_000_000);

fn nanos(amount: u64) -> Nanos {
    Nanos::new(amount).unwrap()
}

fn opened(account_id: AccountId, limit: Limit) -> E {
    E::Opened { account_id, owner: Owner::User(UserId(Uuid::from_u128(9))), limit }
}

fn deposited(amount: u64) -> E {
    E::Deposited { amount_nanos: nanos(amount), reason: "r".into() }
}

fn lease(n: u128) -> LeaseId {
    LeaseId(Uuid::from_u128(n))
}

fn leased(n: u128, amount: u64) -> E {
    E::QuotaLeased { lease_id: lease(n), journal_id: JOURNAL, amount_nanos: nanos(amount), ttl_ms: 60_000 }
}

fn ask(n: u128, need: u64, floor: u64, rate: u64) -> C {
    C::Lease(LeaseAsk {
        lease_id: lease(n),
        journal_id: JOURNAL,
        need: nanos(need),
        floor: nanos(floor),
        rate: nanos(rate),
        nodes: 1,
        ttl_ms: 60_000,
        now: NOON,
    })
}

fn account(events: impl IntoIterator<Item = E>) -> Account {
    given::<Account>(std::iter::once(opened(ME, Limit::Prepaid)).chain(events)).state()
}

fn settlement(amount: u64, scopes: Vec<Scope>) -> Settlement {
    let facts = CallFacts {
        call_id: CallId(Uuid::from_u128(7)),
        part: 0,
        user_id: UserId(Uuid::from_u128(9)),
        token_id: ApiTokenId(Uuid::from_u128(8)),
        scopes,
        group: GroupName::default_group(),
        model: ModelName::new("m").unwrap(),
        pinned: Pinned::default(),
        service_tier: None,
        control_position: 1,
        mode: Mode::Whole,
        input_tokens: 1,
        reserved: nanos(100),
        extensions: Vec::new(),
        trace: None,
        started_at: TimeStamp::default(),
    };
    Settlement {
        facts,
        attempts: Vec::new(),
        usage: Usage::default(),
        amount: nanos(amount),
        flags: Vec::new(),
        ended_at: TimeStamp::default(),
    }
}

fn scope(account_id: AccountId, n: u128) -> Scope {
    Scope { account_id, lease_id: Some(lease(n)) }
}

fn charges(event: &E) -> &[Charge] {
    let E::QuotaDeducted(deduction) = event else { panic!("{event:?} is no deduction") };
    &deduction.charges
}

fn flags(event: &E) -> &[Flag] {
    let E::QuotaDeducted(deduction) = event else { panic!("{event:?} is no deduction") };
    &deduction.flags
}

#[test]
fn what_was_paid_in_can_be_leased_and_no_more() {
    let given = || given::<Account>([opened(ME, Limit::Prepaid), deposited(100)]);
    given().when(ask(1, 100, 100, 0)).then([leased(1, 100)]);
    given()
        .when(ask(1, 101, 101, 0))
        .then_refused(&AccountRefusal::Insufficient { available_nanos: 100, needed_nanos: 101 });
}

#[test]
fn what_is_leased_cannot_be_leased_again() {
    given::<Account>([opened(ME, Limit::Prepaid), deposited(100), leased(1, 60)])
        .when(ask(2, 50, 50, 0))
        .then_refused(&AccountRefusal::Insufficient { available_nanos: 40, needed_nanos: 50 });
}

#[test]
fn a_busy_node_gets_more_than_the_call_at_hand_but_never_more_than_its_share() {
    let given = || given::<Account>([opened(ME, Limit::Prepaid), deposited(1_000)]);
    given().when(ask(1, 10, 10, 300)).then([leased(1, 300)]);
    given().when(ask(1, 10, 10, 9_000)).then([leased(1, 500)]);
}

#[test]
fn a_call_that_can_make_do_with_less_gets_what_is_left() {
    let given = || given::<Account>([opened(ME, Limit::Prepaid), deposited(70)]);
    given().when(ask(1, 100, 50, 0)).then([leased(1, 70)]);
    given()
        .when(ask(1, 100, 71, 0))
        .then_refused(&AccountRefusal::Insufficient { available_nanos: 70, needed_nanos: 71 });
}

#[test]
fn asking_twice_for_a_lease_grants_it_once() {
    given::<Account>([opened(ME, Limit::Prepaid), deposited(100), leased(1, 60)])
        .when(ask(1, 60, 60, 0))
        .then([]);
}

#[test]
fn credit_goes_so_much_farther_and_unlimited_takes_no_lease() {
    given::<Account>([opened(ME, Limit::CreditNanos(nanos(50)))])
        .when(ask(1, 50, 50, 0))
        .then([leased(1, 50)]);
    given::<Account>([opened(ME, Limit::Unlimited)])
        .when(ask(1, 1, 1, 0))
        .then_refused(&AccountRefusal::Unlimited);
}

#[test]
fn a_charge_moves_from_pending_to_posted() {
    let mut me = account([deposited(100), leased(1, 60)]);
    let event = deduct(settlement(25, vec![scope(ME, 1)]), JOURNAL, 1, |_| Some(&me));
    assert_eq!(charges(&event)[0].freed_nanos, nanos(25));
    let before = me.available_nanos();
    me.evolve(&event);
    assert_eq!((me.posted_nanos, me.pending_nanos, me.available_nanos()), (25, 35, before));
    me.evolve(&E::LeaseClosed { lease_id: lease(1), freed_nanos: nanos(35), end: LeaseEnd::Returned });
    assert_eq!((me.pending_nanos, me.available_nanos()), (0, 75));
}

#[test]
fn one_call_charges_its_payer_and_its_limit() {
    let me = account([deposited(100), leased(1, 60)]);
    let limit = given::<Account>([opened(LIMIT, Limit::Prepaid), deposited(50), leased(2, 30)]).state();
    let scopes = vec![scope(ME, 1), scope(LIMIT, 2)];
    let event = deduct(settlement(25, scopes), JOURNAL, 1, |id| Some(if id == ME { &me } else { &limit }));
    let touched: Vec<_> = event.touched(ME).collect();
    assert_eq!(touched, [ME, LIMIT]);
    let mut limit = limit.clone();
    limit.evolve(&event);
    assert_eq!((limit.posted_nanos, limit.pending_nanos), (25, 5));
}

#[test]
fn a_call_that_cost_more_than_its_lease_is_charged_whole_and_flagged() {
    let mut me = account([deposited(200), leased(1, 100)]);
    let event = deduct(settlement(130, vec![scope(ME, 1)]), JOURNAL, 1, |_| Some(&me));
    assert_eq!(charges(&event)[0].freed_nanos, nanos(100));
    assert_eq!(flags(&event), [Flag::Overshoot]);
    me.evolve(&event);
    assert_eq!((me.posted_nanos, me.pending_nanos), (130, 0));
}

#[test]
fn a_charge_after_its_lease_ended_is_late_but_stands() {
    let ended = E::LeaseClosed { lease_id: lease(1), freed_nanos: nanos(60), end: LeaseEnd::Reclaimed };
    let mut me = account([deposited(100), leased(1, 60), ended]);
    let event = deduct(settlement(25, vec![scope(ME, 1)]), JOURNAL, 1, |_| Some(&me));
    assert_eq!(flags(&event), [Flag::Late]);
    me.evolve(&event);
    assert_eq!((me.posted_nanos, me.pending_nanos, me.available_nanos()), (25, 0, 75));
}

#[test]
fn the_suspense_account_pays_where_the_payer_is_unknown_or_closed() {
    let closed = account([deposited(100), leased(1, 60), E::Closed {}]);
    for found in [None, Some(&closed)] {
        let event = deduct(settlement(25, vec![scope(ME, 1)]), JOURNAL, 1, |_| found);
        assert_eq!(charges(&event)[0].account_id, AccountId::SUSPENSE);
        assert_eq!(charges(&event)[0].suspense_of, Some(ME));
        assert_eq!(flags(&event), [Flag::Suspense]);
    }
}

#[test]
fn a_debit_stops_at_what_there_is_and_a_chargeback_does_not() {
    let adjust = |adjustment| C::Adjust { adjustment, amount: nanos(150), reason: "r".into() };
    let given = || given::<Account>([opened(ME, Limit::Prepaid), deposited(100)]);
    given()
        .when(adjust(Adjustment::Debit))
        .then_refused(&AccountRefusal::Insufficient { available_nanos: 100, needed_nanos: 150 });
    let event =
        E::Adjusted { adjustment: Adjustment::Chargeback, amount_nanos: nanos(150), reason: "r".into() };
    given().when(adjust(Adjustment::Chargeback)).then([event.clone()]);
    assert_eq!(account([deposited(100), event]).available_nanos(), -50);
}

#[test]
fn nothing_is_neither_deposited_nor_adjusted() {
    given::<Account>([opened(ME, Limit::Prepaid)])
        .when(C::Deposit { amount: Nanos::ZERO, reason: "r".into() })
        .then_refused(&AccountRefusal::Nothing);
}

#[test]
fn what_was_set_aside_in_several_leases_is_charged_to_them_in_their_order() {
    let extension = |amount, n| Extension { amount: nanos(amount), scopes: vec![scope(ME, n)] };
    let extended = |amount| {
        let mut settlement = settlement(amount, vec![scope(ME, 1)]);
        settlement.facts.reserved = nanos(100);
        settlement.facts.extensions = vec![extension(10, 1), extension(30, 2), extension(20, 3)];
        settlement
    };
    let me = account([deposited(200), leased(1, 50), leased(2, 30), leased(3, 20)]);
    for (amount, expected) in [
        (0, vec![(1, 0, 0)]),
        (40, vec![(1, 40, 40)]),
        (50, vec![(1, 50, 50)]),
        (65, vec![(1, 50, 50), (2, 15, 15)]),
        (100, vec![(1, 50, 50), (2, 30, 30), (3, 20, 20)]),
        (107, vec![(1, 57, 50), (2, 30, 30), (3, 20, 20)]),
    ] {
        let event = deduct(extended(amount), JOURNAL, 1, |_| Some(&me));
        let charged: Vec<_> = charges(&event)
            .iter()
            .map(|charge| (charge.lease_id, charge.amount_nanos.get(), charge.freed_nanos.get()))
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|(n, amount, freed)| (Some(lease(*n)), *amount, *freed)).collect();
        assert_eq!(charged, expected, "{amount}");
        assert_eq!(flags(&event), if amount > 100 { &[Flag::Overshoot][..] } else { &[] }, "{amount}");
        let mut after = me.clone();
        after.evolve(&event);
        assert_eq!(
            (after.posted_nanos, after.pending_nanos),
            (amount, 100_u64.saturating_sub(amount)),
            "{amount}"
        );
    }
}

#[test]
fn a_closed_account_takes_neither_deposits_nor_leases_but_gives_back() {
    let given =
        || given::<Account>([opened(ME, Limit::Prepaid), deposited(100), leased(1, 60), E::Closed {}]);
    given().when(C::Deposit { amount: nanos(1), reason: "r".into() }).then_refused(&AccountRefusal::Closed);
    given().when(ask(2, 1, 1, 0)).then_refused(&AccountRefusal::Closed);
    given().when(C::EndLease { lease_id: lease(1), end: LeaseEnd::Returned }).then([E::LeaseClosed {
        lease_id: lease(1),
        freed_nanos: nanos(60),
        end: LeaseEnd::Returned,
    }]);
}

#[test]
fn a_release_frees_at_most_what_is_unsettled() {
    given::<Account>([opened(ME, Limit::Prepaid), deposited(100), leased(1, 60)])
        .when(C::Release { lease_id: lease(1), amount: nanos(80) })
        .then([E::LeaseReleased { lease_id: lease(1), freed_nanos: nanos(60) }]);
    given::<Account>([opened(ME, Limit::Prepaid)])
        .when(C::Release { lease_id: lease(1), amount: nanos(80) })
        .then([]);
}

#[test]
fn a_reconciliation_gives_back_and_posts_without_touching_what_stood() {
    let corrections = vec![Correction { account_id: ME, posted_nanos: nanos(3), refunded_nanos: nanos(10) }];
    let reconciliation = Reconciliation {
        call_id: CallId(Uuid::from_u128(7)),
        part: 0,
        corrections,
        reason: "provider's invoice".into(),
    };
    let me = account([deposited(100), E::UsageReconciled(Box::new(reconciliation))]);
    assert_eq!((me.posted_nanos, me.refunded_nanos, me.available_nanos()), (3, 10, 107));
}

#[test]
fn an_account_is_opened_once() {
    given::<Account>([opened(ME, Limit::Prepaid)])
        .when(C::Open { account_id: ME, owner: Owner::Suspense, limit: Limit::Prepaid })
        .then_refused(&AccountRefusal::Exists);
    given::<Account>([]).when(C::Close).then_refused(&AccountRefusal::Unknown);
}

#[test]
fn sums_end_where_json_readers_lose_count() {
    let full = || given::<Account>([opened(ME, Limit::Prepaid), deposited(AMOUNT_MAX - 5)]);
    full().when(C::Deposit { amount: nanos(5), reason: "r".into() }).then([deposited(5)]);
    full().when(C::Deposit { amount: nanos(6), reason: "r".into() }).then_refused(&AccountRefusal::Full);
    let credit = C::Adjust { adjustment: Adjustment::Credit, amount: nanos(6), reason: "r".into() };
    full().when(credit).then_refused(&AccountRefusal::Full);
}

#[test]
fn the_suspense_account_is_never_closed() {
    let opened =
        E::Opened { account_id: AccountId::SUSPENSE, owner: Owner::Suspense, limit: Limit::Unlimited };
    given::<Account>([opened]).when(C::Close).then_refused(&AccountRefusal::Suspense);
}

/// An hour of a budget, of which so many milliseconds are left at noon.
fn window(left_ms: u64) -> E {
    let window = Window {
        period: Period::Hour,
        starts_at: TimeStamp::default(),
        ends_at: Some(NOON.plus_ms(left_ms)),
    };
    let budget_id = BudgetId(Uuid::from_u128(5));
    E::from(&BudgetWindowEvent::Opened { account_id: ME, budget_id, window, limit_nanos: nanos(100) })
}

#[test]
fn a_window_grants_its_limit_and_its_leases_end_with_it() {
    let granted =
        |ttl_ms| E::QuotaLeased { lease_id: lease(1), journal_id: JOURNAL, amount_nanos: nanos(100), ttl_ms };
    given::<Account>([window(3_600_000)]).when(ask(1, 100, 100, 0)).then([granted(60_000)]);
    given::<Account>([window(7)]).when(ask(1, 100, 100, 0)).then([granted(7)]);
    given::<Account>([window(0)]).when(ask(1, 100, 100, 0)).then_refused(&AccountRefusal::WindowOver);
    let short = AccountRefusal::Insufficient { available_nanos: 0, needed_nanos: 101 };
    given::<Account>([window(7)]).when(ask(1, 101, 101, 0)).then_refused(&short);
}

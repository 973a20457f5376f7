use super::{Pinned, Price, Rates, Ratio, Tier, Usage};
use crate::Nanos;

mod bounds;

const TOKENS: Rates = Rates {
    input: Some(2_000),
    output: Some(8_000),
    cache_read: Some(200),
    cache_write: Some(2_500),
    cache_write_1h: None,
    reasoning: None,
    audio_input: Some(9_000),
    audio_output: Some(20_000),
    image_input: None,
    image_output: None,
    image: None,
    second: None,
    character: None,
    search: None,
    page: None,
    request: None,
};

fn priced(rates: Rates) -> Pinned {
    Pinned { price: Price { rates, ..Price::default() }.into(), ..Pinned::default() }
}

/// The price alone, to be changed.
fn of(pinned: &mut Pinned) -> &mut Price {
    std::sync::Arc::make_mut(&mut pinned.price)
}

/// Half for `flex`, and twice the input and half as much again for the output above 1 000 tokens.
fn tiered() -> Pinned {
    let long = Rates { input: Some(4_000), output: Some(12_000), ..Rates::default() };
    let flex = Rates { input: Some(1_000), output: Some(4_000), ..Rates::default() };
    let mut pinned = priced(TOKENS);
    of(&mut pinned).tiers = vec![Tier { above_input_tokens: 1_000, rates: long }];
    of(&mut pinned).service_tiers.insert("flex".into(), flex);
    pinned
}

fn tokens(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::NONE }
}

#[track_caller]
fn costs(pinned: &Pinned, usage: &Usage, nanos: u64) {
    assert_eq!(pinned.bill(usage, None).get(), nanos);
}

#[test]
fn a_bill_is_rounded_up_once() {
    // 1 + 1 picodollars are one nano, not two.
    let pinned = priced(Rates { input: Some(1), output: Some(1), ..Rates::default() });
    costs(&pinned, &tokens(1, 1), 1);
    costs(&pinned, &tokens(500, 500), 1);
    costs(&pinned, &tokens(500, 501), 2);
    costs(&pinned, &Usage::NONE, 0);
}

#[test]
fn a_detail_has_its_own_rate_and_the_rest_the_plain_one() {
    let usage = Usage { cache_read_tokens: 60, cache_write_tokens: 10, ..tokens(100, 0) };
    costs(&priced(TOKENS), &usage, (60 * 200 + 10 * 2_500 + 30 * 2_000) / 1_000);
    let usage = Usage { audio_output_tokens: 4, reasoning_tokens: 5, ..tokens(0, 10) };
    costs(&priced(TOKENS), &usage, (4 * 20_000 + 6 * 8_000) / 1_000);
}

#[test]
fn a_detail_without_a_rate_costs_what_it_is_part_of() {
    costs(&priced(TOKENS), &Usage { image_input_tokens: 10, ..tokens(10, 0) }, 20);
    costs(&priced(TOKENS), &Usage { reasoning_tokens: 10, ..tokens(0, 10) }, 80);
}

#[test]
fn a_cache_write_for_an_hour_without_a_rate_costs_what_one_for_five_minutes_does() {
    costs(&priced(TOKENS), &Usage { cache_write_1h_tokens: 10, ..tokens(10, 0) }, 25);
}

#[test]
fn details_are_never_more_than_their_total() {
    let usage = Usage { cache_read_tokens: 90, audio_input_tokens: 90, ..tokens(100, 0) };
    costs(&priced(TOKENS), &usage, (90 * 200 + 10 * 9_000) / 1_000);
    costs(&priced(TOKENS), &Usage { cache_read_tokens: u64::MAX, ..tokens(0, 0) }, 0);
}

#[test]
fn a_long_input_puts_the_whole_call_into_its_tier() {
    costs(&tiered(), &tokens(1_000, 100), 1_000 * 2 + 100 * 8);
    costs(&tiered(), &tokens(1_001, 100), 1_001 * 4 + 100 * 12);
}

#[test]
fn of_several_tiers_the_longest_that_is_reached_holds() {
    let mut pinned = tiered();
    let longest = Rates { input: Some(6_000), ..Rates::default() };
    of(&mut pinned).tiers.insert(0, Tier { above_input_tokens: 2_000, rates: longest });
    costs(&pinned, &tokens(1_500, 0), 1_500 * 4);
    costs(&pinned, &tokens(2_001, 1), 2_001 * 6 + 8);
}

#[test]
fn a_service_tier_sets_the_rates_it_names_and_an_unknown_one_none() {
    let pinned = tiered();
    let usage = Usage { cache_read_tokens: 50, ..tokens(100, 10) };
    assert_eq!(pinned.bill(&usage, Some("flex")).get(), 50 + 50 / 5 + 10 * 4);
    assert_eq!(pinned.bill(&usage, Some("unheard of")), pinned.bill(&usage, None));
}

#[test]
fn a_service_tier_keeps_its_proportion_for_a_long_input() {
    assert_eq!(tiered().bill(&tokens(2_000, 100), Some("flex")).get(), 2_000 * 2 + 100 * 6);
}

#[test]
fn units_and_the_request_are_charged_beside_the_tokens() {
    let rates = Rates {
        image: Some(40_000),
        second: Some(100_000),
        character: Some(15_000),
        search: Some(10_000_000),
        page: Some(1_000_000),
        request: Some(5_000),
        ..TOKENS
    };
    let usage = Usage { images: 2, seconds: 3, characters: 4, searches: 1, pages: 5, ..tokens(10, 10) };
    costs(&priced(rates), &usage, 80 + 300 + 60 + 10_000 + 5_000 + 5 + 20 + 80);
}

#[test]
fn a_price_per_call_stands_instead_of_everything_else() {
    let mut pinned = tiered();
    of(&mut pinned).per_call = Some(7_000);
    costs(&pinned, &Usage { images: 9, ..tokens(5_000, 5_000) }, 7);
    costs(&pinned, &Usage::NONE, 7);
    assert_eq!(pinned.estimate(5_000, 5_000, None).get(), 7);
    assert_eq!(pinned.output_tokens_within(Nanos::ZERO, 0, None), None);
}

#[test]
fn the_groups_ratio_is_taken_before_rounding() {
    let mut pinned = priced(TOKENS);
    pinned.ratio = Ratio::try_from(1_500_000).unwrap();
    costs(&pinned, &tokens(1, 0), 3);
    pinned.ratio = Ratio::try_from(1).unwrap();
    costs(&pinned, &tokens(500_000, 0), 1);
    costs(&pinned, &tokens(500_001, 0), 2);
    pinned.ratio = Ratio::try_from(0).unwrap();
    costs(&pinned, &tokens(1_000, 1_000), 0);
}

#[test]
fn the_largest_counts_at_the_largest_rates_cost_the_largest_amount() {
    let largest = Some(super::PICOS_MAX);
    let rates = Rates { input: largest, output: largest, image: largest, ..Rates::default() };
    let mut pinned = priced(rates);
    pinned.ratio = Ratio::try_from(super::RATIO_MILLIONTHS_MAX).unwrap();
    let usage = Usage { images: u64::MAX, ..tokens(u64::MAX, u64::MAX) };
    assert_eq!(pinned.bill(&usage, None), Nanos::MAX);
}

#[test]
fn an_estimate_takes_the_dearest_that_each_token_can_turn_out_to_be() {
    assert_eq!(priced(TOKENS).estimate(100, 10, None).get(), 100 * 9 + 10 * 20);
}

#[test]
fn an_estimate_looks_at_dearer_tiers_that_a_shorter_input_falls_into() {
    let mut pinned = priced(TOKENS);
    let dear = Rates { output: Some(90_000), ..Rates::default() };
    let cheap = Rates { output: Some(1), audio_output: Some(1), ..Rates::default() };
    of(&mut pinned).tiers =
        vec![Tier { above_input_tokens: 10, rates: dear }, Tier { above_input_tokens: 20, rates: cheap }];
    assert!(pinned.estimate(30, 100, None) >= pinned.bill(&tokens(15, 100), None));
}

#[test]
fn an_estimate_counts_the_units_it_is_told_of() {
    let pinned = priced(Rates { image: Some(40_000_000), request: Some(1_000), ..Rates::default() });
    assert_eq!(pinned.estimate_of(&Usage { images: 3, ..Usage::NONE }, None).get(), 120_001);
}

#[test]
fn output_that_costs_nothing_has_no_bound_and_output_beyond_the_largest_amount_has() {
    assert_eq!(
        priced(Rates { output: None, audio_output: None, ..TOKENS }).output_tokens_within(
            Nanos::ZERO,
            5,
            None
        ),
        None
    );
    let largest = Some(super::PICOS_MAX);
    let mut pinned = priced(Rates { input: largest, output: largest, ..Rates::default() });
    pinned.ratio = Ratio::try_from(super::RATIO_MILLIONTHS_MAX).unwrap();
    assert_eq!(pinned.estimate(1 << 40, 0, None), Nanos::MAX);
    assert_eq!(pinned.output_tokens_within(Nanos::from_dollars(1), 1 << 40, None), Some(0));
}

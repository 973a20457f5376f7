//! For any price: an estimate is never below a bill, and what is within an amount is the estimate turned round.

use proptest::{option, prelude::*, sample::select};

use crate::{
    Nanos,
    price::{PICOS_MAX, Pinned, Price, Rates, Ratio, Tier, Usage},
};

const COUNT_MAX: u64 = 1_000_000;
const SERVICES: [Option<&str>; 3] = [None, Some("flex"), Some("priority")];

fn rate() -> impl Strategy<Value = Option<u64>> {
    option::of(prop_oneof![Just(0), 1..1_000_u64, 0..1_000_000_000_u64, 0..=PICOS_MAX])
}

fn rates() -> impl Strategy<Value = Rates> {
    proptest::collection::vec(rate(), 16).prop_map(|list| {
        let names = [
            "input",
            "output",
            "cache_read",
            "cache_write",
            "cache_write_1h",
            "reasoning",
            "audio_input",
            "audio_output",
            "image_input",
            "image_output",
            "image",
            "second",
            "character",
            "search",
            "page",
            "request",
        ];
        let mut rates = Rates::default();
        for (name, rate) in names.into_iter().zip(list) {
            *rates.named_mut(name).unwrap() = rate;
        }
        rates
    })
}

fn tier() -> impl Strategy<Value = Tier> {
    (0..=COUNT_MAX, rates()).prop_map(|(above_input_tokens, rates)| Tier { above_input_tokens, rates })
}

prop_compose! {
    fn pinned()(
        rates in rates(),
        tiers in proptest::collection::vec(tier(), 0..4),
        service_tiers in proptest::collection::btree_map(
            select(vec!["flex".to_owned(), "priority".to_owned()]), rates(), 0..3),
        per_call in prop_oneof![9 => Just(None), 1 => rate()],
        millionths in prop_oneof![Just(1_000_000), 0..=2_000_000_u32],
    ) -> Pinned {
        let price = Price { rates, tiers, service_tiers, per_call };
        Pinned { price: price.into(), ratio: Ratio::try_from(millionths).unwrap(), ..Pinned::default() }
    }
}

prop_compose! {
    fn usage()(
        counts in proptest::collection::vec(prop_oneof![Just(0), 0..100_u64, 0..=COUNT_MAX], 15),
    ) -> Usage {
        let [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
            reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens,
            image_output_tokens, images, seconds, characters, searches, pages] =
            <[u64; 15]>::try_from(counts).unwrap();
        Usage {
            input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
            reasoning_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens,
            image_output_tokens, images, seconds, characters, searches, pages,
        }
    }
}

proptest! {
    #[test]
    fn an_estimate_is_never_below_the_bill_of_a_call_within_it(
        pinned in pinned(),
        usage in usage(),
        more in (0..=COUNT_MAX, 0..=COUNT_MAX, 0..9_u64),
        service in select(&SERVICES[..]),
    ) {
        let most = Usage {
            input_tokens: usage.input_tokens + more.0,
            output_tokens: usage.output_tokens + more.1,
            images: usage.images + more.2,
            ..usage
        };
        prop_assert!(pinned.estimate_of(&most, service) >= pinned.bill(&usage, service));
    }

    #[test]
    fn without_units_the_token_counts_alone_bound_a_bill(
        pinned in pinned(),
        usage in usage(),
        service in select(&SERVICES[..]),
    ) {
        let usage = Usage { images: 0, seconds: 0, characters: 0, searches: 0, pages: 0, ..usage };
        let estimate = pinned.estimate(usage.input_tokens, usage.output_tokens, service);
        prop_assert!(estimate >= pinned.bill(&usage, service));
    }

    #[test]
    fn the_output_within_an_amount_is_the_last_whose_estimate_it_covers(
        pinned in pinned(),
        input in 0..=COUNT_MAX,
        amount in prop_oneof![0..1_000_u64, 0..10_000_000_000_u64, 0..Nanos::MAX.get()],
        service in select(&SERVICES[..]),
    ) {
        let amount = Nanos::new(amount).unwrap();
        let covered = |output| pinned.estimate(input, output, service) <= amount;
        match pinned.output_tokens_within(amount, input, service) {
            None => prop_assert_eq!(
                pinned.estimate(input, 0, service),
                pinned.estimate(input, 1 << 40, service)
            ),
            Some(0) => prop_assert!(!covered(1)),
            Some(output) => {
                prop_assert!(covered(output));
                prop_assert!(output + 1 == 1 << 40 || !covered(output + 1));
            }
        }
    }

    #[test]
    fn more_output_is_never_cheaper(
        pinned in pinned(),
        input in 0..=COUNT_MAX,
        output in 0..=COUNT_MAX,
        more in 0..=COUNT_MAX,
    ) {
        prop_assert!(pinned.estimate(input, output, None) <= pinned.estimate(input, output + more, None));
    }
}

use super::{CatalogueEntry, ModelMode, all, find, lines, named};
use crate::price::{Pinned, Rates, Usage};

fn found(model: &str) -> CatalogueEntry {
    find(model).unwrap_or_else(|| panic!("{model} is in the catalogue"))
}

fn cost(model: &str, usage: Usage) -> u64 {
    Pinned { price: found(model).price.into(), ..Pinned::default() }.bill(&usage, None).get()
}

#[test]
fn every_row_can_be_read() {
    assert!(lines().count() > 4_000);
    assert_eq!(all().count(), lines().count());
}

#[test]
fn the_edition_is_the_one_that_the_rows_were_imported_as() {
    assert!(super::MODELS.lines().next().unwrap().contains(&format!("edition {}", super::EDITION)));
}

#[test]
fn every_vendors_prefix_has_models() {
    for vendor in super::VENDORS.lines().filter(|line| !line.starts_with('#')) {
        assert!(all().any(|entry| entry.id.starts_with(&format!("{vendor}/"))), "{vendor}");
    }
}

#[test]
fn rows_are_sorted_by_id_and_each_id_stands_once() {
    let ids: Vec<_> = all().map(|entry| entry.id).collect();
    assert!(ids.is_sorted_by(|before, after| before < after));
}

#[test]
fn every_row_has_a_price_of_its_own_that_an_event_can_carry() {
    for entry in all() {
        assert!(!entry.price.rates.is_empty(), "{}", entry.id);
        let json = serde_json::to_string(&entry.price).unwrap();
        assert_eq!(serde_json::from_str::<super::Price>(&json).unwrap(), entry.price);
    }
}

#[test]
fn every_id_finds_its_own_row() {
    for entry in all() {
        assert_eq!(find(entry.id).as_ref(), Some(&entry));
    }
}

#[test]
fn the_exact_id_comes_before_a_vendors_prefix() {
    assert!(named("gemini-2.5-pro").iter().any(|place| place.prefix() == "gemini"));
    let entry = found("gemini-2.5-pro");
    assert_eq!((entry.id, entry.ambiguous), ("gemini-2.5-pro", false));
}

#[test]
fn a_vendors_prefix_comes_before_resellers() {
    assert!(named("mistral-large-latest").iter().any(|place| place.prefix() == "azure"));
    let entry = found("mistral-large-latest");
    assert_eq!((entry.id, entry.ambiguous), ("mistral/mistral-large-latest", false));
    assert_eq!(found("grok-4.6").id, "xai/grok-4.6");
    assert_eq!(found("qwen-max").id, "dashscope/qwen-max");
    assert_eq!(found("codestral-latest").id, "mistral/codestral-latest");
}

#[test]
fn a_name_that_only_resellers_have_means_the_dearest_of_them_and_is_ambiguous() {
    let entry = found("qwen3.6-27b");
    assert!(entry.ambiguous);
    let others: Vec<_> = all().filter(|other| other.id.ends_with("/qwen3.6-27b")).collect();
    assert!(others.len() > 1);
    let (input, output) = (entry.price.rates.input, entry.price.rates.output);
    assert!(
        others.iter().all(|other| other.price.rates.input <= input && other.price.rates.output <= output)
    );
    assert!(others.iter().any(|other| other.price.rates.output < output));
}

#[test]
fn part_of_a_name_finds_nothing() {
    for unknown in ["", "gpt-4o-min", "pt-4o-mini", "/gpt-4o-mini", "gpt-4o-mini\t", "gpt-4o-mini\topenai"] {
        assert_eq!(find(unknown), None, "{unknown:?}");
    }
}

#[test]
fn a_row_says_whose_it_is_what_it_is_for_and_how_long_it_may_be() {
    let entry = found("gpt-4o-mini");
    assert_eq!((entry.provider, entry.mode), ("openai", ModelMode::Chat));
    assert_eq!((entry.input_tokens_max, entry.output_tokens_max), (Some(128_000), Some(16_384)));
    let batch = Rates { input: Some(75_000), output: Some(300_000), ..Rates::default() };
    assert_eq!(entry.price.service_tiers.get("batch"), Some(&batch));
    assert_eq!(
        found("gemini-2.5-pro").price.tiers.first().map(|tier| tier.above_input_tokens),
        Some(200_000)
    );
}

#[test]
fn known_models_cost_what_is_worked_out_by_hand() {
    // 1 000 × $0.15 + 500 × $0.60 per million tokens: $0.000 45.
    assert_eq!(
        cost("gpt-4o-mini", Usage { input_tokens: 1_000, output_tokens: 500, ..Usage::NONE }),
        450_000
    );
    // A minute at $0.006.
    assert_eq!(cost("whisper-1", Usage { seconds: 60, ..Usage::NONE }), 6_000_000);
    // One query at $0.002, whatever it says of tokens.
    assert_eq!(cost("rerank-v3.5", Usage { input_tokens: 700, ..Usage::NONE }), 2_000_000);
    // Above 200 000 tokens the whole call is at $2.50 and $15: $0.75 + $0.015.
    let long = Usage { input_tokens: 300_000, output_tokens: 1_000, ..Usage::NONE };
    assert_eq!(cost("gemini-2.5-pro", long), 765_000_000);
}

#[test]
fn prices_with_more_digits_than_a_picodollar_were_rounded_to_the_nearest() {
    // $0.000 566 666 666 667 and $0.000 283 333 333 333 3… a second.
    assert_eq!(found("azure/gpt-realtime-translate").price.rates.second, Some(566_666_667));
    assert_eq!(found("azure/gpt-realtime-whisper").price.rates.second, Some(283_333_333));
}

#[test]
fn what_is_sold_by_the_token_is_not_sold_by_the_unit_as_well() {
    for entry in all() {
        let rates = entry.price.rates;
        let sold = |rate: Option<u64>| rate.is_some_and(|picos| picos > 0);
        if sold(rates.output) || sold(rates.image_output) {
            assert_eq!(rates.image, None, "{}", entry.id);
        }
        if sold(rates.input) || sold(rates.output) || sold(rates.audio_input) {
            assert_eq!((rates.second, rates.character, rates.page), (None, None, None), "{}", entry.id);
        }
    }
}

#[test]
fn a_model_that_is_free_is_known_and_costs_nothing() {
    assert_eq!(cost("gemini/gemma-3-27b-it", Usage { input_tokens: 9, output_tokens: 9, ..Usage::NONE }), 0);
}

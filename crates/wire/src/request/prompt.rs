//! A prompt, or what is to be embedded: texts, or the tokens that a client has made of them.

use super::INPUTS_MAX;
use crate::{
    input::Tally,
    json::{self, Kind, valid},
};

/// What a list holds; a list of two kinds of things is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Texts,
    Tokens,
    Lists,
}

/// Counts a text, an array of texts, an array of tokens or an array of such arrays; answers with how many prompts
/// these are, or with nothing where it is none of them.
pub(super) fn count(value: &str, tally: &mut Tally) -> Option<u64> {
    match json::kind(value) {
        Kind::Text => {
            tally.text(value);
            Some(1)
        }
        Kind::Array => match list(value, tally)? {
            (Held::Tokens, _) => Some(1),
            (Held::Texts | Held::Lists, inputs) => (inputs <= INPUTS_MAX).then_some(inputs),
        },
        _ => None,
    }
}

/// What a list holds, and how many; nothing where it is empty or mixed.
fn list(array: &str, tally: &mut Tally) -> Option<(Held, u64)> {
    let (mut held, mut count, mut is_mixed) = (None, 0_u64, false);
    valid::elements(array, |element| {
        count += 1;
        let this = element_of(element, tally);
        is_mixed |= this.is_none() || held.is_some_and(|held| Some(held) != this);
        held = this;
    })
    .ok()?;
    if is_mixed { None } else { held.map(|held| (held, count)) }
}

fn element_of(element: &str, tally: &mut Tally) -> Option<Held> {
    match json::kind(element) {
        Kind::Text => {
            tally.text(element);
            Some(Held::Texts)
        }
        Kind::Number => {
            element.parse::<u64>().ok()?;
            tally.tokens += 1;
            Some(Held::Tokens)
        }
        Kind::Array => matches!(list_of_tokens(element, tally), Some(1..)).then_some(Held::Lists),
        _ => None,
    }
}

fn list_of_tokens(array: &str, tally: &mut Tally) -> Option<u64> {
    let (mut count, mut is_good) = (0, true);
    valid::elements(array, |token| {
        count += 1;
        is_good &= token.parse::<u64>().is_ok();
    })
    .ok()?;
    tally.tokens += count;
    is_good.then_some(count)
}

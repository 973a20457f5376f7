//! One line of the catalogue, read when it is asked for.

use std::collections::BTreeMap;

use super::{CatalogueEntry, MODELS, ModelMode};
use crate::price::{PICOS_MAX, Price, Rates, Tier};

/// The fields of a model, between tabs.
#[derive(Clone, Copy)]
pub(super) struct Row(pub(super) &'static str);

impl Row {
    /// What stands from `offset` to the end of its line.
    pub(super) fn at(offset: u32) -> Option<Self> {
        MODELS.get(offset as usize..)?.split('\n').next().map(Self)
    }

    /// The first field.
    pub(super) fn id(self) -> &'static str {
        self.0.split('\t').next().unwrap_or("")
    }

    /// The whole line; `None` where it is not in the form that the import writes.
    pub(super) fn entry(self) -> Option<CatalogueEntry> {
        let mut fields = self.0.split('\t');
        let entry = CatalogueEntry {
            id: fields.next().filter(|id| !id.is_empty())?,
            provider: fields.next()?,
            mode: ModelMode::named(fields.next()?)?,
            input_tokens_max: limit(fields.next()?)?,
            output_tokens_max: limit(fields.next()?)?,
            price: Price {
                rates: rates(fields.next()?)?,
                tiers: tiers(fields.next()?)?,
                service_tiers: service_tiers(fields.next()?)?,
                per_call: None,
            },
            ambiguous: false,
        };
        fields.next().is_none().then_some(entry)
    }
}

#[expect(clippy::option_option, reason = "whether the field can be read, then whether there is a limit")]
fn limit(field: &str) -> Option<Option<u64>> {
    if field.is_empty() { Some(None) } else { field.parse().ok().map(Some) }
}

/// `input=150000,output=600000`
fn rates(field: &str) -> Option<Rates> {
    let mut rates = Rates::default();
    for part in field.split(',') {
        let (name, picos) = part.split_once('=')?;
        let picos = picos.parse().ok().filter(|picos| *picos <= PICOS_MAX)?;
        *rates.named_mut(name)? = Some(picos);
    }
    Some(rates)
}

/// `200000:input=2500000;…`
fn tiers(field: &str) -> Option<Vec<Tier>> {
    let tier = |part: &str| {
        let (above, listed) = part.split_once(':')?;
        Some(Tier { above_input_tokens: above.parse().ok()?, rates: rates(listed)? })
    };
    field.split_terminator(';').map(tier).collect()
}

/// `batch:input=75000;…`
fn service_tiers(field: &str) -> Option<BTreeMap<String, Rates>> {
    let service = |part: &str| {
        let (name, listed) = part.split_once(':')?;
        Some((name.to_owned(), rates(listed)?))
    };
    field.split_terminator(';').map(service).collect()
}

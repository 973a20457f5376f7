//! What models cost upstream, built in: a fresh install prices every known model, and operators lay their own
//! prices over it.
//!
//! The text stays as it is in the binary. Looking up reads one line of it, and the only thing kept in memory is
//! an index of offsets, made when it is first asked for.

mod mode;
mod row;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub use self::mode::ModelMode;
use self::row::Row;
use super::Price;

/// The edition of the catalogue.
pub const EDITION: &str = "2026-11";

static MODELS: &str = include_str!("catalogue/models.tsv");
static VENDORS: &str = include_str!("catalogue/vendors.txt");

/// What the catalogue knows of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// The catalogue's own name of it; resellers' carry a prefix.
    pub id: &'static str,
    /// Who serves it at this price.
    pub provider: &'static str,
    /// What it is for.
    pub mode: ModelMode,
    /// The longest input.
    pub input_tokens_max: Option<u64>,
    /// The longest output.
    pub output_tokens_max: Option<u64>,
    /// What it costs.
    pub price: Price,
    /// Whether only resellers have the name asked for, of whom this is the dearest.
    pub ambiguous: bool,
}

/// The entry that `model` means: the one with this id, or the vendor's own, or else the dearest whose id ends
/// in `/` and this name.
pub fn find(model: &str) -> Option<CatalogueEntry> {
    let named = named(model);
    let own = named.iter().find(|place| place.name == place.line).or_else(|| vendors_own(named));
    if let Some(place) = own {
        return Row::at(place.line)?.entry();
    }
    let rows = named.iter().filter_map(|place| Row::at(place.line)?.entry());
    // Of several that cost the same the first is taken, so that the answer is always the same.
    let dearest = rows.rev().max_by_key(|entry| entry.price.typical())?;
    Some(CatalogueEntry { ambiguous: true, ..dearest })
}

/// All entries, by id.
pub fn all() -> impl Iterator<Item = CatalogueEntry> {
    lines().filter_map(|(_, line)| Row(line).entry())
}

/// A name of a line's model: its id, or what follows one of the slashes in it. Both are offsets into the text.
#[derive(Clone, Copy)]
struct Place {
    name: u32,
    line: u32,
}

impl Place {
    fn name(self) -> &'static str {
        Row::at(self.name).map_or("", Row::id)
    }

    /// What stands before the name and its slash.
    fn prefix(self) -> &'static str {
        let prefix = self.line as usize..(self.name as usize).saturating_sub(1);
        MODELS.get(prefix).unwrap_or("")
    }
}

fn named(model: &str) -> &'static [Place] {
    static INDEX: OnceLock<Box<[Place]>> = OnceLock::new();
    let index = INDEX.get_or_init(index);
    let from = index.partition_point(|place| place.name() < model);
    let places = index.get(from..).unwrap_or_default();
    let count = places.partition_point(|place| place.name() == model);
    places.get(..count).unwrap_or_default()
}

fn vendors_own(named: &'static [Place]) -> Option<&'static Place> {
    let mut vendors = VENDORS.lines().filter(|line| !line.starts_with('#'));
    vendors.find_map(|vendor| named.iter().find(|place| place.prefix() == vendor))
}

fn index() -> Box<[Place]> {
    let mut places: Vec<Place> = lines()
        .flat_map(|(line, text)| {
            let slashes = Row(text).id().match_indices('/');
            let names = std::iter::once(0).chain(slashes.map(|(slash, _)| slash + 1));
            names.filter_map(move |name| Some(Place { name: offset(line + name)?, line: offset(line)? }))
        })
        .collect();
    places.sort_unstable_by_key(|place| (place.name(), place.line));
    places.into()
}

fn offset(at: usize) -> Option<u32> {
    u32::try_from(at).ok()
}

/// Each model's line, and where it begins.
fn lines() -> impl Iterator<Item = (usize, &'static str)> {
    let begins = |at: &mut usize, line: &'static str| {
        let begin = *at;
        *at += line.len();
        Some((begin, line.trim_end_matches('\n')))
    };
    MODELS.split_inclusive('\n').scan(0, begins).filter(|(_, line)| !line.starts_with('#'))
}

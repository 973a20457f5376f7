//! placeholder until the catalogue lands
/// The edition of the catalogue.
pub const EDITION: &str = "2026-11";

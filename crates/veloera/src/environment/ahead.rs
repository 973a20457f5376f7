//! For tests alone: a clock that is ahead by as much as a file says, which may say more from one moment to the next.

use std::{path::PathBuf, sync::OnceLock};

static FILE: OnceLock<PathBuf> = OnceLock::new();

/// From now on the clock is ahead by what this file says, in milliseconds.
pub(super) fn read_from(file: PathBuf) {
    // The environment is read once; a second order would be no other.
    let _ = FILE.set(file);
}

/// How far ahead the clock is; not at all while nothing is said.
pub(super) fn ms() -> u64 {
    let text = FILE.get().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

//! `veloera settings`.

use std::io::{BufWriter, Write};

use crate::config::SETTINGS;

/// The table of all settings, in Markdown.
pub(super) fn run() -> std::io::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "| key | default | meaning |\n|---|---|---|")?;
    for setting in SETTINGS {
        writeln!(out, "| `{}` | {} | {} |", setting.key, setting.default, setting.meaning)?;
    }
    out.flush()
}

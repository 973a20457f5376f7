//! `veloera openapi`.

use std::io::Write;

pub(super) fn run() -> anyhow::Result<()> {
    let mut document = api::openapi().to_pretty_json()?;
    document.push('\n');
    std::io::stdout().write_all(document.as_bytes())?;
    Ok(())
}

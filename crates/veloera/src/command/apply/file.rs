//! The file, with the keys that lie in files of their own read in.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// What begins the path of a file that holds a key.
const FILE_MARK: char = '@';

/// What the file says, as the interface has it.
pub(super) fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let table: toml::Table = text.parse().with_context(|| path.display().to_string())?;
    let mut wanted = serde_json::to_value(table)?;
    // What has another shape is named by whoever reads the whole.
    let channels = wanted.get_mut("channels").and_then(Value::as_object_mut);
    for (name, channel) in channels.into_iter().flatten() {
        for key in channel.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten() {
            read_in(key).with_context(|| format!("a key of the channel `{name}`"))?;
        }
    }
    Ok(wanted)
}

/// A key `@FILE` is what the file holds, so that secrets need not stand beside the rest.
fn read_in(key: &mut Value) -> anyhow::Result<()> {
    let Some(path) = key.as_str().and_then(|text| text.strip_prefix(FILE_MARK)) else { return Ok(()) };
    let text = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    let text = text.trim();
    if text.is_empty() {
        bail!("{path} is empty");
    }
    *key = Value::String(text.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;

    #[test]
    fn a_key_may_lie_in_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "sk-1\n").unwrap();
        let file = folder.path().join("wanted.toml");
        let text = format!(
            "[groups.vip]\nratio_millionths = 800000\n[channels.main]\nkeys = [\"@{}\", \"sk-2\"]\n",
            secret.display()
        );
        std::fs::write(&file, text).unwrap();
        let expected = json!({
            "groups": {"vip": {"ratio_millionths": 800_000}}, "channels": {"main": {"keys": ["sk-1", "sk-2"]}}
        });
        assert_eq!(read(&file).unwrap(), expected);
        std::fs::remove_file(&secret).unwrap();
        let told = format!("{:#}", read(&file).unwrap_err());
        assert!(told.contains("a key of the channel `main`") && told.contains("secret"), "{told}");
    }
}

//! The source tree that this was built from.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Its top folder.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the tests lie in the workspace").to_owned()
}

/// Every file under `dir`, in order, without what is built or fetched.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    const SKIPPED: [&str; 6] = ["target", "node_modules", "data", "dist", ".git", ".venv"];
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let entry = entry.expect("a folder can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().expect("an entry has a type");
            // A second working tree has a file where the first has its folder of versions.
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// `path` as it is named from the top folder.
pub fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// A file's text, or nothing where it is no text.
pub fn text(path: &Path) -> Option<String> {
    String::from_utf8(fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).ok()
}

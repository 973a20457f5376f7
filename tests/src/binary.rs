//! The program under test.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::workspace;

/// Where it is: `VELOERA_BIN`, else the release build, else (or with `VELOERA_DEBUG=1`) the debug build.
pub fn path() -> PathBuf {
    if let Some(path) = named("VELOERA_BIN") {
        return path.into();
    }
    let target = target();
    let (debug, release) = (target.join("debug/veloera"), target.join("release/veloera"));
    let path = if named("VELOERA_DEBUG").is_some() { debug } else { release };
    assert!(path.is_file(), "{} is missing: `make test` builds it, then runs the tests", path.display());
    path
}

fn target() -> PathBuf {
    named("CARGO_TARGET_DIR").map_or_else(|| workspace::root().join("target"), PathBuf::from)
}

#[expect(clippy::disallowed_methods, reason = "which binary is tested is said from outside, and only here")]
fn named(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The build in which the process can be told to die at named points.
pub fn with_faults() -> PathBuf {
    let path = target().join("faults/veloera");
    assert!(path.is_file(), "{} is missing: `make test` builds it, then runs the tests", path.display());
    path
}

/// A command of it that knows no setting of whoever runs the tests.
pub fn command() -> Command {
    command_of(&path())
}

/// The same of another build.
pub fn command_of(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs one subcommand to its end, in an empty folder.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    let folder = tempfile::tempdir().expect("a folder for the command");
    command().args(arguments).current_dir(folder.path()).output().expect("the binary starts")
}

/// Runs one subcommand that must succeed, and gives what it printed.
pub fn output<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "it ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

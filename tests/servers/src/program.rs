//! Where the programs of servers are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Says where PostgreSQL's programs are, if not where Debian has them or on the path.
const POSTGRES_VARIABLE: &str = "VELOERA_TEST_PG_BIN";
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";
/// Says which program of NATS to run, if not the one on the path: what holds for the oldest must hold for the newest.
const NATS_VARIABLE: &str = "TEST_NATS_SERVER";

/// The program `name` on the path or among those of administrators.
pub(crate) fn find(name: &str, package: &str) -> PathBuf {
    on_path(name)
        .unwrap_or_else(|| panic!("{name} is missing: `apt-get install {package}`, or `infra/setup test`"))
}

/// The server of NATS: the one that is named, else the path's.
pub(crate) fn nats() -> PathBuf {
    let named = variable(NATS_VARIABLE).map(PathBuf::from);
    if let Some(named) = &named {
        assert!(named.is_file(), "{NATS_VARIABLE} names no program: {}", named.display());
    }
    named.unwrap_or_else(|| find("nats-server", "nats-server"))
}

/// The folder with PostgreSQL's programs: the one that is named, else the newest that Debian has, else the path's.
pub(crate) fn postgres() -> PathBuf {
    let named = variable(POSTGRES_VARIABLE).map(PathBuf::from);
    named.or_else(newest_of_debian).or_else(postgres_on_path).unwrap_or_else(|| {
        panic!(
            "PostgreSQL is missing: `apt-get install postgresql`, or `infra/setup test`; or say with \
             {POSTGRES_VARIABLE} in which folder its programs are"
        )
    })
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(POSTGRES_VERSIONS).ok()?.flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let complete = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").is_file());
    complete.max_by_key(|path| version(path)).map(|path| path.join("bin"))
}

/// The path often has links to some of the programs; beside the linked one are all of them.
fn postgres_on_path() -> Option<PathBuf> {
    Some(fs::canonicalize(on_path("initdb")?).ok()?.parent()?.to_owned())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = variable("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[expect(clippy::disallowed_methods, reason = "where programs are is said from outside, and only here")]
fn variable(name: &str) -> Option<std::ffi::OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_program_on_the_path_is_found() {
        assert!(find("sh", "dash").is_file());
    }

    #[test]
    #[should_panic(expected = "no-such-server is missing: `apt-get install such-a-package`")]
    fn a_missing_program_is_an_error_that_names_its_package() {
        find("no-such-server", "such-a-package");
    }
}

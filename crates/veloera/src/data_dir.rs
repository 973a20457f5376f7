//! The data directory: the database, the journal, the master key.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use eventlog::{Database, MasterKey, Sealer};

use crate::config::Config;

const MASTER_KEY_FILE: &str = "master.key";

/// A directory that is there.
#[derive(Clone, Debug)]
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    /// Makes it where it is missing.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        // Only its owner: what lies here is money and keys.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("the data directory {} cannot be made", path.display()))?;
        Ok(Self(path.to_owned()))
    }

    /// With the database that the configuration names, which must be there already.
    pub(crate) fn existing(config: &Config) -> anyhow::Result<(Self, Database)> {
        let dir = Self(config.data_dir.clone());
        let database = dir.database(config)?;
        if let Database::Sqlite(path) = &database
            && !path.is_file()
        {
            bail!(
                "{} is no database; name the data directory with --data-dir, or the database with --database-url",
                path.display()
            );
        }
        Ok((dir, database))
    }

    /// Where it would be, whether or not it is there.
    pub(crate) fn of(config: &Config) -> Self {
        Self(config.data_dir.clone())
    }

    /// Whether a master key lies here.
    pub(crate) fn has_master_key(&self) -> bool {
        self.file(MASTER_KEY_FILE).is_file()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// One data directory serves one process, for as long as the file lives.
    pub(crate) fn lock(&self) -> anyhow::Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.file("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => bail!(
                "{} is in use by another process; one data directory serves one process",
                self.0.display()
            ),
            Err(fs::TryLockError::Error(error)) => Err(error).context("the data directory cannot be locked"),
        }
    }

    /// Where the logs are: on the server that is named, else in a file here.
    pub(crate) fn database(&self, config: &Config) -> anyhow::Result<Database> {
        Ok(match &config.database_url {
            Some(url) => url.database()?,
            None => Database::Sqlite(self.0.join("veloera.db")),
        })
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The sealer of a node that others gave their key to: one that was made here would open nothing of theirs.
    pub(crate) fn given_sealer(&self, given: Option<&str>) -> anyhow::Result<Sealer> {
        if given.is_none() && !self.file(MASTER_KEY_FILE).is_file() {
            bail!("a relay node needs the master key of its control nodes, as VELOERA_MASTER_KEY");
        }
        self.sealer(given)
    }

    /// The sealer under the key that was given, else under the one that lies here, which is made at first.
    pub(crate) fn sealer(&self, given: Option<&str>) -> anyhow::Result<Sealer> {
        if let Some(text) = given {
            return Ok(Sealer::new(&MasterKey::from_hex(text).context("VELOERA_MASTER_KEY")?));
        }
        let path = self.file(MASTER_KEY_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => {
                Ok(Sealer::new(&MasterKey::from_hex(&text).with_context(|| path.display().to_string())?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = MasterKey::random()?;
                self.write_private(MASTER_KEY_FILE, &format!("{}\n", key.to_hex()))?;
                tracing::info!(path = %path.display(), "made a master key; back it up, without it secrets stay sealed");
                Ok(Sealer::new(&key))
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// Writes a file that only its owner can read, whole or not at all.
    pub(crate) fn write_private(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let (path, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path).with_context(|| format!("{} cannot be written", path.display()))
    }
}

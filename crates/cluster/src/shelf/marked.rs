//! A file with a mark before what it says, which only a holder of the master key can make.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use eventlog::Sealer;
use sha2::{Digest, Sha256};

use super::ShelfError;

const MARK_BYTES: usize = 32;
/// How much of a file is in memory at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where such a file lies, and what it is for.
pub(super) struct Marked {
    pub(super) path: PathBuf,
    pub(super) purpose: &'static [u8],
    pub(super) sealer: Sealer,
}

/// Whether it is to outlive a power loss.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Synced,
    Unsynced,
}

/// What will take the place of a file, whole or not at all. What is written comes as it is made: there may be much of it.
pub struct Draft<'m> {
    of: &'m Marked,
    path: PathBuf,
    text: BufWriter<File>,
    hash: Sha256,
}

impl Marked {
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, ShelfError> {
        let Some(mut file) = self.open()? else { return Ok(None) };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(|error| self.failed(error))?;
        Ok(Some(text))
    }

    /// The file, behind its mark, which was found to be right.
    pub(super) fn open(&self) -> Result<Option<File>, ShelfError> {
        let mut file = match File::open(&self.path) {
            Ok(file) => BufReader::with_capacity(BUFFER_BYTES, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        if !self.is_marked(&mut file).map_err(|error| self.failed(error))? {
            return Err(ShelfError::Forged(self.path.clone()));
        }
        let mut file = file.into_inner();
        file.seek(SeekFrom::Start(MARK_BYTES as u64)).map_err(|error| self.failed(error))?;
        Ok(Some(file))
    }

    fn is_marked(&self, file: &mut impl Read) -> io::Result<bool> {
        let (mut mark, mut text) = (Vec::new(), Sha256::new());
        file.by_ref().take(MARK_BYTES as u64).read_to_end(&mut mark)?;
        io::copy(file, &mut text)?;
        Ok(self.sealer.is_marked(&self.message(text), &mark))
    }

    /// A draft beside it, with that ending.
    pub(super) fn draft(&self, ending: &str) -> io::Result<Draft<'_>> {
        let mut path = self.path.clone().into_os_string();
        path.push(ending);
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(&[0; MARK_BYTES])?;
        let text = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Draft { of: self, path, text, hash: Sha256::new() })
    }

    /// What is marked: a hash stands for what may be long.
    fn message(&self, text: Sha256) -> Vec<u8> {
        [self.purpose, text.finalize().as_slice()].concat()
    }

    pub(super) fn failed(&self, source: io::Error) -> ShelfError {
        ShelfError::Io { path: self.path.clone(), source }
    }
}

impl Draft<'_> {
    /// Marks it and puts it in its place, to outlive a power loss. The file stands where what was written begins.
    ///
    /// # Errors
    /// When it cannot be written; then what was there stays.
    pub fn keep(self) -> Result<File, ShelfError> {
        self.keep_for(Durability::Synced)
    }

    pub(super) fn keep_for(self, durability: Durability) -> Result<File, ShelfError> {
        let Self { of, path, text, hash } = self;
        let end = || {
            let mut file = text.into_inner()?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&of.sealer.mark(&of.message(hash)))?;
            if durability == Durability::Synced {
                file.sync_all()?;
            }
            fs::rename(&path, &of.path)?;
            Ok(file)
        };
        end().map_err(|error| of.failed(error))
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.text.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.text.flush()
    }
}

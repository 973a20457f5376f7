//! Another journal in the place of one that cannot be gone on with. The files of the old one are kept aside.
//!
//! The new one is made whole beside the old one and then renamed: that decides it, and from there on whoever opens the
//! directory finishes what is left to do.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::JournalId;
use uuid::Uuid;

use super::{
    Journal, JournalError, JournalOptions, files, mark,
    spares::{self, Spares},
};

/// Where the new one is made; then `anew-<its id>`, until its files have taken their place.
const MAKING: &str = "anew";
const ASIDE: &str = "forked";

impl Journal {
    /// Begins journal `id`, which holds what `fill` writes into it, in the place of this one. Answers where the files of
    /// this one are.
    ///
    /// # Errors
    /// When the disk fails or is full: then this one goes on.
    pub(crate) fn begin_anew(
        &mut self,
        id: JournalId,
        fill: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<PathBuf, JournalError> {
        let making = self.dir.join(MAKING);
        remove_all_if_there(&making)?;
        fs::create_dir(&making)?;
        let options = JournalOptions {
            dir: making.clone(),
            new_id: id,
            boot_id: String::new(),
            segment_bytes: self.limits.segment_bytes,
            bytes_max: self.limits.bytes_max,
            disk: Arc::clone(&self.disk),
        };
        let mut anew = Self::begin(&options, Arc::clone(&self.lock))?;
        fill(&mut anew)?;
        anew.sync()?;
        anew.spares = Spares::default();
        spares::remove(&making)?;
        fs::rename(&making, self.dir.join(format!("{MAKING}-{id}")))?;
        self.disk.sync_names(&self.dir)?;
        finish(&self.dir)?;
        anew.dir.clone_from(&self.dir);
        anew.tail.names = true;
        let old = std::mem::replace(self, anew);
        spares::remove(&self.dir)?;
        // Where there is no room for the next file yet, no reservation is taken until there is.
        let _ = self.prepare();
        Ok(aside(&old.dir, old.id))
    }
}

/// Finishes what [`Journal::begin_anew`] has decided.
pub(super) fn finish(dir: &Path) -> io::Result<()> {
    remove_all_if_there(&dir.join(MAKING))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("anew-"));
        if let Some(id) = id.and_then(|id| id.parse().ok()) {
            return take_place(dir, &path, JournalId(id));
        }
    }
    Ok(())
}

fn take_place(dir: &Path, ready: &Path, id: JournalId) -> io::Result<()> {
    let old: Vec<_> = files::list(dir)?
        .into_iter()
        .filter(|found| found.header.is_none_or(|header| header.journal_id != id))
        .collect();
    let known = old.iter().find_map(|found| found.header).map(|header| header.journal_id);
    let said = mark::read(dir)?.map(|said| said.journal_id).filter(|said| *said != id);
    if let Some(old_id) = known.or(said).or((!old.is_empty()).then_some(JournalId(Uuid::nil()))) {
        let aside = aside(dir, old_id);
        fs::create_dir_all(&aside)?;
        for found in old {
            set_aside(&found.path, &aside, id)?;
        }
        if said.is_some() {
            set_aside(&mark::path(dir), &aside, id)?;
        }
        fs::File::open(&aside)?.sync_all()?;
    }
    for entry in fs::read_dir(ready)? {
        let entry = entry?;
        fs::rename(entry.path(), dir.join(entry.file_name()))?;
    }
    fs::File::open(dir)?.sync_all()?;
    fs::remove_dir(ready)
}

fn aside(dir: &Path, id: JournalId) -> PathBuf {
    dir.join(format!("{ASIDE}-{id}"))
}

/// Moves a file; one that lies there already, from a time before, stays.
fn set_aside(path: &Path, aside: &Path, instead: JournalId) -> io::Result<()> {
    let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else { return Ok(()) };
    let plain = aside.join(&*name);
    let target = if plain.exists() { aside.join(format!("{name}.{instead}")) } else { plain };
    fs::rename(path, target)
}

fn remove_all_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

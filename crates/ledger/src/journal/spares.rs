//! Files that are allocated before they are needed: so that what was reserved can be settled on a full disk, and so that
//! no call waits for one where they are filled fast.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Disk, segment::Segment};

/// The file that is needed next.
const SPARE: &str = "spare";
/// The one that takes its place.
const NEXT: &str = "spare.next";

/// The name of a file that has no place in the journal yet.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(SPARE)
}

/// Whatever a process before this one had allocated goes.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    [SPARE, NEXT].iter().try_for_each(|name| match fs::remove_file(dir.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    })
}

/// What a journal has at hand.
#[derive(Default)]
pub(super) struct Spares {
    spare: Option<Segment>,
    next: Option<Segment>,
    /// Whether one came into use since the journal was opened: another may soon.
    are_used: bool,
}

impl Spares {
    pub(super) const fn is_ready(&self) -> bool {
        self.spare.is_some()
    }

    pub(super) fn count(&self) -> usize {
        [&self.spare, &self.next].into_iter().flatten().count()
    }

    /// Sees to it that there is one.
    pub(super) fn prepare(&mut self, disk: &Arc<dyn Disk>, dir: &Path, bytes: usize) -> io::Result<()> {
        if self.spare.is_none() {
            let path = path(dir);
            let next = self.next.take().and_then(|mut next| next.name(&path).is_ok().then_some(next));
            self.spare = Some(next.map_or_else(|| Segment::allocate(disk, &path, bytes), Ok)?);
        }
        Ok(())
    }

    pub(super) fn take(&mut self) -> Option<Segment> {
        self.are_used = true;
        self.spare.take()
    }

    /// What is to be allocated by whoever has the time.
    pub(super) fn wanted(&self, disk: &Arc<dyn Disk>, dir: &Path, bytes: usize) -> Option<Wanted> {
        let wanted = || Wanted { disk: Arc::clone(disk), path: dir.join(NEXT), bytes };
        (self.are_used && self.next.is_none()).then(wanted)
    }

    pub(super) fn keep(&mut self, Spare(segment): Spare) {
        self.next = Some(segment);
    }
}

/// A file that a journal will need soon. Only one at a time is made.
pub(crate) struct Wanted {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    bytes: usize,
}

/// A file that was made so.
pub(crate) struct Spare(Segment);

impl Wanted {
    /// Allocates it and has its pages at hand, which is most of what it costs. The journal is not needed for it.
    pub(crate) fn allocate(self) -> io::Result<Spare> {
        let segment = Segment::allocate(&self.disk, &self.path, self.bytes)?;
        segment.fetch();
        Ok(Spare(segment))
    }
}

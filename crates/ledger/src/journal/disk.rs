//! What the journal asks of a disk: the one place where a test can let it fail.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use rustix::{
    fs::{FallocateFlags, fallocate, fstatfs},
    io::Errno,
};

/// A disk with a file system on it.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Whether the pages of an allocated file can always be written: there a mapping never faults.
    fn maps(&self, file: &File) -> bool;
    /// Sets room aside, so that a full disk is an error now and none later. What stands in the file stays.
    fn allocate(&self, file: &File, bytes: usize) -> io::Result<()>;
    /// Writes all of `bytes`, or fails and may have written some of them.
    fn write(&self, file: &File, bytes: &[u8], offset: usize) -> io::Result<()>;
    /// Returns when what the file holds outlives a power loss.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Returns when the names in a directory do.
    fn sync_names(&self, dir: &Path) -> io::Result<()>;
}

/// The disk that the machine has.
pub(crate) struct LocalDisk;

impl Disk for LocalDisk {
    fn maps(&self, file: &File) -> bool {
        const EXT4: u64 = 0xEF53;
        const XFS: u64 = 0x5846_5342;
        const TMPFS: u64 = 0x0102_1994;
        fstatfs(file).is_ok_and(|stat| [EXT4, XFS, TMPFS].contains(&(stat.f_type.cast_unsigned())))
    }

    fn allocate(&self, file: &File, bytes: usize) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, bytes as u64) {
            // A file system that cannot set room aside is not mapped either: there a full disk fails a write.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => zero(self, file, file.metadata()?.len(), bytes),
            done => Ok(done?),
        }
    }

    fn write(&self, file: &File, bytes: &[u8], offset: usize) -> io::Result<()> {
        file.write_all_at(bytes, offset as u64)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_names(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// Writes nothing over a file from `start` to `end`.
pub(super) fn zero(disk: &(impl Disk + ?Sized), file: &File, start: u64, end: usize) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let start = usize::try_from(start).map_err(io::Error::other)?;
    (start..end)
        .step_by(zeros.len())
        .try_for_each(|at| disk.write(file, &zeros[..zeros.len().min(end - at)], at))
}

//! I3: every call ends once, and the list of ended calls, by which a second end is refused, says the same.

use std::{collections::VecDeque, io, path::Path};

use domain::CallId;
use eventlog::{LogSnapshot, StoreError};
use uuid::Uuid;

use super::{
    AuditError,
    broken::{Broken, Findings},
    sorter::Sorter,
    tables,
};
use crate::record::CallPart;

/// A call's id, its part, and the position of the event that ends it.
const KEY_BYTES: usize = 16 + 4 + 8;
type Key = [u8; KEY_BYTES];

/// In front of every event: a record of the journal says that the call ended.
const IN_THE_JOURNAL: u64 = 0;

/// The ends of all calls, however many.
pub(super) struct Ends {
    sorter: Sorter<KEY_BYTES>,
    pub(super) charges: u64,
}

fn key(call: CallPart, position: u64) -> Key {
    let mut key = [0; KEY_BYTES];
    key[..16].copy_from_slice(call.call_id.0.as_bytes());
    key[16..20].copy_from_slice(&call.part.to_be_bytes());
    key[20..].copy_from_slice(&position.to_be_bytes());
    key
}

fn read(key: &Key) -> (CallPart, u64) {
    let mut id = [0; 16];
    let (mut part, mut position) = ([0; 4], [0; 8]);
    id.copy_from_slice(&key[..16]);
    part.copy_from_slice(&key[16..20]);
    position.copy_from_slice(&key[20..]);
    let call_id = CallId(Uuid::from_bytes(id));
    (CallPart { call_id, part: u32::from_be_bytes(part) }, u64::from_be_bytes(position))
}

impl Ends {
    pub(super) fn new(scratch: &Path) -> Self {
        Self { sorter: Sorter::new(scratch), charges: 0 }
    }

    /// An event charges the call.
    pub(super) fn charged(&mut self, call: CallPart, position: u64) -> io::Result<()> {
        self.charges += 1;
        self.sorter.push(key(call, position))
    }

    /// A record of the journal that was taken in settles the call: some event must charge it.
    pub(super) fn settled(&mut self, call: CallPart) -> io::Result<()> {
        self.sorter.push(key(call, IN_THE_JOURNAL))
    }

    /// Compares with the list of ended calls: both are read in the same order, once.
    pub(super) async fn compare(
        self,
        snapshot: &mut LogSnapshot,
        findings: &mut Findings,
    ) -> Result<(), AuditError> {
        let mut listed = Listed::default();
        let mut open: Option<End> = None;
        for key in self.sorter.sorted()? {
            let (call, position) = read(&key?);
            if let Some(end) = open.as_mut().filter(|end| end.call == call) {
                end.once_more(position, findings);
            } else if let Some(end) = open.replace(End { call, position }) {
                end.close(&mut listed, snapshot, findings).await?;
            }
        }
        if let Some(end) = open {
            end.close(&mut listed, snapshot, findings).await?;
        }
        while let Some(call) = listed.next(snapshot).await? {
            findings.push(Broken::Listed { call_id: call.call_id, part: call.part });
        }
        Ok(())
    }
}

/// All that ends one call.
struct End {
    call: CallPart,
    /// The first event that does; none yet where it is [`IN_THE_JOURNAL`].
    position: u64,
}

impl End {
    fn once_more(&mut self, position: u64, findings: &mut Findings) {
        if self.position == IN_THE_JOURNAL {
            self.position = position;
        } else {
            let CallPart { call_id, part } = self.call;
            findings.push(Broken::EndedTwice { call_id, part, position });
        }
    }

    async fn close(
        self,
        listed: &mut Listed,
        snapshot: &mut LogSnapshot,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        while let Some(CallPart { call_id, part }) = listed.next_before(self.call, snapshot).await? {
            findings.push(Broken::Listed { call_id, part });
        }
        let CallPart { call_id, part } = self.call;
        let is_listed = listed.next_is(self.call, snapshot).await?;
        match self.position {
            IN_THE_JOURNAL => findings.push(Broken::Uncharged { call_id, part }),
            position if !is_listed => findings.push(Broken::Unlisted { call_id, part, position }),
            _ => {}
        }
        Ok(())
    }
}

/// The list of ended calls, page by page.
#[derive(Default)]
struct Listed {
    page: VecDeque<CallPart>,
    last: Option<CallPart>,
    is_read: bool,
}

impl Listed {
    async fn peek(&mut self, snapshot: &mut LogSnapshot) -> Result<Option<CallPart>, StoreError> {
        if self.page.is_empty() && !self.is_read {
            self.page = tables::ended_after(snapshot.connection(), self.last).await?.into();
            self.is_read = self.page.is_empty();
        }
        Ok(self.page.front().copied())
    }

    fn take(&mut self) {
        self.last = self.page.pop_front().or(self.last);
    }

    async fn next(&mut self, snapshot: &mut LogSnapshot) -> Result<Option<CallPart>, StoreError> {
        let next = self.peek(snapshot).await?;
        self.take();
        Ok(next)
    }

    async fn next_before(
        &mut self,
        call: CallPart,
        snapshot: &mut LogSnapshot,
    ) -> Result<Option<CallPart>, StoreError> {
        let next = self.peek(snapshot).await?.filter(|next| *next < call);
        if next.is_some() {
            self.take();
        }
        Ok(next)
    }

    /// Whether it comes next; if so it is behind.
    async fn next_is(&mut self, call: CallPart, snapshot: &mut LogSnapshot) -> Result<bool, StoreError> {
        let is_next = self.peek(snapshot).await? == Some(call);
        if is_next {
            self.take();
        }
        Ok(is_next)
    }
}

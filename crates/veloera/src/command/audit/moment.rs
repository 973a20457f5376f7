//! Where the logs stood at a moment. Time rises with the position, so that halving finds it.

use domain::{Log, TimeStamp};
use eventlog::{LogReader, Recorded, StoreError};

/// The last event of `log`, up to `head`, that was recorded no later than `moment`; 0 where there is none.
pub(super) async fn recorded_by(
    reader: &LogReader,
    log: Log,
    moment: Option<TimeStamp>,
    head: u64,
) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if recorded_at(reader, log, middle).await? <= moment {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// When an event was recorded; `None` before the first, which is before all.
pub(super) async fn recorded_at(
    reader: &LogReader,
    log: Log,
    position: u64,
) -> Result<Option<TimeStamp>, StoreError> {
    let Some(before) = position.checked_sub(1) else { return Ok(None) };
    let event: Option<Recorded> = reader.read(log, before, 1).await?.pop();
    event.map(|event| Some(event.recorded_at)).ok_or(StoreError::Head { log, head: position, last: before })
}

//! What to do about an event or a head, from where one stands. Pure.

use eventlog::Place;
use uuid::Uuid;

/// What it is to whoever stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It is known already.
    Known,
    /// It comes next.
    Next,
    /// Something before it is missing.
    Missing,
    /// The log ends before what is known of it: it was restored, or whoever says so lags.
    Behind,
    /// It is of another log.
    OtherLog,
}

impl Course {
    /// Of an event.
    pub(super) fn to_event(from: Place, log_id: Uuid, position: u64) -> Self {
        if log_id != from.log_id {
            return Self::OtherLog;
        }
        match position.checked_sub(from.position) {
            None | Some(0) => Self::Known,
            Some(1) => Self::Next,
            Some(_) => Self::Missing,
        }
    }

    /// Of a log's last position.
    pub(super) fn to_head(from: Place, log_id: Uuid, head: u64) -> Self {
        match Self::to_event(from, log_id, head) {
            Self::Known if head < from.position => Self::Behind,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use eventlog::Place;
    use uuid::Uuid;

    use super::Course;

    const OURS: Uuid = Uuid::from_u128(1);
    const AT_7: Place = Place { log_id: OURS, position: 7 };

    #[test]
    fn what_is_known_is_dropped_what_comes_next_is_taken_and_a_hole_is_fetched() {
        let course = |position| Course::to_event(AT_7, OURS, position);
        assert_eq!([1, 6, 7].map(course), [Course::Known; 3]);
        assert_eq!(course(8), Course::Next);
        assert_eq!([9, 10, u64::MAX].map(course), [Course::Missing; 3]);
    }

    #[test]
    fn another_log_is_told_from_ours_wherever_it_stands() {
        for position in [0, 7, 8, 100] {
            assert_eq!(Course::to_event(AT_7, Uuid::from_u128(2), position), Course::OtherLog);
            assert_eq!(Course::to_head(AT_7, Uuid::from_u128(2), position), Course::OtherLog);
        }
    }

    #[test]
    fn a_head_behind_ours_is_no_news_of_old() {
        let course = |head| Course::to_head(AT_7, OURS, head);
        assert_eq!([0, 6].map(course), [Course::Behind; 2]);
        assert_eq!([7, 8, 9].map(course), [Course::Known, Course::Next, Course::Missing]);
    }
}

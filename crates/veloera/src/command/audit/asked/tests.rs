//! What is asked, as it is typed.

use domain::Log::{self, Control, Ledger};
use eventlog::Heads;

use super::{Range, Usage, logs, ranges};

const HEADS: Heads = Heads { control: 12, ledger: 99 };

fn asked(logs: &[Log], after: Option<&str>, to: Option<&str>) -> Result<Vec<(u64, u64)>, Usage> {
    ranges(logs, after, to, HEADS)
        .map(|ranges| ranges.into_iter().map(|Range { after, to, .. }| (after, to)).collect())
}

#[test]
fn a_log_is_read_whole_where_nothing_else_is_said() {
    assert_eq!(asked(&Log::ALL, None, None), Ok(vec![(0, 12), (0, 99)]));
    assert_eq!(asked(&Log::ALL, Some("ledger:7"), Some("control:3")), Ok(vec![(0, 3), (7, 99)]));
}

#[test]
fn one_log_takes_a_bare_position_and_both_take_one_each() {
    assert_eq!(asked(&[Ledger], Some("7"), Some("99")), Ok(vec![(7, 99)]));
    assert_eq!(asked(&[Ledger], None, Some("ledger:0")), Ok(vec![(0, 0)]));
    assert_eq!(asked(&Log::ALL, None, Some("control:12,ledger:1")), Ok(vec![(0, 12), (0, 1)]));
    let bare = asked(&Log::ALL, None, Some("7")).unwrap_err().to_string();
    assert_eq!(bare, "`--to` must be a position of each log, such as control:12,ledger:99, not \"7\"");
}

#[test]
fn a_position_that_is_none_or_of_another_log_is_refused_and_so_is_one_that_is_not_reached() {
    for text in ["", "abc", "-1", "1.5", "7,", "other:7", "control:7", "ledger:", "18446744073709551616"] {
        let refused = asked(&[Ledger], None, Some(text));
        assert!(matches!(refused, Err(Usage::Value { flag: "--to", .. })), "{text}: {refused:?}");
    }
    for flag in ["--after", "--to"] {
        let (after, to) = if flag == "--to" { (None, Some("100")) } else { (Some("100"), None) };
        let beyond = Usage::Beyond { flag, position: 100, log: Ledger, head: 99 };
        assert_eq!(asked(&[Ledger], after, to), Err(beyond));
    }
}

#[test]
fn a_log_has_its_name() {
    assert_eq!(logs("both"), Ok(vec![Control, Ledger]));
    assert_eq!(logs("ledger"), Ok(vec![Ledger]));
    assert!(logs("all").is_err());
}

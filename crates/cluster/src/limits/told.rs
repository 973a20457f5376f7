//! What one node has counted, as text: `<open calls>`, then `<slots ago>:<calls>:<tokens>` for every slot in which there was
//! anything, each after a space, and last the mark of all that, of its place and of whoever told it.

use std::fmt::Write;

use domain::{CallCounts, SLOTS};
use eventlog::Sealer;

/// What is marked is of limits, and nothing else that bears a mark.
const PURPOSE: &[u8] = b"veloera limits v1\n";

/// As it is told at `key` by `node`.
pub(super) fn write(sealer: &Sealer, key: &str, node: &str, counts: &CallCounts) -> String {
    let mut text = counts.open.to_string();
    for (age, (requests, tokens)) in counts.requests.iter().zip(&counts.tokens).enumerate() {
        if *requests > 0 || *tokens > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, " {age}:{requests}:{tokens}");
        }
    }
    let mark = hex::encode(sealer.mark(&marked(key, node, &text)));
    text + " " + &mark
}

/// What was told; `None` where it was told by nobody who holds the master key, or of something else.
pub(super) fn read(sealer: &Sealer, key: &str, node: &str, text: &str) -> Option<CallCounts> {
    let (text, mark) = text.rsplit_once(' ')?;
    if !sealer.is_marked(&marked(key, node, text), &hex::decode(mark).ok()?) {
        return None;
    }
    let mut parts = text.split(' ');
    let mut counts = CallCounts { open: parts.next()?.parse().ok()?, ..CallCounts::default() };
    for part in parts {
        let mut numbers = part.split(':').map(|number| number.parse::<u64>().ok());
        let (age, requests, tokens) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let age = usize::try_from(age).ok().filter(|age| *age < SLOTS)?;
        (counts.requests[age], counts.tokens[age]) = (requests, tokens);
    }
    Some(counts)
}

fn marked(key: &str, node: &str, text: &str) -> Vec<u8> {
    [PURPOSE, key.as_bytes(), b"\n", node.as_bytes(), b"\n", text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use domain::CallCounts;
    use eventlog::{MasterKey, Sealer};

    use super::{read, write};

    fn counts() -> CallCounts {
        let mut counts = CallCounts { open: 2, ..CallCounts::default() };
        (counts.requests[0], counts.tokens[0], counts.requests[12], counts.tokens[3]) = (5, 900, 1, u64::MAX);
        counts
    }

    #[test]
    fn what_was_told_is_read_as_it_was_meant() {
        let sealer = Sealer::new(&MasterKey::random().unwrap());
        for counts in [counts(), CallCounts::default()] {
            assert_eq!(read(&sealer, "a", "n", &write(&sealer, "a", "n", &counts)), Some(counts));
        }
    }

    #[test]
    fn what_was_changed_or_moved_or_told_by_a_stranger_says_nothing() {
        let (sealer, stranger) =
            (Sealer::new(&MasterKey::random().unwrap()), Sealer::new(&MasterKey::random().unwrap()));
        let text = write(&sealer, "a", "n", &counts());
        assert_eq!(read(&sealer, "b", "n", &text), None);
        assert_eq!(read(&sealer, "a", "m", &text), None);
        assert_eq!(read(&stranger, "a", "n", &text), None);
        for end in 0..text.len() {
            assert_eq!(read(&sealer, "a", "n", &text[..end]), None);
        }
        assert_eq!(read(&sealer, "a", "n", &text.replacen('2', "1", 1)), None);
    }
}

//! What a node knows of the others' counts of one subject, and how far it may go on that.
//!
//! Let `n` nodes serve a subject with the limit `L`. Each admits only while its own count and what it last heard of the others
//! stay within `L`, and at most its share `S` more than it has told them. Whatever is lost or late on the way, all of them
//! together therefore admit at most `L + n·S`: beyond what was told, and so kept from the others, there are `n` shares.

use domain::CallCounts;

use super::window::Window;

/// All shares beside one's own come to so much of a limit: a quarter.
const PARTS: u64 = 4;
/// The smallest share, where the limit is no smaller: whoever may do little should not be refused for sending it at once.
const SHARE_MIN: u64 = 4;
/// How soon whoever was refused for want of a share may come again: by then there was an exchange.
pub(super) const SHARE_WAIT_MS: u64 = 1_000;

/// How this node stands to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Footing {
    /// There are no others.
    Alone,
    /// They are heard.
    Near {
        /// How many there are, this one among them.
        nodes: u64,
    },
    /// They are not.
    Away {
        /// How many there were.
        nodes: u64,
    },
}

impl Footing {
    /// How much more than it has told a node may admit.
    pub(super) fn share(self, limit: u64) -> u64 {
        match self {
            Self::Near { nodes } if nodes > 1 => {
                limit.div_ceil(PARTS * (nodes - 1)).max(SHARE_MIN.min(limit))
            }
            Self::Alone | Self::Near { .. } | Self::Away { .. } => u64::MAX,
        }
    }

    /// How much of a limit is this node's.
    pub(super) fn part(self, limit: u64) -> u64 {
        match self {
            Self::Away { nodes } => (limit / nodes.max(1)).max(1),
            Self::Alone | Self::Near { .. } => limit,
        }
    }
}

/// What is known of the other nodes, and what they are still to hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// Calls and tokens of the last minute, of all others.
    pub(super) requests: Window,
    pub(super) tokens: Window,
    open: u32,
    heard_ms: u64,
    /// What was admitted here since they were told.
    pub(super) ahead: Ahead,
    /// How many calls were open here when they were told.
    pub(super) open_told: u32,
    /// When they were told last.
    pub(super) said_ms: u64,
    /// Whether it is among those that wait to be told.
    pub(super) queued: bool,
    /// Whether anything happened since.
    pub(super) is_new: bool,
    /// Whether that cannot wait: the share is half used, or somebody was refused.
    pub(super) urgent: bool,
}

/// What was admitted and not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ahead {
    pub(super) requests: u64,
    pub(super) tokens: u64,
}

impl Ahead {
    pub(super) const fn less(self, told: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(told.requests),
            tokens: self.tokens.saturating_sub(told.tokens),
        }
    }
}

impl Shared {
    pub(super) fn advance(&mut self, now_ms: u64) {
        self.requests.advance(now_ms);
        self.tokens.advance(now_ms);
    }

    /// Calls that are open elsewhere.
    pub(super) fn open(&self, now_ms: u64) -> u64 {
        let is_believed = now_ms.saturating_sub(self.heard_ms) <= CallCounts::OPEN_MS;
        if is_believed { u64::from(self.open) } else { 0 }
    }

    /// Whether it is as if nobody had ever said anything.
    pub(super) fn says_nothing(&self, now_ms: u64) -> bool {
        !self.queued && self.requests.sum() == 0 && self.tokens.sum() == 0 && self.open(now_ms) == 0
    }

    /// The others have counted so much.
    pub(super) fn hear(&mut self, counts: &CallCounts, now_ms: u64) {
        self.requests = Window::of_ages(&counts.requests, now_ms);
        self.tokens = Window::of_ages(&counts.tokens, now_ms);
        self.open = counts.open;
        self.heard_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::Footing::{Alone, Away, Near};

    #[test]
    fn all_shares_but_ones_own_come_to_a_quarter_of_a_limit_however_many_nodes_there_are() {
        for nodes in 2..=50 {
            let others = nodes - 1;
            let together = others * Near { nodes }.share(100_000);
            assert!((25_000..25_000 + nodes).contains(&together), "{nodes}: {together}");
        }
        assert_eq!([1, 2, 3, 4, 9].map(|limit| Near { nodes: 9 }.share(limit)), [1, 2, 3, 4, 4]);
        assert_eq!((Near { nodes: 1 }.share(60), Alone.share(60)), (u64::MAX, u64::MAX));
    }

    #[test]
    fn what_is_parted_among_nodes_is_never_more_than_there_is_but_each_may_do_something() {
        assert_eq!((Away { nodes: 3 }.part(100), Away { nodes: 3 }.part(2)), (33, 1));
        assert_eq!((Near { nodes: 3 }.part(100), Alone.part(100)), (100, 100));
    }
}

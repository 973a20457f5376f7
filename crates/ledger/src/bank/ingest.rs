//! Taking a journal in: each record exactly once, by a cursor that moves in the same transaction.

use std::collections::{BTreeSet, HashMap};

use domain::{
    AccountId, Aggregate, JournalId, LeaseId,
    account::{Account, AccountCommand, AccountEvent, Flag, LeaseEnd, Settlement, deduct},
    trace::TraceContext,
};
use eventlog::{
    Cell, Connection, EventLog, ExecuteError, Fault, Metadata, Rows, StoreError, StreamAppend, Tx,
    fault::{Point, hit},
    on,
};

use crate::{
    accounts::{self, append_of, past},
    chain::Link,
    journal::Framed,
    mutant::{self, Mutant},
    port::{Cursor, IngestError},
    record::{CallPart, Record},
};

pub(super) async fn cursor(connection: &mut Connection, journal_id: JournalId) -> Result<Cursor, StoreError> {
    let row: Option<(i64, Vec<u8>)> = on!(connection, c => {
        sqlx::query_as("SELECT seq, link FROM journals WHERE journal_id = $1")
            .bind(journal_id.to_string())
            .fetch_optional(c)
            .await?
    });
    let Some((seq, link)) = row else { return Ok(Cursor::default()) };
    Ok(Cursor {
        seq: u64::try_from(seq).map_err(|_| StoreError::Malformed("journal cursor"))?,
        link: Link(link.try_into().map_err(|_| StoreError::Malformed("journal link"))?),
    })
}

/// What came of taking records in.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// How far the journal is taken in now.
    pub(super) cursor: Cursor,
    /// Whether quota came home with them.
    pub(super) freed: bool,
    /// What was charged in traces that are recorded.
    pub(super) traced: Vec<Charged>,
}

/// Takes records in.
pub(super) async fn ingest(
    log: &EventLog,
    journal_id: JournalId,
    records: Vec<Framed>,
) -> Result<Taken, IngestError> {
    let ingested = log.transact(Metadata::default(), move |tx| {
        Box::pin(async move { take(tx, journal_id, records).await })
    });
    match ingested.await {
        Ok((taken, _)) => Ok(taken),
        Err(ExecuteError::Refused(refusal)) => Err(refusal),
        Err(other) => Err(IngestError::Unavailable(other.to_string())),
    }
}

async fn take(tx: &mut Tx, journal_id: JournalId, records: Vec<Framed>) -> Result<Taken, Fault<IngestError>> {
    let known = cursor(tx.connection(), journal_id).await?;
    let (decoded, after) = continued(journal_id, known, records).map_err(Fault::Refused)?;
    if after == known {
        return Ok(Taken { cursor: known, freed: false, traced: Vec::new() });
    }
    let mut batch = Batch::load(tx, journal_id, &decoded).await?;
    for (seq, record) in decoded {
        batch.record(seq, record)?;
    }
    remember(tx.connection(), &batch.new_ends).await?;
    let now = tx.now();
    for lease_id in batch.unknown {
        past::ended(tx.connection(), lease_id, now).await?;
    }
    tx.append(batch.appends).await?;
    hit(Point::DuringIngest);
    on!(tx.connection(), c => {
        sqlx::query(
            "INSERT INTO journals VALUES ($1, $2, $3, $4) ON CONFLICT (journal_id) DO UPDATE \
             SET seq = excluded.seq, link = excluded.link, ingested_at = excluded.ingested_at",
        )
        .bind(journal_id.to_string())
        .bind(i64::try_from(after.seq).unwrap_or(i64::MAX))
        .bind(after.link.0.as_slice())
        .bind(now.micros())
        .execute(c)
        .await?;
    });
    Ok(Taken { cursor: after, freed: batch.freed, traced: batch.traced })
}

/// The records after `known` that the ledger acts upon, decoded, and where the cursor stands after all of them. Those
/// before it are skipped.
fn continued(
    journal_id: JournalId,
    known: Cursor,
    records: Vec<Framed>,
) -> Result<(Vec<(u64, Record)>, Cursor), IngestError> {
    let differs = |framed: &&Framed| framed.seq == known.seq && framed.link != known.link;
    if let Some(framed) = records.iter().find(differs) {
        return Err(IngestError::Fork { journal_id, seq: framed.seq });
    }
    let anything_goes = mutant::is(Mutant::CursorUnchecked);
    let repeated = |framed: &Framed| framed.seq <= known.seq && !anything_goes;
    let mut cursor = known;
    let mut decoded = Vec::new();
    for framed in records.into_iter().skip_while(repeated) {
        if framed.seq != cursor.seq + 1 && !anything_goes {
            return Err(IngestError::Gap { journal_id, known: cursor.seq, first: framed.seq });
        }
        let link = cursor.link.next(&framed.payload);
        if link != framed.link && !anything_goes && !mutant::is(Mutant::ChainUnchecked) {
            return Err(IngestError::Fork { journal_id, seq: framed.seq });
        }
        if !Record::is_of_the_node(&framed.payload) {
            let record = Record::decode(&framed.payload).map_err(|error| IngestError::Unreadable {
                journal_id,
                seq: framed.seq,
                reason: error.to_string(),
            })?;
            decoded.push((framed.seq, record));
        }
        cursor = Cursor { seq: framed.seq, link };
    }
    Ok((decoded, cursor))
}

/// From here on the spans of a call are charges.
const CHARGE: u32 = 1 << 31;

/// A charge that belongs to a trace that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// What was charged.
    pub call: CallPart,
    /// The call's span.
    pub parent: TraceContext,
    /// The charge's own.
    pub own: TraceContext,
}

/// The accounts that a batch of records touches, as they are while it is decided record by record.
struct Batch {
    journal_id: JournalId,
    accounts: HashMap<AccountId, Account>,
    ended: BTreeSet<CallPart>,
    new_ends: Vec<CallPart>,
    appends: Vec<StreamAppend>,
    /// Leases that were given back and are not there: their grants may still be under way.
    unknown: Vec<LeaseId>,
    /// Whether quota came home.
    freed: bool,
    traced: Vec<Charged>,
}

impl Batch {
    async fn load(tx: &mut Tx, journal_id: JournalId, records: &[(u64, Record)]) -> Result<Self, StoreError> {
        let ids = records.iter().flat_map(|(_, record)| account_ids(record)).collect();
        let rows = accounts::load(tx.connection(), &ids).await?;
        let accounts = rows.into_iter().map(|(id, row)| (id, row.account)).collect();
        let ends: Vec<CallPart> = records.iter().filter_map(|(_, record)| end_of(record)).collect();
        let ended = ended(tx.connection(), &ends).await?;
        let (new_ends, appends, unknown) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { journal_id, accounts, ended, new_ends, appends, unknown, freed: false, traced: Vec::new() })
    }

    fn record(&mut self, seq: u64, record: Record) -> Result<(), StoreError> {
        match record {
            Record::Settle(settlement) => self.settle(seq, *settlement),
            Record::Release { account_id, lease_id, amount } => {
                self.ask(account_id, AccountCommand::Release { lease_id, amount })
            }
            Record::Close { account_id, lease_id } => {
                let account = self.accounts.get(&account_id);
                if account.is_none_or(|account| !account.leases.contains_key(&lease_id)) {
                    self.unknown.extend((!mutant::is(Mutant::ReturnForgotten)).then_some(lease_id));
                }
                self.ask(account_id, AccountCommand::EndLease { lease_id, end: LeaseEnd::Returned })
            }
            // These matter to the node alone, should it die.
            Record::Started { .. }
            | Record::Reserve(_)
            | Record::Sent { .. }
            | Record::AttemptEnded { .. }
            | Record::Progress { .. }
            | Record::Extend { .. }
            | Record::Void { .. }
            | Record::Granted { .. } => Ok(()),
        }
    }

    fn settle(&mut self, seq: u64, settlement: Settlement) -> Result<(), StoreError> {
        let call = part_of(&settlement);
        if !self.ended.insert(call) {
            let trace_id = settlement.facts.trace.map(|context| context.trace_text());
            tracing::error!(
                call_id = %call.call_id, trace_id, part = call.part, seq,
                "a call ended twice; the second end is left out"
            );
            return Ok(());
        }
        self.new_ends.push(call);
        let payer = settlement.facts.scopes.first().map(|scope| scope.account_id);
        // What nobody known pays stands in the stream of the account that takes it.
        let stream = payer
            .filter(|id| self.accounts.get(id).is_some_and(Account::is_open))
            .unwrap_or(AccountId::SUSPENSE);
        let trace = settlement.facts.trace.map(|context| self.traced(call, context));
        let event = deduct(settlement, self.journal_id, seq, |id| self.accounts.get(&id));
        if mutant::is(Mutant::LateDropped) && is_late(&event) {
            return Ok(());
        }
        self.happened(stream, &event)?;
        if let Some(append) = self.appends.last_mut() {
            append.trace = trace;
        }
        Ok(())
    }

    /// The span of a charge: another one for each part of a call. Spans of attempts have the low numbers.
    fn traced(&mut self, call: CallPart, context: TraceContext) -> TraceContext {
        if !context.is_sampled() {
            return context;
        }
        let own = context.child(CHARGE.saturating_add(call.part));
        self.traced.push(Charged { call, parent: context, own });
        own
    }

    /// A lease that is not known (any more) has nothing to give back.
    fn ask(&mut self, id: AccountId, command: AccountCommand) -> Result<(), StoreError> {
        let events = self.accounts.get(&id).map(|account| account.decide(command));
        for event in events.into_iter().flatten().flatten() {
            self.freed = true;
            self.happened(id, &event)?;
        }
        Ok(())
    }

    fn happened(&mut self, stream: AccountId, event: &AccountEvent) -> Result<(), StoreError> {
        for id in event.touched(stream).collect::<BTreeSet<_>>() {
            if let Some(account) = self.accounts.get_mut(&id) {
                account.evolve(event);
            }
        }
        self.appends.push(append_of(stream, event)?);
        Ok(())
    }
}

fn end_of(record: &Record) -> Option<CallPart> {
    match record {
        Record::Settle(settlement) => Some(part_of(settlement)),
        _ => None,
    }
}

/// What a charge is the end of.
fn part_of(settlement: &Settlement) -> CallPart {
    let call = CallPart::of(&settlement.facts);
    if mutant::is(Mutant::PartsConfused) { CallPart { part: 0, ..call } } else { call }
}

fn is_late(event: &AccountEvent) -> bool {
    matches!(event, AccountEvent::QuotaDeducted(deduction) if deduction.flags.contains(&Flag::Late))
}

/// Remembers that these calls have ended.
pub(super) async fn remember(connection: &mut Connection, ends: &[CallPart]) -> Result<(), StoreError> {
    let sql = if mutant::is(Mutant::EndsUnconsulted) {
        "INSERT INTO ended_calls SELECT * FROM {rows} WHERE true ON CONFLICT DO NOTHING"
    } else {
        "INSERT INTO ended_calls SELECT * FROM {rows}"
    };
    parts(ends).execute(connection, sql).await
}

fn account_ids(record: &Record) -> Vec<AccountId> {
    match record {
        Record::Settle(settlement) => settlement
            .facts
            .scopes
            .iter()
            .map(|scope| scope.account_id)
            .chain([AccountId::SUSPENSE])
            .collect(),
        Record::Release { account_id, .. } | Record::Close { account_id, .. } => vec![*account_id],
        _ => Vec::new(),
    }
}

/// Which of these calls have ended before.
pub(super) async fn ended(
    connection: &mut Connection,
    ends: &[CallPart],
) -> Result<BTreeSet<CallPart>, StoreError> {
    if mutant::is(Mutant::EndsUnconsulted) {
        return Ok(BTreeSet::new());
    }
    let sql = "SELECT e.call_id, e.part FROM {rows} JOIN ended_calls e ON e.call_id = r.call_id AND e.part = r.part";
    let rows: Vec<(Vec<u8>, i64)> = parts(ends).fetch(connection, sql).await?;
    rows.into_iter()
        .map(|(id, part)| {
            let call_id = uuid::Uuid::from_slice(&id).map_err(|_| StoreError::Malformed("call id"))?;
            let part = u32::try_from(part).map_err(|_| StoreError::Malformed("part"))?;
            Ok(CallPart { call_id: call_id.into(), part })
        })
        .collect()
}

fn parts(calls: &[CallPart]) -> Rows<'_, 2> {
    let cells = |call: &'_ CallPart| -> [Cell<'_>; 2] {
        [Cell::Bytes(call.call_id.0.as_bytes().to_vec().into()), call.part.into()]
    };
    Rows::new(["call_id", "part"], calls.iter().map(cells).collect())
}

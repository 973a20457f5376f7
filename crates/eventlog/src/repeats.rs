//! The memory of commands that were carried out: a repeat answers the same.

use crate::{Command, Heads, StoreError, Tx, on, reader::signed};

/// How long the answer to a command is kept, in microseconds: ten minutes.
const ANSWER_KEPT_US: i64 = 600 * 1_000_000;

/// A command that was carried out.
pub(crate) struct Remembered {
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) positions: Heads,
    pub(crate) answer: Option<String>,
}

pub(crate) async fn earlier(tx: &mut Tx, command: &Command) -> Result<Option<Remembered>, StoreError> {
    // An old answer may still be there, for it goes when a new one comes: it is none all the same.
    let oldest = tx.now().micros() - ANSWER_KEPT_US;
    let row: Option<(Vec<u8>, i64, i64, Option<String>)> = on!(tx.connection(), c => {
        sqlx::query_as(
            "SELECT fingerprint, control, ledger, CASE WHEN recorded_at >= $1 THEN answer END FROM commands \
             WHERE command_id = $2",
        )
        .bind(oldest)
        .bind(command.command_id.0.as_bytes().as_slice())
        .fetch_optional(c)
        .await?
    });
    let Some((fingerprint, control, ledger, answer)) = row else { return Ok(None) };
    let number = |n| u64::try_from(n).map_err(|_| StoreError::Malformed("position"));
    let positions = Heads { control: number(control)?, ledger: number(ledger)? };
    Ok(Some(Remembered { fingerprint, positions, answer }))
}

pub(crate) async fn remember(tx: &mut Tx, command: &Command, positions: Heads) -> Result<(), StoreError> {
    let now = tx.now().micros();
    let answer = tx.take_answer();
    if answer.is_some() {
        on!(tx.connection(), c => {
            sqlx::query("UPDATE commands SET answer = NULL WHERE answer IS NOT NULL AND recorded_at < $1")
                .bind(now - ANSWER_KEPT_US)
                .execute(c)
                .await?;
        });
    }
    on!(tx.connection(), c => {
        sqlx::query(
            "INSERT INTO commands(command_id, fingerprint, control, ledger, answer, recorded_at) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(command.command_id.0.as_bytes().as_slice())
        .bind(command.fingerprint.as_slice())
        .bind(signed(positions.control))
        .bind(signed(positions.ledger))
        .bind(answer)
        .bind(now)
        .execute(c)
        .await?;
    });
    Ok(())
}

//! Rows as `SQLite` takes them: each cell a parameter of its own, so that no text is written into another and read again.

use sqlx::{Arguments as _, Sqlite, encode::Encode, sqlite::SqliteArguments, types::Type};

use super::Cell;
use crate::StoreError;

/// How many rows go with one statement. Few sizes, so that each statement is prepared once and kept.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// `rows` in pieces of these sizes, the largest first.
pub(super) fn pieces<R>(mut rows: &[R]) -> impl Iterator<Item = &[R]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

/// What stands where a statement names a table of so many rows.
pub(super) fn source(columns: &[&str], rows: usize) -> String {
    let named: Vec<String> =
        columns.iter().enumerate().map(|(index, name)| format!("column{} AS {name}", index + 1)).collect();
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    format!("(SELECT {} FROM (VALUES {})) AS r", named.join(", "), vec![row; rows].join(", "))
}

/// Every cell in order.
pub(super) fn arguments<'r, const N: usize>(
    rows: &'r [[Cell<'_>; N]],
) -> Result<SqliteArguments<'r>, StoreError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(rows.len() * N, 0);
    for cell in rows.iter().flatten() {
        match cell {
            Cell::Int(number) => add(&mut arguments, *number),
            Cell::Text(text) => add(&mut arguments, &**text),
            Cell::Uuid(id) => add(&mut arguments, id.hyphenated().to_string()),
            Cell::Bytes(bytes) => add(&mut arguments, &**bytes),
            Cell::NoText => add(&mut arguments, None::<&str>),
        }?;
    }
    Ok(arguments)
}

fn add<'r, T>(arguments: &mut SqliteArguments<'r>, value: T) -> Result<(), StoreError>
where
    T: Encode<'r, Sqlite> + Type<Sqlite> + 'r,
{
    arguments.add(value).map_err(|error| sqlx::Error::Encode(error).into())
}

#[cfg(test)]
mod tests {
    use super::{pieces, source};

    #[test]
    fn rows_are_cut_into_few_sizes_and_none_is_lost() {
        let rows: Vec<u32> = (0..150).collect();
        let cut: Vec<&[u32]> = pieces(&rows).collect();
        assert_eq!(cut.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [64, 64, 16, 4, 1, 1]);
        assert_eq!(cut.concat(), rows);
    }

    #[test]
    fn a_table_has_a_parameter_for_each_cell() {
        assert_eq!(
            source(&["a", "b"], 2),
            "(SELECT column1 AS a, column2 AS b FROM (VALUES (?, ?), (?, ?))) AS r"
        );
    }
}

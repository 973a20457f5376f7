//! The keys of people: each wrapped by the master key, each in its row, so that one can be destroyed.

use std::collections::HashMap;

use domain::Sealed;

use crate::{Cell, Connection, LogReader, Rows, SealError, Sealer, StoreError, Tx};

/// The keys of some people, read at once.
#[derive(Clone, Debug, Default)]
pub struct SubjectKeys(HashMap<String, String>);

impl SubjectKeys {
    async fn read(
        connection: &mut Connection,
        subjects: impl IntoIterator<Item = String>,
    ) -> Result<Self, StoreError> {
        const SQL: &str =
            "SELECT subject, wrapped FROM subject_keys WHERE subject IN (SELECT subject FROM {rows})";
        let subjects = subjects.into_iter().map(|subject| [Cell::from(subject)]).collect();
        let rows: Vec<(String, String)> = Rows::new(["subject"], subjects).fetch(connection, SQL).await?;
        Ok(Self(rows.into_iter().collect()))
    }

    /// A person's value, opened; `None` when their key was destroyed.
    ///
    /// # Errors
    /// When it does not open.
    pub fn open(
        &self,
        sealer: &Sealer,
        subject: &str,
        place: &str,
        sealed: &Sealed,
    ) -> Result<Option<Vec<u8>>, SealError> {
        self.0.get(subject).map(|wrapped| sealer.open_under(wrapped, subject, place, sealed)).transpose()
    }
}

impl LogReader {
    /// The keys of these people that were not destroyed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys_of(
        &self,
        subjects: impl IntoIterator<Item = String>,
    ) -> Result<SubjectKeys, StoreError> {
        SubjectKeys::read(&mut self.pool().acquire().await?, subjects).await
    }
}

impl Tx {
    /// The keys of these people that were not destroyed, as the transaction sees them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys_of(
        &mut self,
        subjects: impl IntoIterator<Item = String>,
    ) -> Result<SubjectKeys, StoreError> {
        SubjectKeys::read(self.connection(), subjects).await
    }
}

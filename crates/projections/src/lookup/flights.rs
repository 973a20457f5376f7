//! What many want at once is done once.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

type Key = [u8; 32];

/// What is being done, by key.
#[derive(Debug)]
pub(super) struct Flights<T>(Mutex<HashMap<Key, Arc<OnceCell<T>>>>);

/// One who wants it. When the last has gone, it is forgotten.
pub(super) struct Flight<'f, T> {
    all: &'f Flights<T>,
    key: Key,
    cell: Arc<OnceCell<T>>,
}

impl<T> Default for Flights<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Flights<T> {
    pub(super) fn join(&self, key: Key) -> Flight<'_, T> {
        let cell = Arc::clone(self.0.lock().entry(key).or_default());
        Flight { all: self, key, cell }
    }
}

impl<T> Flights<T> {
    /// Whoever comes later does it anew.
    fn end(&self, key: &Key, cell: &Arc<OnceCell<T>>) {
        let mut flying = self.0.lock();
        if flying.get(key).is_some_and(|other| Arc::ptr_eq(other, cell)) {
            flying.remove(key);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl<T: Clone> Flight<'_, T> {
    /// What the first of them comes to; where that one goes away before, another does it.
    pub(super) async fn once<F: Future<Output = T>>(&self, make: impl FnOnce() -> F) -> T {
        let made = self.cell.get_or_init(|| async {
            let made = make().await;
            self.all.end(&self.key, &self.cell);
            made
        });
        made.await.clone()
    }
}

impl<T> Drop for Flight<'_, T> {
    fn drop(&mut self) {
        let mut flying = self.all.0.lock();
        // The map's own, and this one's.
        if Arc::strong_count(&self.cell) <= 2
            && flying.get(&self.key).is_some_and(|other| Arc::ptr_eq(other, &self.cell))
        {
            flying.remove(&self.key);
        }
    }
}

//! All sessions, by row and by client id.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::session::Session;
use super::table::Table;

#[derive(Debug)]
pub(super) struct Sessions {
    table: Table<Session>,
    rows: BTreeMap<Arc<str>, u32>,
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { table: Table::new(), rows: BTreeMap::new() }
    }

    /// The row of the client id's session.
    pub(super) fn find(&self, client_id: &str) -> Option<u32> {
        self.rows.get(client_id).copied()
    }

    pub(super) fn insert(&mut self, client_id: Arc<str>, clean: bool) -> u32 {
        let row = self.table.insert(|_| Session::new(Arc::clone(&client_id), clean));
        self.rows.insert(client_id, row);
        row
    }

    pub(super) fn get(&self, row: u32) -> Option<&Session> {
        self.table.get(row)
    }

    pub(super) fn get_mut(&mut self, row: u32) -> Option<&mut Session> {
        self.table.get_mut(row)
    }

    pub(super) fn remove(&mut self, row: u32) -> Option<Session> {
        let session = self.table.remove(row)?;
        self.rows.remove(&session.client_id);
        Some(session)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The client id of a row.
    pub(super) fn name(&self, row: u32) -> &str {
        self.table.get(row).map_or("", |session| &session.client_id)
    }

    /// In the order of client ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.rows.values().filter_map(|row| self.table.get(*row))
    }

    /// In the order of client ids.
    pub(super) fn rows(&self) -> Vec<u32> {
        self.rows.values().copied().collect()
    }
}

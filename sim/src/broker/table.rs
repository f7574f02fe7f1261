//! Things by small numbers, which are used again.

/// A table whose rows are named by where they are.
#[derive(Debug)]
pub(super) struct Table<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Table<T> {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), free: Vec::new() }
    }

    /// Puts in what `make` makes of its row's number.
    pub(super) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        if let Some(row) = self.free.pop() {
            self.rows[row as usize] = Some(make(row));
            return row;
        }
        let row = u32::try_from(self.rows.len()).expect("fewer than 2^32 at one time");
        self.rows.push(Some(make(row)));
        row
    }

    pub(super) fn get(&self, row: u32) -> Option<&T> {
        self.rows.get(row as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, row: u32) -> Option<&mut T> {
        self.rows.get_mut(row as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, row: u32) -> Option<T> {
        let item = self.rows.get_mut(row as usize)?.take()?;
        self.free.push(row);
        Some(item)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    /// By row.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().flatten()
    }
}

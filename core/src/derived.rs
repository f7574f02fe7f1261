//! What can be found again in the rest of a state.

/// Kept to be quick, found when it is asked for, and not recorded: a replay finds it again.
#[derive(Debug)]
pub(crate) struct Derived<T>(Option<T>);

impl<T> Derived<T> {
    /// What there is, or what is found now.
    pub(crate) fn or_find(&mut self, find: impl FnOnce() -> T) -> &mut T {
        self.0.get_or_insert_with(find)
    }

    /// It may not be so any more.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(feature = "trace")]
impl<T> crate::wire::Wire for Derived<T> {
    fn put(&self, _: &mut crate::wire::Output) {}

    fn get(_: &mut crate::wire::Input<'_>) -> Result<Self, crate::wire::Bad> {
        Ok(Self::default())
    }
}

//! What becomes of entries: told one by one, and counted.

/// What became of an entry.
///
/// The listener hears of it before the breaker and its key are dropped. If an observer or a key
/// panics when it is dropped, all events are told first; the panic then goes on in the call that
/// the events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistryEvent<'a, K> {
    /// A breaker was made for the key, and the registry holds it.
    Created(&'a K),
    /// The breaker of the key made room for another.
    Evicted(&'a K),
    /// The breaker of the key was not looked up for the idle time, and had nothing to decide.
    Expired(&'a K),
    /// The key was [removed](crate::Registry::remove).
    Removed(&'a K),
    /// A breaker was made for the key and handed out, and the registry does not hold it: it is
    /// full of breakers that have to stay.
    Unstored(&'a K),
}

/// How often each of the [`RegistryEvent`]s has been.
///
/// `created - evicted - expired - removed` is the number of breakers that the registry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RegistryCounters {
    /// SelectBreaker that were made and are or were held by the registry.
    pub created: u64,
    /// SelectBreaker that made room for others.
    pub evicted: u64,
    /// SelectBreaker that were idle.
    pub expired: u64,
    /// Keys that were removed.
    pub removed: u64,
    /// SelectBreaker that were handed out and never held. If this grows, the capacity is too small
    /// for the breakers that are in use or open at the same time.
    pub unstored: u64,
    /// Of the evicted and the expired ones: those that were open, their break over, and nobody had
    /// called since.
    pub due: u64,
}

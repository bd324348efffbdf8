//! A table of breakers by key, of fixed size: filled when the program starts, then only read.

use core::borrow::Borrow;
use core::fmt;

use heapless::Vec;

/// Up to `N` breakers `B`, each under a key `K`, in a vector of the crate `heapless`.
///
/// The table is filled at start-up and then read: from where it is shared, by `&`, nothing can be
/// put in or taken out, so a look-up takes no lock and a breaker that was found stays where it is.
/// A look-up compares one key after the other. For the few dependencies of a microcontroller,
/// comparing is faster than hashing.
///
/// The feature `heapless` needs Rust 1.88, because that crate does.
///
/// # Examples
///
/// Where the keys are known when the program is written, the table is a `static`, and a table that
/// is too small does not compile:
///
/// ```
/// use cutout_core::{CircuitBreaker, Config, ManualClock, State, Table};
///
/// type Breaker = CircuitBreaker<ManualClock>;
///
/// const fn breaker() -> Breaker {
///     CircuitBreaker::with_clock(Config::new().consecutive_failures(3), ManualClock::new())
/// }
///
/// /// By address on the bus.
/// static SENSORS: Table<u8, Breaker, 2> =
///     Table::from_array([(0x48, breaker()), (0x49, breaker())]);
///
/// for _ in 0..3 {
///     let _ = SENSORS.get(&0x48).unwrap().call(|| Err::<(), _>("no answer"));
/// }
/// assert_eq!(SENSORS.get(&0x48).unwrap().state(), State::Open);
/// assert_eq!(SENSORS.get(&0x49).unwrap().state(), State::Closed);
/// assert!(SENSORS.get(&0x4a).is_none());
/// ```
///
/// Where the keys are found at start-up, the table is filled before it is shared:
///
/// ```
/// # use cutout_core::{CircuitBreaker, Config, InsertError, ManualClock, Table};
/// # let breaker = || CircuitBreaker::with_clock(Config::new(), ManualClock::new());
/// # let who_answers = || [0x48, 0x49];
/// let mut sensors = Table::<u8, _, 8>::new();
/// for address in who_answers() {
///     sensors.insert(address, breaker())?;
/// }
/// let sensors = sensors; // from here on it is only read
/// assert_eq!(sensors.len(), 2);
/// # Ok::<_, InsertError<CircuitBreaker<ManualClock>>>(())
/// ```
pub struct Table<K, B, const N: usize> {
    /// In the order in which they were put in.
    entries: Vec<(K, B), N>,
}

impl<K, B, const N: usize> Table<K, B, N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// A table of these keys and their breakers, for a table that is a `static`.
    ///
    /// There may be fewer entries than the table has room for: [`insert`](Self::insert) adds
    /// others. More entries than the table has room for do not compile.
    ///
    /// Keys cannot be compared in a constant: of two that are equal, the first is found.
    #[must_use]
    pub const fn from_array<const M: usize>(entries: [(K, B); M]) -> Self {
        const { assert!(M <= N, "Table: more breakers than it has room for") }
        Self { entries: Vec::from_array(entries) }
    }

    /// How many breakers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All keys and their breakers, in the order in which they were put in.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &B)> {
        self.entries.iter().map(|(key, breaker)| (key, breaker))
    }

    /// The breaker under `key`.
    #[must_use]
    pub fn get<Q: Eq + ?Sized>(&self, key: &Q) -> Option<&B>
    where
        K: Borrow<Q>,
    {
        self.iter().find(|(other, _)| (*other).borrow() == key).map(|(_, breaker)| breaker)
    }

    /// Puts `breaker` under `key`. A breaker that is there stays there, and so does what it knows.
    ///
    /// # Errors
    ///
    /// If the table is full or the key is taken. The error gives the breaker back.
    pub fn insert(&mut self, key: K, breaker: B) -> Result<(), InsertError<B>>
    where
        K: Eq,
    {
        if self.get(&key).is_some() {
            return Err(InsertError::KeyTaken(breaker));
        }
        self.entries.push((key, breaker)).map_err(|(_, breaker)| InsertError::Full(breaker))
    }
}

impl<K, B, const N: usize> Default for Table<K, B, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, B: fmt::Debug, const N: usize> fmt::Debug for Table<K, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Why a breaker was not put into a [`Table`]; it is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum InsertError<B> {
    /// The table has no room.
    Full(B),
    /// Another breaker is under this key.
    KeyTaken(B),
}

impl<B> InsertError<B> {
    /// The breaker that was not put in.
    pub fn into_breaker(self) -> B {
        match self {
            Self::Full(breaker) | Self::KeyTaken(breaker) => breaker,
        }
    }
}

impl<B> fmt::Display for InsertError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "table: it is full",
            Self::KeyTaken(_) => "table: the key is taken",
        })
    }
}

impl<B> fmt::Debug for InsertError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::KeyTaken(_) => "KeyTaken",
        })
    }
}

impl<B> core::error::Error for InsertError<B> {}

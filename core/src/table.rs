//! A table of breakers by key, of fixed size: filled when the program starts, then only read.

use core::borrow::Borrow;
use core::fmt;
use core::mem;

/// Up to `N` breakers `B`, each under a key `K`.
///
/// It is filled at start-up and then read: from where it is shared, by `&`, nothing can be put in or
/// taken out, so a look-up takes no lock and a breaker that was found stays where it is. A look-up
/// compares one key after the other, which for the few dependencies of a microcontroller is faster
/// than to hash.
///
/// # Examples
///
/// Where the keys are known when the program is written, the table is a `static`, and one that is too
/// small does not compile:
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
///     Table::new().with(0x48, breaker()).with(0x49, breaker());
///
/// for _ in 0..3 {
///     let _ = SENSORS.get(&0x48).unwrap().call(|| Err::<(), _>("no answer"));
/// }
/// assert_eq!(SENSORS.get(&0x48).unwrap().state(), State::Open);
/// assert_eq!(SENSORS.get(&0x49).unwrap().state(), State::Closed);
/// assert!(SENSORS.get(&0x4a).is_none());
/// ```
///
/// Where they are found at start-up, it is filled before it is shared:
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
    /// Filled from the front.
    entries: [Option<(K, B)>; N],
}

impl<K, B, const N: usize> Table<K, B, N> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: [const { None }; N] }
    }

    /// The same table with `breaker` under `key`, for a table that is a `static`.
    ///
    /// Keys cannot be compared in a constant: of two that are equal, the first is found.
    ///
    /// # Panics
    ///
    /// If the table is full; in a `static` that is a compile error.
    #[must_use]
    pub const fn with(mut self, key: K, breaker: B) -> Self {
        let at = self.len();
        assert!(at < N, "Table: more breakers than it has room for");
        // What was there is `None`, and a constant cannot drop it.
        mem::forget(self.entries[at].replace((key, breaker)));
        self
    }

    /// How many breakers there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        let mut len = 0;
        while len < N && self.entries[len].is_some() {
            len += 1;
        }
        len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys and their breakers, in the order in which they were put in.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &B)> {
        self.entries.iter().map_while(|entry| entry.as_ref().map(|(key, breaker)| (key, breaker)))
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
        for entry in &mut self.entries {
            match entry {
                Some((taken, _)) if *taken == key => return Err(InsertError::KeyTaken(breaker)),
                Some(_) => {}
                None => {
                    *entry = Some((key, breaker));
                    return Ok(());
                }
            }
        }
        Err(InsertError::Full(breaker))
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

//! What a dependency does, call by call.

use core::time::Duration;

/// What a dependency does with one call.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::testing::Reply;
///
/// const SLOW: Reply = Reply::ok().after(Duration::from_secs(2));
/// assert_eq!(SLOW.takes(), Duration::from_secs(2));
/// assert_eq!(Reply::err().takes(), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    takes: Duration,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Ok,
    Err,
    Hang,
    Panic,
}

impl Reply {
    /// It does its work, at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::ok()));
    /// assert_eq!(bank.call(), Ok(1));
    /// ```
    #[must_use]
    pub const fn ok() -> Self {
        Self::new(End::Ok)
    }

    /// It fails, at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::err()));
    /// assert_eq!(bank.call().unwrap_err().to_string(), "call 1 failed, as its script says");
    /// ```
    #[must_use]
    pub const fn err() -> Self {
        Self::new(End::Err)
    }

    /// It never answers, until it is [released](super::Dependency::release).
    ///
    /// A hang that ends by itself is a reply that comes late: `Reply::err().after(an_hour)`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// # use core::time::Duration;
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::hang()));
    /// let fault = bank.call_within(Duration::from_secs(3)).unwrap_err();
    /// assert_eq!(fault.to_string(), "call 1 was not over within its limit");
    /// ```
    #[must_use]
    pub const fn hang() -> Self {
        Self::new(End::Hang)
    }

    /// The call panics.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// # use std::panic::{AssertUnwindSafe, catch_unwind};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().then(1, Reply::panic()));
    /// assert!(catch_unwind(AssertUnwindSafe(|| bank.call())).is_err());
    /// assert_eq!(bank.call(), Ok(2));
    /// ```
    #[must_use]
    pub const fn panic() -> Self {
        Self::new(End::Panic)
    }

    /// The same, `duration` after the call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::testing::Reply;
    /// const LATE: Reply = Reply::err().after(Duration::from_secs(3_600));
    /// assert_eq!(LATE.takes(), Duration::from_secs(3_600));
    /// ```
    #[must_use]
    pub const fn after(self, duration: Duration) -> Self {
        Self { takes: duration, ..self }
    }

    /// How long after the call it comes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::testing::Reply;
    /// assert_eq!(Reply::hang().takes(), Duration::ZERO);
    /// assert_eq!(Reply::ok().after(Duration::from_secs(2)).takes(), Duration::from_secs(2));
    /// ```
    #[must_use]
    pub const fn takes(&self) -> Duration {
        self.takes
    }

    const fn new(end: End) -> Self {
        Self { takes: Duration::ZERO, end }
    }
}

/// Replies that are drawn by their weights, in an order that a seed says: the same in every run.
///
/// # Examples
///
/// ```
/// # use cutout::ManualTimer;
/// use cutout::testing::{Dependency, Draw, Reply, Script};
///
/// let answers = |seed| {
///     let draw = Draw::new(seed, [(1, Reply::ok()), (1, Reply::err())]);
///     let bank = Dependency::new(ManualTimer::new(), Script::new().forever(draw));
///     (0..50).map(|_| bank.call().is_ok()).collect::<Vec<bool>>()
/// };
/// assert_eq!(answers(1), answers(1));
/// assert_ne!(answers(1), answers(2));
/// ```
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
    replies: Vec<(u32, Reply)>,
    total: u64,
}

impl Draw {
    /// Each of `replies`, as often as its weight among all.
    ///
    /// # Panics
    ///
    /// If no weight is above zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::ManualTimer;
    /// use cutout::testing::{Dependency, Draw, Reply, Script};
    ///
    /// let draw = Draw::new(7, [(9, Reply::ok()), (1, Reply::err())]);
    /// let search = Dependency::new(ManualTimer::new(), Script::new().forever(draw));
    /// let failed = (0..1_000).filter(|_| search.call().is_err()).count();
    /// assert!((70..130).contains(&failed));
    /// ```
    #[must_use]
    pub fn new(seed: u64, replies: impl Into<Vec<(u32, Reply)>>) -> Self {
        let replies = replies.into();
        let total = replies.iter().map(|(weight, _)| u64::from(*weight)).sum();
        assert!(total > 0, "replies: at least one must have a weight above 0");
        Self { state: seed, replies, total }
    }

    fn next(&mut self) -> Reply {
        // SplitMix64: equidistributed, and any seed is as good as another.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut left = (bits ^ (bits >> 31)) % self.total;
        for (weight, reply) in &self.replies {
            match left.checked_sub(u64::from(*weight)) {
                Some(rest) => left = rest,
                None => return *reply,
            }
        }
        unreachable!("what is drawn is below the sum of the weights")
    }
}

/// One reply for all calls of an act, or a [`Draw`].
///
/// # Examples
///
/// ```
/// # use cutout::ManualTimer;
/// use cutout::testing::{Dependency, Draw, Replies, Reply, Script};
///
/// /// A bad hour of the bank.
/// fn bad(calls: u64, replies: impl Into<Replies>) -> Dependency {
///     Dependency::new(ManualTimer::new(), Script::new().then(calls, replies))
/// }
///
/// assert!(bad(1, Reply::err()).call().is_err());
/// assert!(bad(1, Draw::new(7, [(1, Reply::err())])).call().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Replies(Source);

#[derive(Clone, Debug)]
enum Source {
    Same(Reply),
    Drawn(Draw),
}

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        Self(Source::Same(reply))
    }
}

impl From<Draw> for Replies {
    fn from(draw: Draw) -> Self {
        Self(Source::Drawn(draw))
    }
}

impl Replies {
    fn next(&mut self) -> Reply {
        match &mut self.0 {
            Source::Same(reply) => *reply,
            Source::Drawn(draw) => draw.next(),
        }
    }
}

/// What a dependency does with its first calls, with the next ones, and with all others.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::ManualTimer;
/// use cutout::testing::{Dependency, Reply, Script};
///
/// let script = Script::new()
///     .then(2, Reply::ok())
///     .then(3, Reply::err().after(Duration::from_millis(20)));
/// let bank = Dependency::new(ManualTimer::new(), script);
///
/// let answers: Vec<bool> = (0..7).map(|_| bank.call().is_ok()).collect();
/// assert_eq!(answers, [true, true, false, false, false, true, true]);
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    acts: Vec<(u64, Replies)>,
    /// What follows the last act; `None` for the first act again.
    rest: Option<Replies>,
    act: usize,
    /// How many calls of that act are over.
    played: u64,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A healthy dependency, which answers at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new());
    /// assert!((0..100).all(|_| bank.call().is_ok()));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { acts: Vec::new(), rest: Some(Reply::ok().into()), act: 0, played: 0 }
    }

    /// The next `calls` get `replies`: a [`Reply`], or a [`Draw`] of several.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let script = Script::new().then(2, Reply::ok()).then(1, Reply::err());
    /// let bank = Dependency::new(ManualTimer::new(), script);
    /// assert_eq!([(); 4].map(|()| bank.call().is_ok()), [true, true, false, true]);
    /// ```
    #[must_use]
    pub fn then(mut self, calls: u64, replies: impl Into<Replies>) -> Self {
        self.acts.push((calls, replies.into()));
        self
    }

    /// All calls after the last act get `replies`. By default they succeed at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let script = Script::new().then(1, Reply::ok()).forever(Reply::err());
    /// let bank = Dependency::new(ManualTimer::new(), script);
    /// assert_eq!([(); 4].map(|()| bank.call().is_ok()), [true, false, false, false]);
    /// ```
    #[must_use]
    pub fn forever(mut self, replies: impl Into<Replies>) -> Self {
        self.rest = Some(replies.into());
        self
    }

    /// After the last act the first one follows. Draws go on where they were.
    ///
    /// # Panics
    ///
    /// If there is no act, or none has a call.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let script = Script::new().then(1, Reply::ok()).then(2, Reply::err()).again();
    /// let bank = Dependency::new(ManualTimer::new(), script);
    /// assert_eq!([(); 5].map(|()| bank.call().is_ok()), [true, false, false, true, false]);
    /// ```
    #[must_use]
    pub fn again(mut self) -> Self {
        let calls = self.acts.iter().map(|(calls, _)| *calls).max();
        assert!(calls > Some(0), "again: needs an act of at least 1 call before it");
        self.rest = None;
        self
    }

    pub(super) fn next(&mut self) -> Reply {
        loop {
            match (self.acts.get_mut(self.act), &mut self.rest) {
                (Some((calls, replies)), _) if self.played < *calls => {
                    self.played += 1;
                    return replies.next();
                }
                (Some(_), _) => (self.act, self.played) = (self.act + 1, 0),
                (None, Some(rest)) => return rest.next(),
                (None, None) => self.act = 0,
            }
        }
    }
}

//! Who holds a breaker, and how its registry lets go of it only while nobody does.
//!
//! A [`Root`] is the registry's own share of a value. A [`Door`] is what look-ups see of it: weak,
//! and safe to try at any time. Whoever gets through has a [`Hold`].
//!
//! - **H1** The strong count of an `Arc` decides. Ending a root takes the count from one to
//!   nothing, entering a door takes it up from one or more: both change the same word, so one of
//!   them comes first. A value that is held is not ended, and one that has ended is not held.
//! - **H2** Threads that enter at the same time share that word. A count that moves between the
//!   look before and the look after one's own entry proves it; the root then *grows shares*, each
//!   with a count of its own on a cache line of its own, and a thread enters by the share of its
//!   lane. A share owns the value, so the value's own count says nothing of those that entered by
//!   shares.
//! - **H3** To end a root with shares, the root lets go of the shares, then ends the value by H1. A
//!   share that somebody holds lives on, and so does the value in it, which then is not ended. A
//!   share that nobody holds is gone, and its threads enter by the value's own count.

use core::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

use crossbeam_utils::CachePadded;

use super::sync::between_steps;

/// A share: the padding keeps the value of the `Arc`, and so the `Arc`'s counts before it, on lines
/// of their own.
type Share<T> = CachePadded<Arc<T>>;

/// A strong hold on a value.
pub(super) enum Hold<T> {
    Whole(Arc<T>),
    Share(Arc<Share<T>>),
}

impl<T> Hold<T> {
    pub(super) fn value(&self) -> &Arc<T> {
        match self {
            Self::Whole(value) => value,
            Self::Share(share) => share,
        }
    }
}

impl<T> Deref for Hold<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value()
    }
}

impl<T> Clone for Hold<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Whole(value) => Self::Whole(Arc::clone(value)),
            Self::Share(share) => Self::Share(Arc::clone(share)),
        }
    }
}

/// The way in for look-ups.
pub(super) struct Door<T> {
    whole: Weak<T>,
    shares: OnceLock<Box<[Weak<Share<T>>]>>,
}

/// What came of entering.
pub(super) struct Entered<T> {
    pub(super) hold: Hold<T>,
    /// Another thread entered or left at this very moment, by the same count.
    pub(super) crowded: bool,
}

impl<T> Door<T> {
    /// Where in memory the value is, or was.
    #[cfg(feature = "metrics")]
    pub(super) fn address(&self) -> usize {
        self.whole.as_ptr().addr()
    }

    /// A hold on the value, unless it has ended.
    #[inline]
    pub(super) fn enter(&self, lane: impl FnOnce() -> usize) -> Option<Entered<T>> {
        between_steps();
        let Some(shares) = self.shares.get() else { return self.enter_whole(true) };
        // Their number is a power of two.
        match shares[lane() & (shares.len() - 1)].upgrade() {
            Some(share) => Some(Entered { hold: Hold::Share(share), crowded: false }),
            None => self.enter_whole(false),
        }
    }

    fn enter_whole(&self, may_grow: bool) -> Option<Entered<T>> {
        let before = self.whole.strong_count();
        between_steps();
        let whole = self.whole.upgrade()?;
        let crowded = may_grow && Arc::strong_count(&whole) != before + 1; // H2
        Some(Entered { hold: Hold::Whole(whole), crowded })
    }
}

/// The registry's share of a value. All its methods are called under the registry's lock.
pub(super) struct Root<T> {
    whole: Arc<T>,
    shares: Vec<Arc<Share<T>>>,
}

impl<T> Root<T> {
    pub(super) fn new(value: T) -> (Self, Door<T>) {
        let whole = Arc::new(value);
        let door = Door { whole: Arc::downgrade(&whole), shares: OnceLock::new() };
        (Self { whole, shares: Vec::new() }, door)
    }

    pub(super) fn value(&self) -> &T {
        &self.whole
    }

    /// A hold for whoever made the value.
    pub(super) fn hold(&self) -> Hold<T> {
        Hold::Whole(Arc::clone(&self.whole))
    }

    /// Whether anybody else holds the value. True for a moment: only [`end`](Self::end) is sure.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.whole) > 1 + self.shares.len()
            || self.shares.iter().any(|share| Arc::strong_count(share) > 1)
    }

    /// Grows shares for so many lanes, once.
    pub(super) fn grow(&mut self, door: &Door<T>, lanes: usize) {
        if lanes < 2 || door.shares.get().is_some() {
            return;
        }
        let lanes = lanes.min(MOST_SHARES).next_power_of_two();
        let share = || Arc::new(CachePadded::new(Arc::clone(&self.whole)));
        self.shares = (0..lanes).map(|_| share()).collect();
        let _ = door.shares.set(self.shares.iter().map(Arc::downgrade).collect());
    }

    /// Takes the value back, if nobody holds it. If somebody does, the shares are gone all the
    /// same.
    pub(super) fn end(self) -> Result<T, Self> {
        let Self { whole, shares } = self;
        for share in shares {
            between_steps();
            drop(share); // H3
        }
        between_steps();
        Arc::try_unwrap(whole).map_err(|whole| Self { whole, shares: Vec::new() }) // H1
    }
}

/// As many as the lanes that a breaker grows.
const MOST_SHARES: usize = 64;

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_root_ends_only_while_nobody_holds_the_value() {
        let (root, door) = Root::new("value");
        let Entered { hold, crowded } = door.enter(|| 0).expect("it lives");
        assert!(!crowded, "one alone is no crowd");
        assert!(root.is_held());
        let root = root.end().expect_err("it is held");
        drop(hold);
        assert!(!root.is_held());
        assert_eq!(root.end().ok(), Some("value"));
        assert!(door.enter(|| 0).is_none(), "it has ended");
    }

    #[test]
    fn threads_of_different_lanes_hold_by_counts_of_their_own() {
        let (mut root, door) = Root::new("value");
        root.grow(&door, 3);
        let holds: Vec<_> = (0..4).map(|lane| door.enter(|| lane).unwrap().hold).collect();
        assert_eq!(Arc::strong_count(&root.whole), 1 + 4, "one a share, none a hold");
        assert!(root.is_held());
        drop(holds);
        assert!(!root.is_held());
        assert_eq!(root.end().ok(), Some("value"));
        assert!((0..4).all(|lane| door.enter(|| lane).is_none()));
    }

    #[test]
    fn a_root_that_could_not_end_for_one_share_lives_on_for_all() {
        let (mut root, door) = Root::new("value");
        root.grow(&door, 4);
        let first = door.enter(|| 0).unwrap().hold;
        let root = root.end().expect_err("the first share is held, the others have gone");
        for lane in 0..4 {
            assert_eq!(**door.enter(|| lane).expect("it lives").hold.value(), "value");
        }
        assert!(root.is_held());
        drop(first);
        assert!(!root.is_held());
        assert_eq!(root.end().ok(), Some("value"));
    }

    #[test]
    fn who_took_the_value_itself_holds_it_too() {
        let (mut root, door) = Root::new("value");
        root.grow(&door, 2);
        let value = Arc::clone(door.enter(|| 1).unwrap().hold.value());
        assert!(root.is_held());
        let root = root.end().expect_err("the value is held, though no share is");
        drop(value);
        assert_eq!(root.end().ok(), Some("value"));
    }
}

#[cfg(all(test, shuttle))]
mod model {
    use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;
    use shuttle::sync::Mutex;
    use shuttle::thread;

    /// A root that two threads try to enter while a third ends it, by so many shares.
    fn ending_against_entering(shares: usize) {
        let (mut root, door) = Root::new(());
        root.grow(&door, shares);
        let (door, root) = (Arc::new(door), Arc::new(Mutex::new(Some(root))));
        let entering: Vec<_> = (0..2)
            .map(|lane| {
                let door = Arc::clone(&door);
                thread::spawn(move || door.enter(|| lane).map(|entered| entered.hold))
            })
            .collect();
        let ending = {
            let root = Arc::clone(&root);
            thread::spawn(move || {
                let mut place = root.lock().unwrap();
                match place.take().unwrap().end() {
                    Ok(()) => true,
                    Err(left) => {
                        *place = Some(left);
                        false
                    }
                }
            })
        };
        let holds: Vec<_> = entering.into_iter().filter_map(|each| each.join().unwrap()).collect();
        let ended = ending.join().unwrap();
        assert!(!ended || holds.is_empty(), "what is held has not ended");
        if !ended {
            assert!(
                (0..2).all(|lane| door.enter(|| lane).is_some()),
                "what has not ended lives on"
            );
            drop(holds);
            let root = root.lock().unwrap().take().unwrap();
            assert!(root.end().is_ok(), "what nobody holds can end");
        }
    }

    #[test]
    fn h1_a_value_that_is_held_is_not_ended() {
        shuttle::check_dfs(|| ending_against_entering(1), None);
    }

    #[test]
    fn h2_two_that_enter_at_once_are_seen_to_crowd() {
        static CROWDED: AtomicBool = AtomicBool::new(false);
        shuttle::check_dfs(
            || {
                let (root, door) = Root::new(());
                let door = Arc::new(door);
                let enter = || {
                    let door = Arc::clone(&door);
                    thread::spawn(move || door.enter(|| 0).unwrap())
                };
                let entered = [enter(), enter()].map(|each| each.join().unwrap());
                CROWDED.fetch_or(entered.iter().any(|each| each.crowded), Relaxed);
                drop(root);
            },
            None,
        );
        assert!(CROWDED.load(Relaxed), "in some order of their steps");
    }

    #[test]
    fn h3_a_share_that_is_held_keeps_the_value_from_ending() {
        shuttle::check_dfs(|| ending_against_entering(2), None);
    }
}

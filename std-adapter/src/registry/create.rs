//! The first look-up of a key: one thread makes the breaker, the others wait for it.

use core::borrow::Borrow;
use core::hash::Hash;
use std::sync::{Arc, PoisonError};

use cutout_core::{Clock, Observer};

use super::default_mode::Standing;
use super::entry::{Entry, Filed, Sought};
use super::eviction::{Insertion, Moment, Slot};
use super::remove::Left;
use super::settings::Settings;
use super::sharded_arc::{Hold, Root};
use super::sync::{ThreadId, current};
use super::{Breaker, CycleError, Handle, Office, Registry, RegistryEvent, waits};
use crate::support::panics::{Panics, in_drop};

/// # Looking up, and making what is not there
impl<K: Hash + Eq, C: Clock + Clone, O: Observer> Registry<K, C, O> {
    /// The breaker of `key`, made if there is none.
    ///
    /// # Panics
    ///
    /// If a function that the registry was built with panics; the next look-up then tries again.
    /// And if such a function looks up the key that it is asked for, or one that waits for that
    /// key: see [`try_get`](Self::try_get).
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Registry};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// let page = hosts.get("10.0.0.7").call(|| Ok::<_, std::io::Error>("page"))?;
    /// assert_eq!(page, "page");
    /// # Ok::<_, cutout::Error<std::io::Error>>(())
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Handle<C, O>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.find(key) {
            Some(handle) => handle,
            None => self.make(key).unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// As [`get`](Self::get), for functions of [`with_config`](super::RegistryBuilder::with_config)
    /// and [`with_observer`](super::RegistryBuilder::with_observer) that look up other keys.
    ///
    /// # Errors
    ///
    /// If the look-up would wait for itself: while the breaker of a key is made, the same thread
    /// looks up that key, or a key whose breaker another thread makes that waits, itself or through
    /// others, for this one. Such circles are found through any number of threads and registries. A
    /// thread that waits in another way, such as for a lock or for the end of a thread that it has
    /// started, is not seen to wait.
    ///
    /// # Panics
    ///
    /// If a function that the registry was built with panics.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use std::sync::OnceLock;
    /// use cutout::{CheckedConfig, Config, Registry};
    ///
    /// static HOSTS: OnceLock<Registry<String>> = OnceLock::new();
    ///
    /// let hosts = Registry::builder(Config::new()).with_config(|host: &String| {
    ///     // Each host has the settings of the other; where that leads nowhere, the shared ones.
    ///     let other = if host == "a" { "b" } else { "a" };
    ///     let other = HOSTS.get()?.try_get(other).ok()?;
    ///     CheckedConfig::new(other.config()).ok()
    /// });
    /// let hosts = HOSTS.get_or_init(|| hosts.build().unwrap());
    /// assert!(hosts.try_get("a").is_ok());
    /// assert_eq!(hosts.len(), 2);
    /// ```
    pub fn try_get<Q>(&self, key: &Q) -> Result<Handle<C, O>, CycleError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.find(key) {
            Some(handle) => Ok(handle),
            None => self.make(key),
        }
    }

    #[cold]
    fn make<Q>(&self, key: &Q) -> Result<Handle<C, O>, CycleError>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let (turn, mut orders) = match self.turn_to_make(key.to_owned())? {
            Found::Turn(turn, orders) => (turn, orders),
            Found::Made(handle) => return Ok(handle),
        };
        let (entry, filing) = loop {
            if let Some(made) = self.make_by(key.to_owned(), &mut orders) {
                break made;
            }
        };
        let Filing { hold, is_stored, left } = filing;
        // Keys and observers that are dropped here are the user's: all is told whatever they do.
        let mut panics = Panics::default();
        panics.catch(|| drop(turn));
        left.tell(self);
        self.tell(match is_stored {
            true => RegistryEvent::Created(&entry.key),
            false => RegistryEvent::Unstored(&entry.key),
        });
        left.drop_each(&mut panics);
        panics.catch(|| drop(entry));
        panics.go_on_or(Ok(Handle::new(hold)))
    }

    /// Makes the breaker of `key` and files it; unless later orders came that it cannot come to
    /// follow: then it is to be made by those instead.
    fn make_by(&self, key: K, orders: &mut Orders<K>) -> Option<Made<K, C, O>> {
        let (config, own) = orders.settings.of(&key);
        // Both have been checked, so this does not panic.
        let breaker = Breaker::with_observer(config, self.clock().clone(), (self.observers)(&key));
        let (root, door) = Root::new(breaker);
        let entry = Arc::new(Entry::new(key, door, self.clock.now_coarse(), own));
        loop {
            orders.standing.give_to(root.value()); // G3
            let now = self.now();
            let mut office = self.office();
            let later = office.orders();
            if later.settings.number() == orders.settings.number()
                && later.standing == orders.standing
            {
                let filing = self.file(&mut office, &entry, root, now);
                return Some((entry, filing));
            }
            drop(office);
            let before = core::mem::replace(orders, later);
            if before.settings.number() != orders.settings.number() {
                let (config, own) = orders.settings.of(&entry.key);
                root.value().reconfigure(config).ok()?; // unless it is with another window
                entry.set_own_settings(own);
            }
        }
    }

    /// Waits until nobody else is making the breaker of `key`: then it is there, or this thread's
    /// to make (G2).
    fn turn_to_make(&self, key: K) -> Result<Found<'_, K, C, O>, CycleError> {
        let (maker, turn) = (current().id(), waits::next_turn());
        let mut office = self.office();
        loop {
            let entry = {
                let guard = self.map.guard();
                let found = self.map.get_key_value(&Sought(&key), &guard);
                found.map(|(filed, ())| Arc::clone(&filed.0))
            };
            if let Some(entry) = entry {
                drop(office);
                if let Some(entered) = self.enter(&entry) {
                    return Ok(Found::Made(Handle::new(entered.hold)));
                }
                drop(entry); // it has left since
                office = self.office();
            } else if let Some(made) = office.making.iter().find(|made| made.key == key) {
                waits::begin(made.turn, made.maker)?;
                office = self.made.wait(office).unwrap_or_else(PoisonError::into_inner);
            } else {
                office.making.push(Making { key, turn, maker });
                let orders = office.orders();
                return Ok(Found::Turn(Turn { registry: self, turn }, orders));
            }
        }
    }

    /// Puts a new breaker where look-ups find it, if there is room (G1, G4).
    fn file(
        &self,
        office: &mut Office<K, Breaker<C, O>>,
        entry: &Arc<Entry<K, Breaker<C, O>>>,
        root: Root<Breaker<C, O>>,
        now: Moment,
    ) -> Filing<K, C, O> {
        let hold = root.hold();
        let mut left = Left::default();
        if let Some(idle) = self.idle {
            office.ring.sweep(now, idle.time, &mut left.expired);
        }
        let slot = Slot { entry: Arc::clone(entry), root };
        let is_stored = match office.ring.insert(slot, self.capacity, now.exact) {
            Insertion::Room => true,
            Insertion::Evicted(ended) => {
                left.evicted = Some(ended);
                true
            }
            Insertion::NoRoom => false,
        };
        self.forget(office, &mut left);
        if is_stored {
            self.map.insert(Filed(Arc::clone(entry)), (), &self.map.guard());
            office.counters.created += 1;
        } else {
            office.counters.unstored += 1;
        }
        Filing { hold, is_stored, left }
    }
}

/// What a breaker that is being made has to follow.
pub(super) struct Orders<K> {
    pub(super) standing: Standing,
    pub(super) settings: Settings<K>,
}

/// A key whose breaker is being made.
pub(super) struct Making<K> {
    key: K,
    turn: u64,
    maker: ThreadId,
}

/// What became of the wish to make a breaker.
enum Found<'a, K: Hash + Eq, C: Clock, O: Observer> {
    Turn(Turn<'a, K, C, O>, Orders<K>),
    Made(Handle<C, O>),
}

type Made<K, C, O> = (Arc<Entry<K, Breaker<C, O>>>, Filing<K, C, O>);

/// What came of filing a breaker.
struct Filing<K, C: Clock, O: Observer> {
    hold: Hold<Breaker<C, O>>,
    is_stored: bool,
    left: Left<K, C, O>,
}

/// The turn to make the breaker of a key. It ends with its drop, also by a panic.
struct Turn<'a, K: Hash + Eq, C: Clock, O: Observer> {
    registry: &'a Registry<K, C, O>,
    turn: u64,
}

impl<K: Hash + Eq, C: Clock, O: Observer> Drop for Turn<'_, K, C, O> {
    fn drop(&mut self) {
        let mut office = self.registry.office();
        let at = office.making.iter().position(|made| made.turn == self.turn);
        let over = at.map(|at| office.making.swap_remove(at));
        waits::end(self.turn);
        drop(office);
        self.registry.made.notify_all();
        in_drop(|| drop(over)); // a key's drop is the user's code
    }
}

//! The first look-up of a key: one thread makes the breaker, the others wait for it.

use core::borrow::Borrow;
use core::hash::Hash;
use std::sync::{Arc, PoisonError};

use cutout_core::{Clock, Observer};

use super::entry::{Entry, Filed};
use super::hold::{Hold, Root};
use super::leave::Left;
use super::ring::{Insertion, Slot};
use super::standing::Standing;
use super::{Breaker, Handle, Office, Registry, RegistryEvent};

/// # Looking up, and making what is not there
impl<K: Hash + Eq, C: Clock + Clone, O: Observer> Registry<K, C, O> {
    /// The breaker of `key`, made if there is none.
    ///
    /// # Panics
    ///
    /// If a factory that the registry was built with panics; the next look-up then tries again.
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
            None => self.make(key),
        }
    }

    #[cold]
    fn make<Q>(&self, key: &Q) -> Handle<C, O>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut standing = match self.turn_to_make(key) {
            Ok(standing) => standing,
            Err(made) => return made,
        };
        let turn = Turn { registry: self, key };
        let owned = key.to_owned();
        let breaker = self.breaker_for(&owned);
        let (root, door) = Root::new(breaker);
        let entry = Arc::new(Entry::new(owned, door, self.clock.now_coarse()));
        let filing = loop {
            standing.give_to(root.value()); // R3
            let mut office = self.office();
            if office.standing == standing {
                break self.file(&mut office, &entry, root);
            }
            standing = office.standing;
        };
        drop(turn);
        filing.left.announce(self);
        self.tell(match filing.is_stored {
            true => RegistryEvent::Created(&entry.key),
            false => RegistryEvent::Unstored(&entry.key),
        });
        Handle::new(filing.hold)
    }

    /// Waits until nobody else is making the breaker of `key`: then it is there, or this thread's to
    /// make (R2).
    fn turn_to_make<Q>(&self, key: &Q) -> Result<Standing, Handle<C, O>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut office = self.office();
        loop {
            if let Some(handle) = self.peek(key) {
                return Err(handle);
            }
            if !office.making.iter().any(|made| made.borrow() == key) {
                office.making.push(key.to_owned());
                return Ok(office.standing);
            }
            office = self.made.wait(office).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts a new breaker where look-ups find it, if there is room (R1, R4).
    fn file(
        &self,
        office: &mut Office<K, Breaker<C, O>>,
        entry: &Arc<Entry<K, Breaker<C, O>>>,
        root: Root<Breaker<C, O>>,
    ) -> Filing<K, C, O> {
        let hold = root.hold();
        let mut left = Left::default();
        if let Some(idle) = self.idle {
            office.ring.sweep(self.clock.now_coarse(), idle.time, &mut left.expired);
        }
        let slot = Slot { entry: Arc::clone(entry), root };
        let is_stored = match office.ring.insert(slot, self.capacity) {
            Insertion::Room => true,
            Insertion::Evicted(ended) => {
                left.evicted = Some(ended);
                true
            }
            Insertion::NoRoom => false,
        };
        self.forget(office, &left);
        if is_stored {
            self.map.insert(Filed(Arc::clone(entry)), (), &self.map.guard());
            office.counters.created += 1;
        } else {
            office.counters.unstored += 1;
        }
        Filing { hold, is_stored, left }
    }

    fn breaker_for(&self, key: &K) -> Breaker<C, O> {
        let config = self.configs.as_ref().map_or(self.config, |choose| choose(key).get());
        // Both have been checked, so this does not panic.
        Breaker::with_observer(config, self.clock().clone(), (self.observers)(key))
    }
}

/// What came of filing a breaker.
struct Filing<K, C: Clock, O: Observer> {
    hold: Hold<Breaker<C, O>>,
    is_stored: bool,
    left: Left<K, C, O>,
}

/// The turn to make the breaker of a key. It ends with its drop, also by a panic.
struct Turn<'a, K, C, O, Q>
where
    K: Hash + Eq + Borrow<Q>,
    C: Clock,
    O: Observer,
    Q: Eq + ?Sized,
{
    registry: &'a Registry<K, C, O>,
    key: &'a Q,
}

impl<K, C, O, Q> Drop for Turn<'_, K, C, O, Q>
where
    K: Hash + Eq + Borrow<Q>,
    C: Clock,
    O: Observer,
    Q: Eq + ?Sized,
{
    fn drop(&mut self) {
        let mut office = self.registry.office();
        let at = office.making.iter().position(|key| key.borrow() == self.key);
        let over = at.map(|at| office.making.swap_remove(at));
        drop(office);
        drop(over); // a key's drop is the user's code
        self.registry.made.notify_all();
    }
}

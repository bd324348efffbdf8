//! Orders to all breakers: those that are there, and those to come.

use core::hash::Hash;

use cutout_core::{Clock, Mode, Observer};

use super::Registry;
use crate::support::panics::Panics;

/// # Forcing all
///
/// Each of these holds for all breakers of the registry and for those that it makes from then on,
/// until another is given. Of two that are given at the same time, one comes last and holds for
/// all. They replace what a single breaker was told; breakers that the registry does not hold are
/// not reached.
///
/// A forced breaker is not evicted. So a full registry makes no room while all are forced: new keys
/// get breakers that it does not hold, forced like the others.
///
/// If the clock panics for a breaker, all others are told all the same; the panic then goes on.
///
/// # Examples
///
/// ```
/// use cutout::{Config, Mode, Registry, State};
///
/// let hosts: Registry<String> = Registry::new(Config::new());
/// hosts.get("10.0.0.7");
/// hosts.set_mode_all(Mode::ForcedOpen);
/// assert_eq!(hosts.get("10.0.0.7").state(), State::Open);
/// assert_eq!(hosts.get("10.0.0.8").state(), State::Open, "and so are those that are made later");
/// hosts.set_mode_all(Mode::Auto);
/// assert_eq!(hosts.get("10.0.0.8").state(), State::Closed);
/// ```
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// Sets the mode of all breakers: [`CircuitBreaker::set_mode`] for each.
    ///
    /// A breaker that is in that mode already does not change and announces nothing.
    ///
    /// [`CircuitBreaker::set_mode`]: cutout_core::CircuitBreaker::set_mode
    pub fn set_mode_all(&self, mode: Mode) {
        let mut standing = {
            let mut office = self.office();
            office.standing = office.standing.then(mode);
            office.standing
        };
        let mut panics = Panics::default();
        // Who was overtaken by a later order gives that one too, for it may just have undone it.
        loop {
            self.for_each_entry(&mut panics, |_, breaker| standing.give_to(breaker));
            let latest = self.office().standing;
            if latest == standing {
                return panics.go_on();
            }
            standing = latest;
        }
    }

    /// Has all refuse every call: [`set_mode_all`](Self::set_mode_all) with [`Mode::ForcedOpen`].
    pub fn force_open_all(&self) {
        self.set_mode_all(Mode::ForcedOpen);
    }

    /// Has all admit and count every call, and trip on none: [`set_mode_all`](Self::set_mode_all)
    /// with [`Mode::ForcedClosed`].
    pub fn force_closed_all(&self) {
        self.set_mode_all(Mode::ForcedClosed);
    }

    /// Has all admit every call, and count every result as ignored:
    /// [`set_mode_all`](Self::set_mode_all) with [`Mode::Disabled`].
    pub fn disable_all(&self) {
        self.set_mode_all(Mode::Disabled);
    }

    /// Has all decide as always, but refuse no call: [`set_mode_all`](Self::set_mode_all) with
    /// [`Mode::Shadow`].
    pub fn shadow_all(&self) {
        self.set_mode_all(Mode::Shadow);
    }

    /// Lets all decide for themselves again: [`set_mode_all`](Self::set_mode_all) with
    /// [`Mode::Auto`].
    pub fn release_all(&self) {
        self.set_mode_all(Mode::Auto);
    }
}

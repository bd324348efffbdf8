//! The settings of all breakers, those to come included, and how they change.

use core::fmt;
use core::hash::Hash;
use core::mem;
use std::sync::Arc;

use cutout_core::{Clock, Config, ConfigError, Observer};

use super::builder::Configs;
use super::sync::yield_now;
use super::{CheckedConfig, Registry};
use crate::breaker::CircuitBreaker;
use crate::support::panics::Panics;

/// How often a breaker is asked again whose settings another thread is changing at the moment.
const TRIES: u32 = 1_000;

/// What settings each breaker has. Later ones have a higher number, also if they say the same.
pub(super) struct Settings<K> {
    shared: Config,
    choose: Option<Configs<K>>,
    number: u64,
}

impl<K> Settings<K> {
    pub(super) const fn new(shared: Config, choose: Option<Configs<K>>) -> Self {
        Self { shared, choose, number: 0 }
    }

    pub(super) const fn shared(&self) -> Config {
        self.shared
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The settings of the breaker of `key`, and whether they are its own. Runs the user's code.
    pub(super) fn of(&self, key: &K) -> (Config, bool) {
        match self.choose.as_ref().and_then(|choose| choose(key)) {
            Some(own) => (own.get(), true),
            None => (self.shared, false),
        }
    }
}

impl<K> Clone for Settings<K> {
    fn clone(&self) -> Self {
        Self { shared: self.shared, choose: self.choose.clone(), number: self.number }
    }
}

/// What came of a change of the settings of all breakers.
///
/// # Examples
///
/// ```
/// use cutout::{CheckedConfig, Config, ConfigError, Registry, Window};
///
/// let hosts: Registry<String> = Registry::new(Config::new());
/// hosts.get("10.0.0.7");
/// let last_100 = CheckedConfig::new(Config::new().window(Window::count(100)))?;
/// let done = hosts.reconfigure_each(move |_| last_100);
/// assert_eq!(done.refused, [("10.0.0.7".into(), ConfigError::FixedWindow)]);
/// # Ok::<_, ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it says which breakers have refused the settings"]
#[non_exhaustive]
pub struct Reconfigured<K> {
    /// How many breakers have the new settings.
    pub changed: usize,
    /// How many were left alone, for they have settings of their own.
    pub own: usize,
    /// The keys whose breakers have kept all their settings, and why.
    pub refused: Vec<(K, ConfigError)>,
}

impl<K> Reconfigured<K> {
    /// Whether no breaker has refused. One that was left alone, because its settings are its
    /// [own](Self::own), has not.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
    }
}

impl<K> fmt::Display for Reconfigured<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changed, own, refused } = self;
        write!(f, "{changed} changed, {own} with settings of their own, {} refused", refused.len())
    }
}

/// # Changing the settings of all
///
/// Each of these holds for the breakers that the registry holds and for those that it makes from
/// then on, until another is called. SelectBreaker that it does not hold (removed, evicted, or
/// [never stored](super::RegistryCounters::unstored)) keep theirs.
///
/// - The breakers change one after the other, each as by
///   [`CircuitBreaker::reconfigure`](cutout_core::CircuitBreaker::reconfigure): the conditions of
///   one change as one, and its state, window and permits stay.
/// - A breaker that refuses keeps all its settings, and is named in what is
///   [returned](Reconfigured::refused). It refuses a window or a [`trip_when`](Config::trip_when)
///   that is not its own, until it is [removed](Registry::remove) or evicted and made anew. One
///   whose settings another thread is changing at the moment is asked again, a thousand times,
///   before it counts as refusing ([`ConfigError::BeingChanged`]).
/// - A breaker that is being made at the moment has the new settings before it is handed out.
/// - Of two changes at the same time, one comes last and holds for all; both return after that.
impl<K: Hash + Eq, C: Clock, O: Observer> Registry<K, C, O> {
    /// Puts `config` in place of the settings that all share.
    ///
    /// Keys with settings of their own, by [`with_config`](super::RegistryBuilder::with_config) or
    /// [`reconfigure_each`](Self::reconfigure_each), keep those. If that function gives settings to
    /// every key, this changes no breaker: call [`reconfigure_each`](Self::reconfigure_each)
    /// instead.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range; [`ConfigError::FixedWindow`] or
    /// [`ConfigError::FixedTripWhen`] if it is not that of the shared settings before, for no
    /// breaker could follow. Then nothing is changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{Config, Registry};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// hosts.get("10.0.0.7");
    /// let done = hosts.reconfigure_all(Config::new().break_duration(Duration::from_secs(5)))?;
    /// assert!(done.is_complete());
    /// for host in ["10.0.0.7", "10.0.0.8"] {
    ///     assert_eq!(hosts.get(host).config().get_break_duration(), Duration::from_secs(5));
    /// }
    /// # Ok::<_, cutout::ConfigError>(())
    /// ```
    pub fn reconfigure_all(&self, config: Config) -> Result<Reconfigured<K>, ConfigError>
    where
        K: Clone,
    {
        // A breaker of the settings so far is asked: what it can take, all can.
        CircuitBreaker::try_new(self.config())?.reconfigure(config)?;
        let changed = {
            let mut office = self.office();
            office.settings.shared = config;
            office.settings.number += 1;
            office.settings.clone()
        };
        Ok(self.put_in_force(Panics::default(), changed, false))
    }

    /// Puts `choose` in place of the function that chooses the settings of each key, and asks it
    /// for each breaker that is there, once or, if others change settings at the same time, several
    /// times. Where it says `None`, the breaker has those that all share.
    ///
    /// `choose` holds nothing while it runs; see
    /// [`with_config`](super::RegistryBuilder::with_config).
    ///
    /// # Panics
    ///
    /// If `choose` panics. The breaker that it was asked for keeps its settings; all others have
    /// theirs by then.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{CheckedConfig, Config, Registry};
    ///
    /// let hosts: Registry<String> = Registry::new(Config::new());
    /// hosts.get("batch.1");
    /// let slow = CheckedConfig::new(Config::new().break_duration(Duration::from_secs(120)))?;
    /// let done = hosts.reconfigure_each(move |host| host.starts_with("batch.").then_some(slow));
    /// assert!(done.is_complete());
    /// let break_of = |host| hosts.get(host).config().get_break_duration().as_secs();
    /// assert_eq!(["batch.1", "batch.2", "10.0.0.7"].map(break_of), [120, 120, 30]);
    /// # Ok::<_, cutout::ConfigError>(())
    /// ```
    pub fn reconfigure_each<R: Into<Option<CheckedConfig>>>(
        &self,
        choose: impl Fn(&K) -> R + Send + Sync + 'static,
    ) -> Reconfigured<K>
    where
        K: Clone,
    {
        let choose: Configs<K> = Arc::new(move |key| choose(key).into());
        let (changed, before) = {
            let mut office = self.office();
            let before = office.settings.choose.replace(choose);
            office.settings.number += 1;
            (office.settings.clone(), before)
        };
        let mut panics = Panics::default();
        panics.catch(|| drop(before)); // what it holds is the user's code
        self.put_in_force(panics, changed, true)
    }

    /// The settings that all breakers share that have none of their own.
    #[must_use]
    pub fn config(&self) -> Config {
        self.office().settings.shared
    }

    /// Gives all breakers their settings, or those alone that share them. What was made meanwhile
    /// has them already.
    fn put_in_force(
        &self,
        mut panics: Panics,
        mut settings: Settings<K>,
        mut each: bool,
    ) -> Reconfigured<K>
    where
        K: Clone,
    {
        loop {
            let mut done = Reconfigured { changed: 0, own: 0, refused: Vec::new() };
            self.for_each_entry(&mut panics, |entry, breaker| {
                let (config, own) = match each {
                    true => settings.of(&entry.key),
                    false => (settings.shared, entry.has_own_settings()),
                };
                if own && !each {
                    done.own += 1;
                    return;
                }
                match give(breaker, config) {
                    Ok(()) => {
                        entry.set_own_settings(own);
                        done.changed += 1;
                    }
                    Err(error) => done.refused.push((entry.key.clone(), error)),
                }
            });
            let latest = self.office().settings.clone();
            let is_latest = latest.number == settings.number;
            // Who was overtaken by a later change makes that one too, for it may just have undone
            // it.
            let before = mem::replace(&mut settings, latest);
            panics.catch(|| drop(before)); // as in `reconfigure_each`
            if is_latest {
                return panics.go_on_or(done);
            }
            each = true;
        }
    }
}

fn give<C: Clock, O: Observer>(
    breaker: &CircuitBreaker<C, O>,
    config: Config,
) -> Result<(), ConfigError> {
    for _ in 0..TRIES {
        match breaker.reconfigure(config) {
            Err(ConfigError::BeingChanged) => yield_now(),
            done => return done,
        }
    }
    Err(ConfigError::BeingChanged)
}

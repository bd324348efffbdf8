//! The settings of a registry, and what is wrong with them.

use core::fmt;
use core::hash::Hash;
use core::time::Duration;

use std::sync::Arc;

use cutout_core::{Clock, Config, ConfigError, Observer};

use super::{Registry, RegistryEvent};
use crate::breaker::{CircuitBreaker, StdClock};

/// The number of breakers that a registry holds unless told otherwise.
pub(super) const CAPACITY: usize = 10_000;

const MOST_ENTRIES: usize = 1 << 24;
const SHORTEST_IDLE_TIME: Duration = Duration::from_millis(1);

/// Settings of breakers that have been found to be in their ranges.
///
/// What chooses settings for each key returns these, so that no look-up can fail for a wrong
/// setting.
///
/// # Examples
///
/// ```
/// use cutout::{CheckedConfig, Config};
///
/// let error = CheckedConfig::new(Config::new().trials(17)).unwrap_err();
/// assert_eq!(error.to_string(), "trials: must be 1 to 16");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CheckedConfig(Config);

impl CheckedConfig {
    /// Checks `config`, for a breaker with room for 10 buckets.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        CircuitBreaker::try_new(config).map(|_| Self(config))
    }

    /// The settings.
    #[must_use]
    pub const fn get(self) -> Config {
        self.0
    }
}

impl TryFrom<Config> for CheckedConfig {
    type Error = ConfigError;

    fn try_from(config: Config) -> Result<Self, ConfigError> {
        Self::new(config)
    }
}

/// A setting of a registry that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegistryError {
    /// The settings that the breakers share.
    Config(ConfigError),
    /// [`RegistryBuilder::capacity`].
    Capacity,
    /// [`RegistryBuilder::idle_time`].
    IdleTime,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Capacity => write!(f, "capacity: must be 1 to {MOST_ENTRIES}"),
            Self::IdleTime => write!(f, "idle_time: must be {SHORTEST_IDLE_TIME:?} or more"),
        }
    }
}

impl core::error::Error for RegistryError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Config(error) => Some(error),
            _ => None,
        }
    }
}

/// A look-up that would have waited for itself.
///
/// The function that a registry was given for the settings or the observer of a key has looked up
/// the very key that it was asked for; or a key whose breaker another thread is making that waits,
/// itself or through others, for this thread. See [`Registry::try_get`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CycleError;

impl fmt::Display for CycleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "with_config or with_observer: must not look up the key that it is asked for, nor one that \
             waits for that key",
        )
    }
}

impl core::error::Error for CycleError {}

pub(super) type Configs<K> = Arc<dyn Fn(&K) -> Option<CheckedConfig> + Send + Sync>;
pub(super) type Observers<K, O> = Box<dyn Fn(&K) -> O + Send + Sync>;
pub(super) type Listener<K> = Box<dyn Fn(RegistryEvent<'_, K>) + Send + Sync>;

/// The settings of a [`Registry`]; made by [`Registry::builder`].
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::{CheckedConfig, Config, Registry};
///
/// let slow = CheckedConfig::new(Config::new().break_duration(Duration::from_secs(120)))?;
/// let usual = CheckedConfig::new(Config::new())?;
/// let hosts = Registry::builder(usual.get())
///     .capacity(1_000)
///     .idle_time(Duration::from_secs(600))
///     .with_config(move |host: &String| if host.starts_with("batch.") { slow } else { usual })
///     .build()?;
/// # hosts.get("batch.local");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "it does nothing until built"]
pub struct RegistryBuilder<K, C = StdClock, O = ()> {
    pub(super) config: Config,
    pub(super) capacity: usize,
    pub(super) idle_time: Option<Duration>,
    pub(super) clock: C,
    pub(super) configs: Option<Configs<K>>,
    pub(super) observers: Observers<K, O>,
    pub(super) listener: Option<Listener<K>>,
}

impl<K> RegistryBuilder<K> {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            capacity: CAPACITY,
            idle_time: None,
            clock: StdClock,
            configs: None,
            observers: Box::new(|_| ()),
            listener: None,
        }
    }
}

impl<K, C, O> RegistryBuilder<K, C, O> {
    /// The most breakers that the registry holds, 1 to 16,777,216. The default is 10,000, some 7
    /// MB.
    pub fn capacity(mut self, most: usize) -> Self {
        self.capacity = most;
        self
    }

    /// How long a key may go without a look-up before its breaker, if held by nobody, is evicted. 1
    /// ms or more; the default is for ever.
    ///
    /// A breaker stays, however long, while it is forced or its break lasts; and while a trial is
    /// out whose [`trial_timeout`](Config::trial_timeout) may not be over. One that is open with
    /// its break over, half-open or in its slow start goes like a closed one.
    ///
    /// It is measured to within 1/256 of itself, for which each look-up reads the clock
    /// ([`Clock::now_coarse`]). No timer runs: see [`Registry::evict_idle`].
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.idle_time = Some(time);
        self
    }

    /// The clock of the breakers and of the idle time. Each breaker has a clone of it; all clones
    /// are to show the same time.
    pub fn clock<D: Clock + Clone>(self, clock: D) -> RegistryBuilder<K, D, O> {
        let Self { config, capacity, idle_time, clock: _, configs, observers, listener } = self;
        RegistryBuilder { config, capacity, idle_time, clock, configs, observers, listener }
    }

    /// Settings for each key, in place of those that all share: a [`CheckedConfig`], or an `Option`
    /// of one, where `None` stands for the shared settings.
    ///
    /// `choose` runs when the breaker of a key is made, and holds nothing. It may look up other
    /// keys. A look-up that would wait for itself (of the key that it is asked for, or of one whose
    /// breaker is being made and waits for this one) is an error of [`Registry::try_get`] and a
    /// panic of [`Registry::get`].
    ///
    /// # Examples
    ///
    /// ```
    /// use core::time::Duration;
    /// use cutout::{CheckedConfig, Config, Registry};
    ///
    /// let slow = CheckedConfig::new(Config::new().break_duration(Duration::from_secs(120)))?;
    /// let hosts = Registry::builder(Config::new())
    ///     .with_config(move |host: &String| host.starts_with("batch.").then_some(slow))
    ///     .build()?;
    /// let break_of = |host| hosts.get(host).config().get_break_duration().as_secs();
    /// assert_eq!([break_of("batch.local"), break_of("10.0.0.7")], [120, 30]);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_config<R: Into<Option<CheckedConfig>>>(
        mut self,
        choose: impl Fn(&K) -> R + Send + Sync + 'static,
    ) -> Self {
        self.configs = Some(Arc::new(move |key| choose(key).into()));
        self
    }

    /// An observer for the breaker of each key. `make` runs as the one of
    /// [`with_config`](Self::with_config) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::{Config, Observer, Registry, Transition};
    ///
    /// struct Log(String);
    ///
    /// impl Observer for Log {
    ///     fn on_transition(&self, change: &Transition) {
    ///         eprintln!("{}: {:?} -> {:?}", self.0, change.from, change.to);
    ///     }
    /// }
    ///
    /// let hosts = Registry::builder(Config::new())
    ///     .with_observer(|host: &String| Log(host.clone()))
    ///     .build()?;
    /// hosts.get("10.0.0.7").force_open();
    /// # Ok::<_, cutout::RegistryError>(())
    /// ```
    pub fn with_observer<P: Observer>(
        self,
        make: impl Fn(&K) -> P + Send + Sync + 'static,
    ) -> RegistryBuilder<K, C, P> {
        let Self { config, capacity, idle_time, clock, configs, observers: _, listener } = self;
        let observers: Observers<K, P> = Box::new(make);
        RegistryBuilder { config, capacity, idle_time, clock, configs, observers, listener }
    }

    /// Hears of what becomes of the entries, after it was done. It holds nothing and may use the
    /// registry; a panic in it ends there.
    pub fn on_event(
        mut self,
        listen: impl Fn(RegistryEvent<'_, K>) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Box::new(listen));
        self
    }
}

impl<K: Hash + Eq, C: Clock + Clone, O: Observer> RegistryBuilder<K, C, O> {
    /// An empty registry.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn build(self) -> Result<Registry<K, C, O>, RegistryError> {
        CheckedConfig::new(self.config).map_err(RegistryError::Config)?;
        if !(1..=MOST_ENTRIES).contains(&self.capacity) {
            return Err(RegistryError::Capacity);
        }
        if self.idle_time.is_some_and(|time| time < SHORTEST_IDLE_TIME) {
            return Err(RegistryError::IdleTime);
        }
        Ok(Registry::from_builder(self))
    }
}

impl<K, C, O> fmt::Debug for RegistryBuilder<K, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryBuilder")
            .field("config", &self.config)
            .field("capacity", &self.capacity)
            .field("idle_time", &self.idle_time)
            .finish_non_exhaustive()
    }
}

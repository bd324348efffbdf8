//! What a circuit can be: its states, and who decides.

/// What a circuit does with calls.
///
/// ```text
///            the trip condition holds
///   Closed ----------------------------> Open <---+
///     ^                                   |       |
///     |                  the break is over|       | a trial fails,
///     |                                   v       | or its timeout ends
///     +-------------------------------- HalfOpen -+
///            enough trials succeed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Calls flow and their results are counted. For a while after HalfOpen only a share of them
    /// flows, if [`Config::slow_start`](crate::Config::slow_start) is set.
    ///
    /// Ends when the trip condition holds: then [`Open`](Self::Open).
    Closed,
    /// Calls are refused without running.
    ///
    /// Ends with the first call at or after the end of the break: that call is a trial, and the
    /// state is [`HalfOpen`](Self::HalfOpen). No timer runs; without calls it stays Open.
    Open,
    /// A few calls, the trials, run and decide; the others are refused.
    ///
    /// Ends in [`Closed`](Self::Closed) when the trials went well, else in [`Open`](Self::Open). A
    /// trial that does not come back is given up when its timeout ends, so no trial can hold this
    /// state. No timer runs; without calls it stays HalfOpen.
    HalfOpen,
}

/// Who decides: the circuit itself, or an operator.
///
/// The mode is a second axis. It leaves the state underneath as it is, and
/// [`release`](crate::CircuitBreaker::release) goes back to it. A mode is set by
/// [`CircuitBreaker::set_mode`](crate::CircuitBreaker::set_mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// The state decides.
    Auto,
    /// Every call is refused.
    ForcedOpen,
    /// Every call flows and is counted. Nothing trips, but the observer hears when it would have.
    ForcedClosed,
    /// Every call flows; results decide nothing and are counted as ignored.
    Disabled,
    /// States change and are announced as under `Auto`, but nobody is refused: what would have
    /// been refused is counted as such, and flows.
    Shadow,
}

pub(crate) const MODES: [Mode; 5] =
    [Mode::Auto, Mode::ForcedOpen, Mode::ForcedClosed, Mode::Disabled, Mode::Shadow];

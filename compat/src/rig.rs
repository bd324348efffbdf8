//! The engine on a hand-moved clock, and the ways to bring it to a state that a trace is in.

use core::cell::{Cell, RefCell};
use core::time::Duration;

use cutout_core::{
    Cause, CircuitBreaker, Clock, Config, ConfigError, Instant, ManualClock, Mode, Observer,
    Outcome, StaleResult, State, Tally, Ticket, Transition,
};

/// Room for windows of 128 buckets, or of 2,560 results.
const ROOM: usize = 128;

const MILLISECOND: u64 = 1_000_000;
const DAY: u64 = 24 * 60 * 60 * 1_000 * MILLISECOND;

/// Where a trace begins on the engine's clock: with more than the longest break before it, and at
/// the start of a second.
const START: u64 = 800 * DAY;

/// Longer than any break.
const LONG: u64 = 366 * DAY;

/// The settings without any condition that opens, for a recipe to name those of its library: the
/// defaults of ours are none of theirs.
pub(crate) fn without_conditions() -> Config {
    Config::new().without_failure_rate().without_consecutive_failures()
}

#[derive(Debug, Default)]
struct Log {
    moves: RefCell<Vec<Transition>>,
    stale: Cell<u32>,
}

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        self.moves.borrow_mut().push(*transition);
    }

    fn on_stale(&self, _: &StaleResult) {
        self.stale.set(self.stale.get() + 1);
    }
}

/// What became of a settled call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// The engine dropped the result.
    pub(crate) stale: bool,
    /// What the result changed.
    pub(crate) moved: Option<Transition>,
}

#[derive(Debug)]
pub(crate) struct Rig {
    breaker: CircuitBreaker<ManualClock, Log, ROOM>,
    offset: u64,
    admitted: Cell<u64>,
    break_end: Cell<u64>,
    /// When the engine closed after a break, and how long that was.
    closed: Cell<Option<(u64, u64)>>,
    last_break: Cell<u64>,
    flapped: Cell<bool>,
}

/// A difference that all breakers have whose wait grows.
pub(crate) const FLAPPED: &str =
    "closed for less than the last wait, it opens with the first wait (ours: the wait grows on)";

impl Rig {
    /// A closed breaker at the start of a trace that begins `phase` milliseconds into a second.
    pub(crate) fn new(config: Config, phase: u64) -> Result<Self, ConfigError> {
        let offset = START + phase * MILLISECOND;
        let clock = ManualClock::new();
        clock.set(Instant::from_nanos(offset));
        let breaker = CircuitBreaker::try_from_parts(config, clock, Log::default())?;
        Ok(Self {
            breaker,
            offset,
            admitted: Cell::new(0),
            break_end: Cell::new(0),
            closed: Cell::new(None),
            last_break: Cell::new(0),
            flapped: Cell::new(false),
        })
    }

    // Time.

    /// Moves the clock to `t` milliseconds of the trace.
    pub(crate) fn at(&self, t: u64) {
        self.set(self.offset + t * MILLISECOND);
    }

    /// Milliseconds of the trace.
    pub(crate) fn now(&self) -> u64 {
        (self.nanos() - self.offset) / MILLISECOND
    }

    fn nanos(&self) -> u64 {
        self.breaker.clock().now().as_nanos()
    }

    fn set(&self, nanos: u64) {
        self.breaker.clock().set(Instant::from_nanos(nanos));
    }

    // Calls.

    pub(crate) fn admit(&self) -> Option<Ticket> {
        let ticket = self.breaker.admit().ok()?;
        self.admitted.set(self.admitted.get() + 1);
        Some(ticket)
    }

    pub(crate) fn settle(&self, ticket: Ticket, outcome: Outcome) -> Settled {
        self.watch(|| self.breaker.settle(ticket, outcome))
    }

    pub(crate) fn cancel(&self, ticket: Ticket) -> Settled {
        self.watch(|| self.breaker.cancel(ticket))
    }

    fn watch(&self, settle: impl FnOnce()) -> Settled {
        let (log, stale) = (self.breaker.observer(), self.breaker.observer().stale.get());
        log.moves.borrow_mut().clear();
        settle();
        let moved = log.moves.borrow().last().copied();
        if let Some(Transition { at, cause, break_duration, .. }) = moved {
            let at = at.as_nanos();
            if let Some(length) = break_duration {
                self.break_end.set(at + nanos(length));
                let is_soon = |(closed, length): (u64, u64)| at - closed < length;
                let flapped =
                    matches!(cause, Cause::Tripped(_)) && self.closed.get().is_some_and(is_soon);
                self.flapped.set(flapped);
                self.last_break.set(nanos(length));
            }
            let closed = (at, self.last_break.get());
            self.closed.set((cause == Cause::TrialsPassed).then_some(closed));
        }
        Settled { stale: log.stale.get() != stale, moved }
    }

    /// A call of its own that took `took` milliseconds and ends now.
    pub(crate) fn result(&self, took: u64, outcome: Outcome) -> Option<Settled> {
        let now = self.nanos();
        self.set(now - took * MILLISECOND);
        let ticket = self.admit();
        self.set(now);
        Some(self.settle(ticket?, outcome))
    }

    /// What a timer would do at the end of a break: a call that is given up at once.
    pub(crate) fn look_for_the_end_of_the_break(&self) {
        if let Some(ticket) = self.admit() {
            self.breaker.cancel(ticket);
        }
    }

    // Looking.

    pub(crate) fn breaker(
        &self,
    ) -> &CircuitBreaker<impl Clock + use<>, impl Observer + use<>, ROOM> {
        &self.breaker
    }

    pub(crate) fn tally(&self) -> Tally {
        self.breaker.snapshot().tally
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.breaker.totals().rejected
    }

    /// The state as traces name it.
    pub(crate) fn state(&self) -> &'static str {
        match (self.breaker.mode(), self.breaker.state()) {
            (Mode::ForcedOpen, _) => "forced_open",
            (Mode::Disabled, _) => "disabled",
            (Mode::ForcedClosed, _) => "metrics_only",
            (_, State::Closed) => "closed",
            (_, State::Open) => "open",
            (_, State::HalfOpen) => "half_open",
        }
    }

    /// The state, where a timer ends the break.
    pub(crate) fn state_by_timer(&self) -> &'static str {
        if self.is_break_over() { "half_open" } else { self.state() }
    }

    pub(crate) fn is_break_over(&self) -> bool {
        self.breaker.snapshot().retry_after == Some(Duration::ZERO)
    }

    /// The first millisecond of the trace at which the break is over.
    pub(crate) fn break_over_at(&self) -> u64 {
        (self.break_end.get() - self.offset).div_ceil(MILLISECOND)
    }

    /// Whether every call that was admitted is accounted for, with `out` of them in flight.
    pub(crate) fn conserves(&self, out: usize) -> bool {
        self.admitted.get() == self.breaker.totals().settled() + out as u64
    }

    // What an operator does, as the recipes say it.

    /// Opens for `length`.
    pub(crate) fn open_by_hand(&self, length: Duration) {
        self.watch(|| self.breaker.open_for(length));
    }

    /// Half-opens: a break of no length is over when the next call comes.
    pub(crate) fn half_open_by_hand(&self) {
        self.open_by_hand(Duration::ZERO);
        self.look_for_the_end_of_the_break();
    }

    /// Whether the engine opened so soon after it closed that the break grew on.
    pub(crate) fn flapped(&self) -> bool {
        self.flapped.get()
    }

    // Bringing it to a state. All calls in flight become stale.

    /// Closed, with an empty window.
    pub(crate) fn close(&self) {
        self.breaker.reset();
        self.closed.set(None);
    }

    /// Open, reopened `reopens` times in a row, until the millisecond `over_at` of the trace.
    pub(crate) fn open(&self, reopens: u32, over_at: u64) {
        let now = self.nanos();
        let end = self.offset + over_at * MILLISECOND;
        let length = self.open_at(reopens, now);
        self.open_at(reopens, end - length);
        self.set(now);
        assert_eq!(self.break_end.get(), end, "a break of the wrong length");
    }

    /// Half-open, with no trial out.
    pub(crate) fn half_open(&self, reopens: u32) {
        self.open(reopens, self.now());
        self.look_for_the_end_of_the_break();
        assert_eq!(self.state(), "half_open", "the engine could not be brought there");
    }

    /// Opens at `at`, and says for how long.
    fn open_at(&self, reopens: u32, at: u64) -> u64 {
        self.close();
        self.set(at);
        self.fail_until_open();
        for _ in 0..reopens {
            self.set(at + LONG);
            let trial = self.admit().expect("the break is over");
            self.set(at);
            self.settle(trial, Outcome::Failure);
            self.fail_until_open();
        }
        self.break_end.get() - at
    }

    fn fail_until_open(&self) {
        let mut left = 10_000;
        while self.breaker.state() != State::Open {
            self.result(0, Outcome::Failure);
            left -= 1;
            assert!(left > 0, "no number of failures opens the circuit");
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("a break")
}

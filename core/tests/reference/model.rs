//! The definition of a circuit breaker: single-threaded, in plain collections, without a thought for
//! speed. Read it beside the documentation of `CircuitBreaker`, `State` and `Config`.

use std::collections::VecDeque;

use cutout_core::{Cause, HalfOpenRule, Mode, Outcome, RejectReason, State, Tally, TripReason};

use super::settings::{Settings, Span};

/// Nanoseconds since the clock's origin.
pub(crate) type Time = u64;

/// A call, as the one who makes it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) started: Time,
    /// Whether its length is measured.
    timed: bool,
    generation: u64,
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Counted,
    Trial,
    /// Past a circuit that is disabled.
    Passing,
    /// Past a circuit in shadow that would have refused it.
    Shadowed,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Reported(Outcome, Option<u64>),
    /// A failure that is left out of those in a row.
    NotConsecutive(Option<u64>),
    Dropped,
    Panicked,
    /// Not at all: the admission is taken back.
    TakenBack,
}

/// What the breaker announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Transition {
        from: State,
        to: State,
        mode: Mode,
        cause: Cause,
        at: Time,
        break_length: Option<u64>,
        tally: Tally,
    },
    WouldTrip(TripReason, Tally),
    StaleResult(Option<Outcome>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    pub(crate) ignored: u64,
    pub(crate) cancelled: u64,
    pub(crate) stale: u64,
    pub(crate) slow: u64,
    pub(crate) rejected: u64,
    pub(crate) would_reject: u64,
    pub(crate) trials: u64,
}

/// A success or failure in the window.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tick: u64,
    failed: bool,
    slow: bool,
}

/// A trial that is out.
#[derive(Clone, Copy, Debug)]
struct Trial {
    call: u64,
    timeout_end: Time,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) settings: Settings,
    pub(crate) mode: Mode,
    state: State,
    generation: u64,
    // Closed
    window: VecDeque<Entry>,
    /// The latest tick of this generation in which a result was counted.
    newest_tick: u64,
    failures_in_a_row: u64,
    /// Failures that each lane keeps back, once lanes have grown.
    kept_back: Option<Vec<u64>>,
    /// The lane of who settles a call.
    pub(crate) lane: usize,
    told: bool,
    /// Whether the settings changed and no result has looked at the rates since.
    reconsiders: bool,
    /// While only a share of the calls is admitted: until when.
    slow_start_end: Option<Time>,
    /// Of the slow start's present stage: which it is, the calls that came in it, and when one was last
    /// admitted.
    stage: Option<(u32, u64, Time)>,
    // Open
    break_end: Time,
    reopens: u32,
    /// How long the present or the last break was, rounded up to 64 ns; none since the reset.
    last_break: Option<u64>,
    /// Until when the circuit, had it closed, would not have been closed for as long.
    steady: Option<Time>,
    // HalfOpen
    out: Vec<Trial>,
    succeeded: u32,
    failed: u32,
    slow: u32,
    // Always
    pub(crate) totals: Totals,
    pub(crate) events: Vec<Event>,
    /// The lengths of breaks that the engine drew, to be taken over where they are allowed.
    pub(crate) draws: VecDeque<u64>,
}

impl Model {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            mode: Mode::Auto,
            state: State::Closed,
            generation: 0,
            window: VecDeque::new(),
            newest_tick: 0,
            failures_in_a_row: 0,
            kept_back: None,
            lane: 0,
            told: false,
            reconsiders: false,
            slow_start_end: None,
            stage: None,
            break_end: 0,
            reopens: 0,
            last_break: None,
            steady: None,
            out: Vec::new(),
            succeeded: 0,
            failed: 0,
            slow: 0,
            totals: Totals::default(),
            events: Vec::new(),
            draws: VecDeque::new(),
        }
    }

    // What one can see.

    /// The state as calls meet it.
    pub(crate) fn state(&self) -> State {
        match self.mode {
            Mode::Auto | Mode::Shadow => self.state,
            Mode::ForcedOpen => State::Open,
            Mode::ForcedClosed | Mode::Disabled => State::Closed,
        }
    }

    pub(crate) fn retry_after(&self, now: Time) -> Option<u64> {
        let decides = matches!(self.mode, Mode::Auto | Mode::Shadow);
        (decides && self.state == State::Open).then(|| self.break_end.saturating_sub(now))
    }

    pub(crate) fn trials_in_flight(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn failures_in_a_row(&self) -> u64 {
        self.failures_in_a_row
    }

    /// What the window holds: the results of the last `buckets` ticks, or the last so many.
    pub(crate) fn tally(&self, now: Time) -> Tally {
        let mut tally = Tally::default();
        for (_, entry) in
            self.window.iter().rev().enumerate().filter(|aged| self.counts(*aged, now))
        {
            *(if entry.failed { &mut tally.failures } else { &mut tally.successes }) += 1;
            tally.slow += u64::from(entry.slow);
        }
        tally
    }

    /// Whether the window at `now` holds the entry after which so many others came.
    fn counts(&self, (others, entry): (usize, &Entry), now: Time) -> bool {
        match self.settings.window {
            Span::Time { buckets, .. } => self.tick(now) - entry.tick < u64::from(buckets),
            Span::Count(results) => others < results as usize,
        }
    }

    /// The tick of `now`, or of the newest result if time stepped back behind it.
    fn tick(&self, now: Time) -> u64 {
        let tick = match self.settings.window {
            Span::Time { length, buckets } => now / (length / u64::from(buckets)),
            Span::Count(_) => 0,
        };
        self.newest_tick.max(tick)
    }

    /// When something is due to change by itself: the edges worth waiting for.
    pub(crate) fn edges(&self) -> Vec<Time> {
        match self.state {
            State::Open => vec![self.break_end],
            State::HalfOpen => self.out.iter().map(|trial| trial.timeout_end).collect(),
            State::Closed => {
                let stage = self.settings.slow_start.map_or(0, |(stage, _)| stage);
                self.slow_start_end.map_or(Vec::new(), |end| {
                    vec![end, end.saturating_sub(stage), end.saturating_sub(2 * stage)]
                })
            }
        }
    }

    pub(crate) fn is_recovering(&self) -> bool {
        matches!(self.mode, Mode::Auto | Mode::Shadow) && self.slow_start_end.is_some()
    }

    // Admission.

    pub(crate) fn admit(
        &mut self,
        id: u64,
        now: Time,
    ) -> Result<Call, (RejectReason, Option<u64>)> {
        match self.mode {
            Mode::ForcedOpen => self.refuse(RejectReason::ForcedOpen, None),
            Mode::Disabled => Ok(self.call(id, now, Role::Passing)),
            Mode::ForcedClosed => Ok(self.call(id, now, Role::Counted)),
            Mode::Auto | Mode::Shadow => self.admit_by_state(id, now),
        }
    }

    /// What a call would be refused with, for who only looks.
    pub(crate) fn refusal(&mut self, now: Time) -> Option<(RejectReason, Option<u64>)> {
        if self.mode == Mode::Auto && self.state == State::HalfOpen {
            self.judge_trials(now, None);
        }
        let taken = self.succeeded as usize + self.failed as usize + self.out.len();
        match (self.mode, self.state) {
            (Mode::ForcedOpen, _) => Some((RejectReason::ForcedOpen, None)),
            (Mode::Auto, State::Open) if now < self.break_end => {
                Some((RejectReason::Open, Some(self.break_end - now)))
            }
            (Mode::Auto, State::HalfOpen) if taken >= self.settings.trials as usize => {
                Some((RejectReason::HalfOpenFull, None))
            }
            _ => None,
        }
    }

    fn admit_by_state(&mut self, id: u64, now: Time) -> Result<Call, (RejectReason, Option<u64>)> {
        if self.state == State::HalfOpen {
            self.judge_trials(now, None);
        }
        if self.slow_start_end.is_some_and(|end| end <= now || self.settings.slow_start.is_none()) {
            self.close(Cause::SlowStartOver, now);
        }
        match self.state {
            State::Closed => {
                if self.ramp_admits(now) {
                    Ok(self.call(id, now, Role::Counted))
                } else {
                    self.refuse_or_pass(id, now, RejectReason::SlowStart, None)
                }
            }
            State::Open if now < self.break_end => {
                self.refuse_or_pass(id, now, RejectReason::Open, Some(self.break_end - now))
            }
            State::Open => {
                self.transition(State::HalfOpen, Cause::BreakOver, now, None, Tally::default());
                Ok(self.trial(id, now))
            }
            State::HalfOpen => {
                let taken = self.succeeded as usize + self.failed as usize + self.out.len();
                if taken < self.settings.trials as usize {
                    Ok(self.trial(id, now))
                } else {
                    self.refuse_or_pass(id, now, RejectReason::HalfOpenFull, None)
                }
            }
        }
    }

    /// Of the calls in a stage of a slow start, its share is admitted, the first of them and then evenly
    /// spread; and a call if none was for a tenth of the stage.
    fn ramp_admits(&mut self, now: Time) -> bool {
        let (Some(end), Some((stage, shares))) = (self.slow_start_end, self.settings.slow_start)
        else {
            return true;
        };
        let left = end - now;
        // Time that stepped back before the slow start began finds its first stage.
        let (index, share) = if left > 2 * stage {
            (0, shares[0])
        } else if left > stage {
            (1, shares[1])
        } else {
            (2, shares[2])
        };
        let (calls, last) = match self.stage {
            Some((present, calls, last)) if present == index => (calls, last),
            _ => (0, now),
        };
        let admitted_of = |calls: u64| (calls * u64::from(share)).div_ceil(100);
        let is_due = now.saturating_sub(last) >= stage / 10;
        let admits = is_due || admitted_of(calls + 1) > admitted_of(calls);
        self.stage = Some((index, calls + 1, if admits { now } else { last }));
        admits
    }

    fn trial(&mut self, id: u64, now: Time) -> Call {
        let timeout_end = now.saturating_add(self.settings.trial_timeout);
        self.out.push(Trial { call: id, timeout_end });
        self.totals.trials += 1;
        self.call(id, now, Role::Trial)
    }

    fn call(&self, id: u64, now: Time, role: Role) -> Call {
        let timed = self.settings.slow_call_duration.is_some();
        Call { id, started: now, timed, generation: self.generation, role }
    }

    fn refuse_or_pass(
        &mut self,
        id: u64,
        now: Time,
        reason: RejectReason,
        retry_after: Option<u64>,
    ) -> Result<Call, (RejectReason, Option<u64>)> {
        if self.mode == Mode::Shadow {
            self.totals.would_reject += 1;
            Ok(self.call(id, now, Role::Shadowed))
        } else {
            self.refuse(reason, retry_after)
        }
    }

    fn refuse(
        &mut self,
        reason: RejectReason,
        retry_after: Option<u64>,
    ) -> Result<Call, (RejectReason, Option<u64>)> {
        self.totals.rejected += 1;
        Err((reason, retry_after))
    }

    // Settlement.

    pub(crate) fn settle(&mut self, call: Call, ending: Ending, now: Time) {
        if ending == Ending::TakenBack {
            return self.take_back(call, now);
        }
        if call.generation != self.generation {
            return self.stale(ending);
        }
        if call.role == Role::Trial {
            // TrialDeadlines that are over fail first.
            self.judge_trials(now, None);
            let on_time = |trial: &Trial| trial.call == call.id && now < trial.timeout_end;
            if call.generation != self.generation || !self.out.iter().any(on_time) {
                return self.stale(ending);
            }
        }
        if self.mode == Mode::Disabled {
            self.totals.ignored += 1;
            return;
        }
        let slow = call.timed
            && self
                .settings
                .slow_call_duration
                .is_some_and(|limit| now.saturating_sub(call.started) > limit);
        let outcome = match (ending, self.settings.cancelled_as) {
            (Ending::Reported(outcome, _), _) => Some(outcome),
            (Ending::NotConsecutive(_) | Ending::Panicked, _) => Some(Outcome::Failure),
            (Ending::TakenBack, _) | (Ending::Dropped, Some(Outcome::Ignored)) => None,
            (Ending::Dropped, Some(outcome)) => Some(outcome),
            (Ending::Dropped, None) => slow.then_some(Outcome::Failure),
        };
        match outcome {
            None => self.totals.cancelled += 1,
            Some(Outcome::Ignored) => self.totals.ignored += 1,
            Some(Outcome::Success) => self.totals.successes += 1,
            Some(Outcome::Failure) => self.totals.failures += 1,
        }
        let counts = matches!(outcome, Some(Outcome::Success | Outcome::Failure));
        let failed = outcome == Some(Outcome::Failure);
        if counts && slow {
            self.totals.slow += 1;
        }
        let retry_after = match ending {
            Ending::Reported(Outcome::Failure, retry_after)
            | Ending::NotConsecutive(retry_after) => retry_after,
            _ => None,
        };
        match call.role {
            Role::Passing | Role::Shadowed => {}
            Role::Counted if counts => {
                let in_a_row = failed
                    && !matches!(ending, Ending::NotConsecutive(_))
                    && self.settings.consecutive_failures.is_some_and(|row| !self.keeps_back(row));
                if self.settings.consecutive_failures.is_some() && !failed {
                    self.failures_in_a_row = 0;
                    if let Some(lanes) = &mut self.kept_back {
                        let lane = self.lane % lanes.len();
                        lanes[lane] = 0;
                    }
                }
                self.failures_in_a_row += u64::from(in_a_row);
                self.record(failed, in_a_row, slow, retry_after, now);
            }
            Role::Counted => {}
            Role::Trial => {
                self.out.retain(|trial| trial.call != call.id);
                if counts {
                    *(if failed { &mut self.failed } else { &mut self.succeeded }) += 1;
                    self.slow += u32::from(slow);
                }
                self.judge_trials(now, retry_after);
            }
        }
    }

    /// So many lanes grow, a power of two.
    pub(crate) fn grow(&mut self, lanes: usize) {
        self.kept_back = Some(vec![0; lanes]);
    }

    /// Whether a failure is one of the first after a success that lanes which have grown keep out of a
    /// row of so many.
    fn keeps_back(&mut self, row: u32) -> bool {
        let Some(lanes) = &mut self.kept_back else { return false };
        let lane = self.lane % lanes.len();
        let kept = &mut lanes[lane];
        let keeps = *kept < u64::from(row / 6).min(3);
        *kept += u64::from(keeps);
        keeps
    }

    /// The call did not run, so it was never admitted. A trial that is out and whose timeout is over has
    /// failed, and is stale.
    fn take_back(&mut self, call: Call, now: Time) {
        match call.role {
            Role::Counted | Role::Passing => {}
            Role::Shadowed => self.totals.would_reject -= 1,
            Role::Trial => {
                let has_failed = |trial: &Trial| trial.call == call.id && trial.timeout_end <= now;
                if call.generation == self.generation && self.out.iter().any(has_failed) {
                    return self.stale(Ending::TakenBack);
                }
                self.out.retain(|trial| trial.call != call.id);
                self.totals.trials -= 1;
            }
        }
    }

    fn stale(&mut self, ending: Ending) {
        self.totals.stale += 1;
        self.events.push(Event::StaleResult(match ending {
            Ending::Reported(outcome, _) => Some(outcome),
            Ending::NotConsecutive(_) | Ending::Panicked => Some(Outcome::Failure),
            Ending::Dropped | Ending::TakenBack => None,
        }));
    }

    /// A result of a closed circuit, and whether it opens it.
    fn record(
        &mut self,
        failed: bool,
        in_a_row: bool,
        slow: bool,
        retry_after: Option<u64>,
        now: Time,
    ) {
        let before = self.tally(now).total();
        if self.settings.needs_window() {
            self.newest_tick = self.tick(now);
            self.window.push_back(Entry { tick: self.newest_tick, failed, slow });
            // What has left the window never comes back.
            let left =
                self.window.iter().enumerate().take_while(|(at, entry)| {
                    !self.counts((self.window.len() - 1 - at, entry), now)
                });
            let left = left.count();
            self.window.drain(..left);
        }
        // Where no condition looks at the window, what it still holds is nobody's reason.
        let tally = if self.settings.needs_window() { self.tally(now) } else { Tally::default() };

        let mut minimum = u64::from(self.settings.minimum_throughput);
        if self.slow_start_end.is_some() {
            minimum = minimum.min(u64::from(self.settings.trials));
        }
        let is_over = |limit: Option<u32>, part: u64| {
            limit.is_some_and(|points| part * 10_000 >= u64::from(points) * tally.total())
        };
        let enough = tally.total() >= minimum;
        let failure_rate = enough && is_over(self.settings.failure_rate, tally.failures);
        let slow_call_rate = enough && is_over(self.settings.slow_call_rate, tally.slow);
        let looks = failed
            || (self.settings.needs_window() && (slow || self.settings.evaluate_every_result));
        let completes_minimum = before < minimum && enough;
        let looks_at_rates = looks || completes_minimum || self.reconsiders;
        if self.settings.needs_window() && (looks || self.settings.has_rate()) {
            self.reconsiders = false;
        }

        let reason = if looks_at_rates && failure_rate {
            TripReason::FailureRate
        } else if looks_at_rates && slow_call_rate {
            TripReason::SlowCallRate
        } else if !looks {
            return;
        } else if in_a_row
            && self
                .settings
                .consecutive_failures
                .is_some_and(|n| self.failures_in_a_row >= u64::from(n))
        {
            TripReason::ConsecutiveFailures
        } else if self.settings.failure_count.is_some_and(|n| tally.failures >= u64::from(n)) {
            TripReason::FailureCount
        } else if self.settings.trip_when.is_some_and(|condition| condition(&tally)) {
            TripReason::Custom
        } else {
            return;
        };

        if self.mode == Mode::ForcedClosed {
            if !self.told {
                self.told = true;
                self.events.push(Event::WouldTrip(reason, tally));
            }
        } else {
            self.open(Cause::Tripped(reason), retry_after, now, tally);
        }
    }

    /// Ends HalfOpen if its trials say so. A timeout that is over is a failed trial.
    fn judge_trials(&mut self, now: Time, retry_after: Option<u64>) {
        let lapsed = self.out.iter().map(|trial| u32::from(trial.timeout_end <= now)).sum::<u32>();
        let slow_fails = self.settings.slow_call_rate.is_some() && self.slow > 0;
        let cause = match self.settings.half_open_rule {
            HalfOpenRule::FirstFailure if self.failed > 0 || slow_fails => Cause::TrialFailed,
            HalfOpenRule::FirstFailure if lapsed > 0 => Cause::TrialTimedOut,
            HalfOpenRule::FirstFailure if self.succeeded >= self.settings.trials => {
                Cause::TrialsPassed
            }
            HalfOpenRule::FirstFailure => return,
            HalfOpenRule::Rate => {
                let failed = self.failed + lapsed;
                let trials = self.succeeded + failed;
                if trials < self.settings.minimum_trials.unwrap_or(self.settings.trials) {
                    return;
                }
                let is_over = |limit: Option<u32>, part: u32| {
                    limit.is_some_and(|points| part * 10_000 >= points * trials)
                };
                if is_over(self.settings.failure_rate, failed)
                    || is_over(self.settings.slow_call_rate, self.slow)
                {
                    Cause::TrialFailed
                } else {
                    Cause::TrialsPassed
                }
            }
        };
        if cause == Cause::TrialsPassed {
            self.close(cause, now);
        } else {
            self.open(cause, retry_after, now, Tally::default());
        }
    }

    fn close(&mut self, cause: Cause, now: Time) {
        self.transition(State::Closed, cause, now, None, Tally::default());
        if cause == Cause::TrialsPassed {
            self.steady = self.last_break.map(|length| now.saturating_add(length));
            if let Some((stage, _)) = self.settings.slow_start {
                self.slow_start_end = Some(now.saturating_add(3 * stage));
            }
        }
    }

    fn open(&mut self, cause: Cause, retry_after: Option<u64>, now: Time, tally: Tally) {
        self.reopens = if self.reopens_at(now) { (self.reopens + 1).min(16_383) } else { 0 };
        let length = self.break_length(retry_after);
        self.break_end = now.saturating_add(length);
        self.last_break = Some(length.next_multiple_of(64));
        self.transition(State::Open, cause, now, Some(length), tally);
    }

    /// Whether to open now is to open again.
    fn reopens_at(&self, now: Time) -> bool {
        // Closed for less than the last break was.
        let is_unsteady = self.steady.is_some_and(|steady| now < steady);
        self.state != State::Closed || self.slow_start_end.is_some() || is_unsteady
    }

    /// The length of the break that starts now. What is random about it is taken from the engine,
    /// if it is within what is allowed.
    fn break_length(&mut self, retry_after: Option<u64>) -> u64 {
        let base = self.settings.break_duration;
        let (full, cap) = match self.settings.break_backoff {
            None => (base, base.max(300_000_000_000)),
            Some((percent, cap)) => {
                let mut length = u128::from(base) << 40;
                for _ in 0..self.reopens {
                    if length >> 40 > u128::from(cap) || percent == 100 {
                        break;
                    }
                    length = length * u128::from(percent) / 100;
                }
                (u64::try_from((length >> 40).min(u128::from(cap))).unwrap(), cap)
            }
        };
        // The engine has 28 binary places, and rounds down.
        let is_rounded = self.settings.break_backoff.is_some_and(|(percent, _)| percent % 50 != 0);
        let rounded = if is_rounded { full >> 16 } else { 0 };
        let asked = retry_after.unwrap_or(0).min(cap);
        let jitter =
            |length: u64| length / 100 * u64::from(self.settings.break_jitter.unwrap_or(0));
        // To one part in a hundred where a share is rounded, exactly where there is no jitter.
        let slack = |length: u64| if jitter(length) == 0 { 0 } else { length % 100 };
        let shortest = full - jitter(full) - slack(full) - rounded;
        let longest = asked.saturating_add(jitter(asked)).saturating_add(slack(asked));
        let allowed = shortest.max(asked)..=full.max(longest);
        let drawn = self.draws.pop_front().unwrap_or(u64::MAX);
        assert!(allowed.contains(&drawn), "a break of {drawn} ns is not within {allowed:?}");
        drawn
    }

    // Forcing.

    pub(crate) fn set_mode(&mut self, mode: Mode, now: Time) {
        if self.mode != mode {
            self.change(now, Cause::Mode, |model| model.mode = mode, None, Tally::default());
        }
    }

    /// Open for so long, which is no reopening.
    pub(crate) fn open_for(&mut self, length: u64, now: Time) {
        let length = length.min(365 * 24 * 60 * 60 * 1_000_000_000);
        if !self.reopens_at(now) {
            self.reopens = 0;
        }
        self.break_end = now.saturating_add(length);
        self.last_break = Some(length.next_multiple_of(64));
        self.transition(State::Open, Cause::Opened, now, Some(length), Tally::default());
    }

    /// Other settings, of which the next result takes notice. A row of failures is counted anew where
    /// it begins or ceases to be counted.
    pub(crate) fn reconfigure(&mut self, settings: Settings) {
        let is_row = |settings: &Settings| settings.consecutive_failures.is_some();
        if is_row(&self.settings) != is_row(&settings) {
            self.failures_in_a_row = 0;
        }
        if settings.needs_window() && !self.settings.needs_window() {
            self.window.clear();
        }
        self.settings = settings;
        self.reconsiders = settings.has_rate();
    }

    pub(crate) fn reset(&mut self, now: Time) {
        let as_new = |model: &mut Self| {
            (model.mode, model.state, model.reopens) = (Mode::Auto, State::Closed, 0);
            model.slow_start_end = None;
            (model.last_break, model.steady) = (None, None);
        };
        self.change(now, Cause::Reset, as_new, None, Tally::default());
    }

    fn transition(
        &mut self,
        to: State,
        cause: Cause,
        now: Time,
        break_length: Option<u64>,
        tally: Tally,
    ) {
        let change = |model: &mut Self| {
            model.state = to;
            model.slow_start_end = None;
        };
        self.change(now, cause, change, break_length, tally);
    }

    /// Every change of state or mode starts a generation, and with it everything is new.
    fn change(
        &mut self,
        at: Time,
        cause: Cause,
        change: impl FnOnce(&mut Self),
        break_length: Option<u64>,
        tally: Tally,
    ) {
        let from = self.state();
        change(self);
        self.generation += 1;
        self.window.clear();
        self.newest_tick = 0;
        self.failures_in_a_row = 0;
        if let Some(lanes) = &mut self.kept_back {
            lanes.fill(0);
        }
        self.told = false;
        self.reconsiders = false;
        self.stage = None;
        self.out.clear();
        (self.succeeded, self.failed, self.slow) = (0, 0, 0);
        let (to, mode) = (self.state(), self.mode);
        self.events.push(Event::Transition { from, to, mode, cause, at, break_length, tally });
    }
}

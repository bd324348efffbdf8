//! Timelines: settings and operations drawn from bytes, run on the engine and on the model side
//! by side.

use core::cell::{Cell, RefCell};
use core::time::Duration;

use cutout_core::{
    CallEvent, CircuitBreaker, Clock, Error, Instant, ManualClock, Mode, Observer, Outcome, Permit,
    Rejected, Report, StaleResult, Tally, Ticket, Transition, TripReason,
};

use super::model::{Call, Ending, Event, Model, Totals};
use super::operation::Operation;
use super::settings::{Bytes, Settings, Span};
use super::witness::{Act, Refusal, Witness};

type Engine = CircuitBreaker<World, Log, 10>;

/// A clock moved by hand that can also pretend that a panic is under way, and to be on another
/// core.
#[derive(Debug, Default)]
struct World {
    clock: ManualClock,
    unwinding: Cell<bool>,
    lane: Cell<usize>,
    /// How many lanes a breaker grows.
    lanes: usize,
}

impl Clock for World {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn unwinding(&self) -> bool {
        self.unwinding.get()
    }

    fn lane(&self) -> usize {
        self.lane.get()
    }

    fn lanes(&self) -> usize {
        self.lanes
    }
}

/// Keeps what the engine announces, and counts the calls that it tells of.
#[derive(Debug, Default)]
struct Log {
    events: RefCell<Vec<Event>>,
    calls: RefCell<Totals>,
}

impl Observer for Log {
    fn on_transition(&self, transition: &Transition) {
        let &Transition { from, to, mode, cause, at, break_duration, tally, .. } = transition;
        self.events.borrow_mut().push(Event::Transition {
            from,
            to,
            mode,
            cause,
            at: at.as_nanos(),
            break_length: break_duration.map(nanos),
            tally,
        });
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        self.events.borrow_mut().push(Event::WouldTrip(reason, *tally));
    }

    fn on_stale(&self, stale: &StaleResult) {
        self.events.borrow_mut().push(Event::StaleResult(stale.outcome));
        self.calls.borrow_mut().stale += 1;
    }

    fn wants_call_events(&self) -> bool {
        true
    }

    fn on_call(&self, call: &CallEvent) {
        let mut calls = self.calls.borrow_mut();
        match *call {
            CallEvent::Settled { outcome, slow } => {
                calls.slow += u64::from(slow);
                *match outcome {
                    Outcome::Success => &mut calls.successes,
                    Outcome::Failure => &mut calls.failures,
                    Outcome::Ignored => &mut calls.ignored,
                } += 1;
            }
            CallEvent::Cancelled => calls.cancelled += 1,
            CallEvent::Rejected(_) => calls.rejected += 1,
            ref other => panic!("{other:?}"),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// A call in flight, in either form.
enum Held<'a> {
    Permit(Permit<'a, World, Log, 10>),
    Ticket(Ticket),
}

/// What a timeline came to see, so that a test can tell that it tests something.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) events: Vec<Event>,
    pub(crate) rejected: u64,
}

/// Runs the timeline that `bytes` describe on both, and compares everything after every step.
///
/// # Panics
///
/// At the first difference.
pub(crate) fn run(bytes: &[u8]) -> Seen {
    run_before(bytes, &mut ())
}

/// Runs a timeline on a breaker that grows `lanes` lanes at once, of which each step takes another. Its
/// clock is not set back: each lane has its own newest bucket then, and so its own idea of when that leaves.
///
/// # Panics
///
/// At the first difference.
pub(crate) fn run_in_lanes(lanes: usize, bytes: &[u8]) -> Seen {
    run_all(bytes, &mut (), Some(Growth { lanes, after: 0 }))
}

/// Runs a timeline on a breaker with one lane that grows others in the middle, if it can.
///
/// # Panics
///
/// At the first difference.
pub(crate) fn run_while_lanes_grow(bytes: &[u8]) -> Seen {
    let [steps, bytes @ ..] = bytes else { return Seen::default() };
    run_all(bytes, &mut (), Some(Growth { lanes: 4, after: usize::from(*steps) }))
}

/// Runs a timeline before a witness.
///
/// # Panics
///
/// At the first difference.
pub(crate) fn run_before(bytes: &[u8], witness: &mut dyn Witness) -> Seen {
    run_all(bytes, witness, None)
}

/// How many lanes a breaker grows, and after how many steps.
#[derive(Clone, Copy)]
struct Growth {
    lanes: usize,
    after: usize,
}

/// Runs a timeline before a witness, on a breaker that grows lanes if it is told to.
fn run_all(bytes: &[u8], witness: &mut dyn Witness, growth: Option<Growth>) -> Seen {
    let mut bytes = Bytes(bytes);
    let settings = Settings::from_bytes(&mut bytes);
    let world = World { lanes: growth.map_or(1, |growth| growth.lanes), ..World::default() };
    let engine = Engine::try_from_parts(settings.config(), world, Log::default())
        .expect("the settings are within their ranges");
    let mut pair = Pair {
        width: match settings.window {
            Span::Time { length, buckets } => length / u64::from(buckets),
            Span::Count(_) => 1_000_000,
        },
        model: Model::new(settings),
        engine: &engine,
        witness,
        has_lanes: growth.is_some(),
        in_flight: Vec::new(),
        admitted: 0,
        calls: 0,
        seen: Seen::default(),
    };
    for step in 0.. {
        if bytes.is_empty() {
            break;
        }
        if growth.is_some_and(|growth| growth.after == step) {
            engine.preallocate();
            if engine.lanes() > 1 {
                pair.model.grow(engine.lanes() - 1);
            }
        }
        let operation = Operation::from_bytes(&mut bytes, &pair.model.settings);
        pair.step(operation);
        pair.compare(operation);
    }
    pair.wind_up();
    pair.seen.rejected = pair.model.totals.rejected;
    pair.seen
}

struct Pair<'a> {
    engine: &'a Engine,
    witness: &'a mut dyn Witness,
    model: Model,
    width: u64,
    has_lanes: bool,
    in_flight: Vec<(Call, Held<'a>)>,
    admitted: u64,
    calls: u64,
    seen: Seen,
}

impl<'a> Pair<'a> {
    fn now(&self) -> u64 {
        self.engine.clock().now().as_nanos()
    }

    fn go_to(&self, time: u64) {
        self.engine.clock().clock.set(Instant::from_nanos(time));
    }

    fn wait_until(&mut self, time: u64) {
        self.witness.acts(Act::GoTo(time));
        self.go_to(time);
    }

    fn step(&mut self, operation: Operation) {
        let now = self.now();
        let clock = self.engine.clock();
        clock.lane.set(clock.lane.get().wrapping_mul(5).wrapping_add(3));
        self.model.lane = clock.lane.get();
        match operation {
            Operation::StepBack(_) if self.has_lanes => {}
            Operation::Admit => {
                self.admit();
            }
            Operation::Settle { which, ending } => {
                if !self.in_flight.is_empty() {
                    let (call, held) = self.in_flight.swap_remove(which % self.in_flight.len());
                    self.settle(call, held, ending);
                }
            }
            Operation::Call { takes, ending } => self.call(takes, ending),
            Operation::Wait(time) => self.wait_until(now.saturating_add(time)),
            Operation::WaitForEdge { which, off } => {
                let edges = self.model.edges();
                if !edges.is_empty() {
                    let edge = edges[which % edges.len()].saturating_add_signed(off);
                    self.wait_until(edge.max(now));
                }
            }
            Operation::WaitForBucket { many, off } => {
                let edge = (now / self.width).saturating_add(many).saturating_mul(self.width);
                self.wait_until(edge.saturating_add_signed(off).max(now));
            }
            Operation::StepBack(time) => self.wait_until(now.saturating_sub(time)),
            Operation::SetMode(mode) => {
                match mode {
                    Mode::Auto => self.engine.release(),
                    Mode::ForcedOpen => self.engine.force_open(),
                    Mode::ForcedClosed => self.engine.force_closed(),
                    Mode::Disabled => self.engine.disable(),
                    Mode::Shadow => self.engine.shadow(),
                }
                self.witness.acts(Act::SetMode(mode));
                self.model.set_mode(mode, now);
            }
            Operation::Look => {
                let refusal = self.engine.would_reject().map(|refusal| told(&refusal));
                self.witness.acts(Act::Look(refusal));
                self.lend_draws();
                assert_eq!(refusal, self.model.refusal(now), "what a call would be told");
            }
            Operation::Reconfigure(settings, drawn) => {
                self.engine.reconfigure(settings.config()).expect("they are within their ranges");
                self.witness.acts(Act::Reconfigure(drawn));
                self.model.reconfigure(settings);
            }
            Operation::OpenFor(length) => {
                self.engine.open_for(Duration::from_nanos(length));
                self.witness.acts(Act::OpenFor(length));
                self.model.open_for(length, now);
            }
            Operation::Reset => {
                self.engine.reset();
                self.witness.acts(Act::Reset);
                self.model.reset(now);
            }
        }
    }

    /// Admits a call on both and compares what they say.
    fn admit(&mut self) {
        let admitted = if self.calls % 2 == 0 {
            self.engine.try_acquire().map(Held::Permit)
        } else {
            self.engine.admit().map(Held::Ticket)
        };
        let refusal = admitted.as_ref().err().map(told);
        let call = self.admit_model(refusal);
        self.witness.acts(Act::Admit { id: self.calls, refusal });
        if let Some(call) = call {
            let held = admitted.unwrap_or_else(|_| unreachable!("compared in admit_model"));
            self.in_flight.push((call, held));
        }
    }

    fn admit_model(&mut self, refusal: Option<Refusal>) -> Option<Call> {
        self.lend_draws();
        self.calls += 1;
        let expected = self.model.admit(self.calls, self.now());
        assert_eq!(refusal, expected.err(), "whether a call is refused, and what it is told");
        self.admitted += u64::from(expected.is_ok());
        expected.ok()
    }

    fn settle(&mut self, call: Call, held: Held<'a>, ending: Ending) {
        self.witness.acts(Act::Settle { id: call.id, ending });
        match (held, ending) {
            (Held::Permit(permit), Ending::Reported(..) | Ending::NotConsecutive(_)) => {
                permit.settle(report(ending));
            }
            (Held::Permit(permit), Ending::Dropped) => drop(permit),
            (Held::Permit(permit), Ending::TakenBack) => permit.take_back(),
            (Held::Ticket(ticket), Ending::TakenBack) => self.engine.take_back(ticket),
            (Held::Permit(permit), Ending::Panicked) => {
                self.engine.clock().unwinding.set(true);
                drop(permit);
                self.engine.clock().unwinding.set(false);
            }
            (Held::Ticket(ticket), Ending::Dropped) => self.engine.cancel(ticket),
            (Held::Ticket(ticket), _) => self.engine.settle(ticket, report(ending)),
        }
        self.lend_draws();
        let now = self.now();
        let stale = self.model.totals.stale;
        self.model.settle(call, ending, now);
        let was_too_late = self.model.totals.stale > stale;
        self.admitted -= u64::from(ending == Ending::TakenBack && !was_too_late);
    }

    /// Wraps a function that takes a while. A dropped or panicking one cannot be had in this form
    /// without unwinding for real, so it fails instead.
    fn call(&mut self, takes: u64, ending: Ending) {
        let ending = match ending {
            Ending::Reported(..) | Ending::NotConsecutive(_) => ending,
            _ => Ending::Reported(Outcome::Failure, None),
        };
        let (engine, before) = (self.engine, self.now());
        let after = before.saturating_add(takes);
        let result = engine.call_with(
            || {
                engine.clock().clock.set(Instant::from_nanos(after));
                Ok::<_, ()>(())
            },
            |_| report(ending),
        );
        let refusal = match &result {
            Err(Error::Rejected(rejected)) => Some(told(rejected)),
            _ => None,
        };
        self.witness.acts(Act::Call { until: after, ending, refusal });
        self.go_to(before);
        if let Some(call) = self.admit_model(refusal) {
            self.go_to(after);
            self.model.settle(call, ending, after);
        }
    }

    /// What is random about breaks is the engine's to choose and the model's to check.
    fn lend_draws(&mut self) {
        self.model.draws.clear();
        for event in self.engine.observer().events.borrow().iter() {
            if let Event::Transition { break_length: Some(length), .. } = event {
                self.model.draws.push_back(*length);
            }
        }
        for event in &self.model.events {
            if let Event::Transition { break_length: Some(_), .. } = event {
                self.model.draws.pop_front();
            }
        }
    }

    fn compare(&mut self, operation: Operation) {
        let now = self.now();
        let announced = self.engine.observer().events.take();
        let expected = core::mem::take(&mut self.model.events);
        assert_eq!(announced, expected, "announcements after {operation:?}");
        self.witness.sees(&self.model, now, &announced);
        self.seen.events.extend(announced);

        let snapshot = self.engine.snapshot();
        assert_eq!(snapshot.state, self.model.state(), "state after {operation:?}");
        assert_eq!(snapshot.state, self.engine.state());
        assert_eq!(snapshot.mode, self.model.mode, "mode after {operation:?}");
        assert_eq!(snapshot.tally, self.model.tally(now), "window after {operation:?}");
        assert_eq!(
            snapshot.consecutive_failures,
            self.model.failures_in_a_row(),
            "failures in a row after {operation:?}"
        );
        assert_eq!(
            snapshot.trials_in_flight as usize,
            self.model.trials_in_flight(),
            "trials in flight after {operation:?}"
        );
        assert_eq!(
            snapshot.in_slow_start,
            self.model.is_recovering(),
            "whether it is in_slow_start after {operation:?}"
        );
        assert_eq!(
            snapshot.retry_after.map(nanos),
            self.model.retry_after(now),
            "retry_after after {operation:?}"
        );
        let is_due = self.model.retry_after(now) == Some(0);
        assert_eq!(snapshot.due, is_due, "whether it is due after {operation:?}");
        assert_eq!(self.engine.is_due(), is_due);

        let (ours, theirs) = (snapshot.totals, self.model.totals);
        let ours = Totals {
            successes: ours.successes,
            failures: ours.failures,
            ignored: ours.ignored,
            cancelled: ours.cancelled,
            stale: ours.stale,
            slow: ours.slow,
            rejected: ours.rejected,
            would_reject: ours.would_reject,
            trials: ours.trials,
        };
        assert_eq!(ours, theirs, "totals after {operation:?}");
        let told = *self.engine.observer().calls.borrow();
        let all_but = Totals { would_reject: ours.would_reject, trials: ours.trials, ..told };
        assert_eq!(all_but, ours, "the calls that were told of after {operation:?}");
        assert_eq!(
            self.admitted,
            snapshot.totals.settled() + self.in_flight.len() as u64,
            "the conservation law after {operation:?}"
        );
    }

    /// Ends what is in flight; then every call that was admitted is accounted for.
    fn wind_up(&mut self) {
        while let Some((call, held)) = self.in_flight.pop() {
            let (which, ending) = (self.in_flight.len(), Ending::Dropped);
            self.settle(call, held, ending);
            self.compare(Operation::Settle { which, ending });
        }
        assert_eq!(self.admitted, self.engine.totals().settled());
    }
}

fn told(rejected: &Rejected) -> Refusal {
    (rejected.reason(), rejected.retry_after().map(nanos))
}

fn report(ending: Ending) -> Report {
    match ending {
        Ending::Reported(outcome, Some(retry_after)) => {
            outcome.retry_after(Duration::from_nanos(retry_after))
        }
        Ending::Reported(outcome, None) => outcome.into(),
        Ending::NotConsecutive(Some(retry_after)) => {
            Outcome::Failure.not_consecutive().retry_after(Duration::from_nanos(retry_after))
        }
        Ending::NotConsecutive(None) => Outcome::Failure.not_consecutive(),
        Ending::Panicked | Ending::Dropped | Ending::TakenBack => Outcome::Failure.into(),
    }
}

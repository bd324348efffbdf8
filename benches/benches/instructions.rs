//! How many instructions does a call take? Run by `.ci/instructions`, which compares with the
//! stored figures.
//!
//! Each function is one operation, a thousand times, so that what surrounds it does not weigh. The
//! breakers come prepared and go back to be checked; neither is counted. `core` is the engine alone,
//! told the time; `cutout` is what users of std have, on the system's clock.

#![allow(missing_docs)] // gungraun's macros make public items
use core::hint::black_box;

use cutout::{
    CatchUnwind, CircuitBreaker, Clock, ManualClock, Observer, Outcome, State, StdClock,
    ThreadLanes, Ticket, Totals,
};
use cutout_benches::{Load, late, tolerant, trip};
use cutout_core::CircuitBreaker as Engine;
use gungraun::{library_benchmark, library_benchmark_group, main};

/// How often each operation is done; `.ci/instructions` divides by it.
const TIMES: u64 = 1_000;

/// A breaker, with a ticket for each operation to come.
struct Prepared<C: 'static, O: 'static> {
    breaker: &'static Engine<C, O>,
    tickets: Vec<Ticket>,
    before: Totals,
}

fn core() -> &'static Engine<ManualClock> {
    Box::leak(Box::new(Engine::with_clock(tolerant(), late())))
}

fn cutout() -> &'static Engine<ThreadLanes<StdClock>, CatchUnwind<()>> {
    Box::leak(Box::new(CircuitBreaker::new(tolerant())))
}

/// As many successes lie in the window as failures may follow.
fn closed<C: Clock, O: Observer>(breaker: &'static Engine<C, O>) -> Prepared<C, O> {
    Load::Success.run(breaker, TIMES);
    let tickets = (0..TIMES).map(|_| breaker.admit().expect("closed")).collect();
    assert_eq!(breaker.state(), State::Closed);
    Prepared { breaker, tickets, before: breaker.totals() }
}

fn open<C: Clock, O: Observer>(breaker: &'static Engine<C, O>) -> Prepared<C, O> {
    trip(breaker);
    Prepared { breaker, tickets: Vec::new(), before: breaker.totals() }
}

impl<C: Clock, O: Observer> Prepared<C, O> {
    fn check(&self, state: State, counted: fn(&mut Totals) -> &mut u64) {
        let mut expected = self.before;
        *counted(&mut expected) += TIMES;
        assert_eq!(self.breaker.state(), state);
        assert_eq!(self.breaker.totals(), expected);
    }
}

/// A ticket that is never settled leaves no trace.
fn nothing<C: Clock, O: Observer>(prepared: Prepared<C, O>) {
    assert_eq!(prepared.breaker.state(), State::Closed);
    assert_eq!(prepared.breaker.totals(), prepared.before);
}

fn successes<C: Clock, O: Observer>(prepared: Prepared<C, O>) {
    prepared.check(State::Closed, |totals| &mut totals.successes);
}

fn failures<C: Clock, O: Observer>(prepared: Prepared<C, O>) {
    prepared.check(State::Closed, |totals| &mut totals.failures);
}

fn refusals<C: Clock, O: Observer>(prepared: Prepared<C, O>) {
    prepared.check(State::Open, |totals| &mut totals.rejected);
}

#[library_benchmark(setup = closed, teardown = nothing)]
#[bench::core(core())]
#[bench::cutout(cutout())]
fn admit_closed<C: Clock, O: Observer>(prepared: Prepared<C, O>) -> Prepared<C, O> {
    for _ in 0..TIMES {
        let _ = black_box(prepared.breaker.admit());
    }
    prepared
}

#[library_benchmark(setup = open, teardown = refusals)]
#[bench::core(core())]
#[bench::cutout(cutout())]
fn admit_open<C: Clock, O: Observer>(prepared: Prepared<C, O>) -> Prepared<C, O> {
    for _ in 0..TIMES {
        let _ = black_box(prepared.breaker.admit());
    }
    prepared
}

#[library_benchmark(setup = closed, teardown = successes)]
#[bench::core(core())]
#[bench::cutout(cutout())]
fn settle_success<C: Clock, O: Observer>(mut prepared: Prepared<C, O>) -> Prepared<C, O> {
    for ticket in prepared.tickets.drain(..) {
        prepared.breaker.settle(ticket, Outcome::Success);
    }
    prepared
}

#[library_benchmark(setup = closed, teardown = failures)]
#[bench::core(core())]
#[bench::cutout(cutout())]
fn settle_failure<C: Clock, O: Observer>(mut prepared: Prepared<C, O>) -> Prepared<C, O> {
    for ticket in prepared.tickets.drain(..) {
        prepared.breaker.settle(ticket, Outcome::Failure);
    }
    prepared
}

#[library_benchmark(setup = closed, teardown = successes)]
#[bench::core(core())]
#[bench::cutout(cutout())]
fn call_success<C: Clock, O: Observer>(prepared: Prepared<C, O>) -> Prepared<C, O> {
    Load::Success.run(prepared.breaker, TIMES);
    prepared
}

library_benchmark_group!(
    name = operations,
    benchmarks = [admit_closed, admit_open, settle_success, settle_failure, call_success]
);

main!(library_benchmark_groups = operations);

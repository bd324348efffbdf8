//! The defects that were found in other breakers, each as a test that ours has not got it. The
//! names begin with the ids of the faults; `core/FAULTS.md` lists them all, and `faults_list.rs` holds
//! the two together.

mod support;

use core::cell::{Cell, OnceCell, RefCell};
use core::future::{Future, pending};
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::mpsc;

use cutout_core::{
    Backoff, CallEvent, CircuitBreaker, Clock, Config, Error, HalfOpenRule, Instant, ManualClock,
    Mode, Observer, Outcome, Rate, Recovery, RejectReason, Rejected, State, Transition, Window,
};
use support::{breaker, config, fail, follow, millis, secs, succeed, tripped};

fn panics<T>(act: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(act)).is_err()
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

type Act<O> = fn(&CircuitBreaker<Meanwhile<O>, O>);

/// A clock that does something once, when it is read next: what another thread might do meanwhile.
struct Meanwhile<O: 'static> {
    clock: ManualClock,
    act: Cell<Option<Act<O>>>,
    breaker: OnceCell<&'static CircuitBreaker<Meanwhile<O>, O>>,
}

impl<O> Clock for Meanwhile<O> {
    fn now(&self) -> Instant {
        if let (Some(act), Some(breaker)) = (self.act.take(), self.breaker.get()) {
            act(breaker);
        }
        self.clock.now()
    }
}

fn with_meanwhile<O: Observer>(
    config: Config,
    observer: O,
) -> &'static CircuitBreaker<Meanwhile<O>, O> {
    let clock =
        Meanwhile { clock: ManualClock::new(), act: Cell::default(), breaker: OnceCell::new() };
    let breaker = Box::leak(Box::new(CircuitBreaker::with_observer(config, clock, observer)));
    assert!(breaker.clock().breaker.set(breaker).is_ok());
    breaker
}

#[test]
fn d_r1_a_result_that_asks_for_a_break_moves_state_and_time_in_one_step() {
    let breaker = breaker(config().consecutive_failures(1));
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(secs(9)));
    let refusal = breaker.admit().expect_err("D-r1: it is open");
    assert_eq!(refusal.retry_after(), Some(secs(9)), "D-r1: and for as long as was asked");
    breaker.clock().advance(secs(9));
    breaker.try_acquire().unwrap().settle(Outcome::Failure.retry_after(Duration::ZERO));
    let refusal = breaker.admit().expect_err("D-r1: it is open again");
    assert_eq!(refusal.retry_after(), Some(secs(5)), "D-r1: though no length was asked for");
    breaker.clock().advance(secs(5));
    assert!(breaker.admit().is_ok(), "D-r1: it does not refuse for ever");
}

#[test]
fn d_r2_trials_that_panic_do_not_leak() {
    let breaker = tripped(config());
    for _ in 0..12 {
        breaker.clock().advance(secs(5));
        assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("a fatal error") })));
    }
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn d_r3_a_stale_success_does_not_close_and_a_stale_ignored_call_gives_no_place_back() {
    let breaker = breaker(config().trials(1));
    let early: Vec<_> = (0..6).map(|_| breaker.admit().unwrap()).collect();
    for _ in 0..4 {
        fail(&breaker);
    }
    breaker.clock().advance(secs(5));
    let _trial = breaker.admit().unwrap();
    for (ticket, outcome) in early.into_iter().zip([Outcome::Success, Outcome::Ignored].repeat(3)) {
        breaker.settle(ticket, outcome);
        assert!(breaker.admit().is_err(), "D-r3: one trial, and it is out");
    }
    assert_eq!(breaker.state(), State::HalfOpen, "D-r3");
}

#[test]
fn d_r4_a_clock_set_back_neither_empties_the_window_nor_lengthens_the_break_that_follows() {
    let breaker = breaker(config().minimum_throughput(100));
    breaker.clock().advance(secs(3_600));
    for n in 0..100 {
        if n == 50 {
            breaker.clock().set(Instant::ORIGIN);
        }
        if n < 50 {
            assert!(succeed(&breaker));
        } else {
            assert_eq!(breaker.snapshot().tally.total(), n, "D-r4: the window holds them all");
            fail(&breaker);
        }
    }
    assert_eq!(breaker.state(), State::Open, "D-r4: 50 of 100, 50 of them from an hour ahead");
    assert_eq!(breaker.admit().unwrap_err().retry_after(), Some(secs(5)), "D-r4");
    breaker.clock().advance(secs(5));
    assert!(breaker.admit().unwrap().is_trial(), "D-r4: and no hour longer");
}

#[test]
fn d_r5_window_break_and_slowness_follow_the_one_clock() {
    let breaker = breaker(config().slow_call_duration(secs(1)));
    follow(&breaker, "x x x 10s x x x x", "C C C C C C C O");
    follow(&breaker, "5s + s", "O H C");
    assert_eq!(breaker.totals().slow, 1, "D-r5");
}

#[test]
fn d_r6_a_classifier_that_panics_leaks_no_place() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let broken = |_: &Result<(), ()>| -> Outcome { panic!("in the predicate") };
    assert!(panics(|| breaker.call_with(|| Ok(()), broken)));
    assert_eq!(breaker.snapshot().trials_in_flight, 0, "D-r6");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
}

#[test]
fn d_r7_each_change_is_told_once_and_after_it_was_made() {
    struct Asks(RefCell<Vec<(State, bool)>>, OnceCell<&'static Asking>);
    type Asking = CircuitBreaker<ManualClock, Asks>;
    impl Observer for Asks {
        fn on_transition(&self, transition: &Transition) {
            let breaker = self.1.get().unwrap();
            assert_eq!(breaker.state(), transition.to, "D-r7: told after the change");
            self.0.borrow_mut().push((transition.to, breaker.admit().is_ok()));
        }
    }
    let asks = Asks(RefCell::default(), OnceCell::new());
    let breaker: &'static Asking = Box::leak(Box::new(CircuitBreaker::with_observer(
        config().trials(1),
        ManualClock::new(),
        asks,
    )));
    assert!(breaker.observer().1.set(breaker).is_ok());
    for works in [false, false, false, false, false, true] {
        if breaker.state() == State::Open {
            breaker.clock().advance(secs(5));
        }
        assert_eq!(breaker.call(|| if works { Ok(()) } else { Err(()) }).is_ok(), works);
    }
    breaker.force_open();
    breaker.release();
    breaker.open_for(secs(1));
    breaker.reset();
    let (closed, open) = ((State::Closed, true), (State::Open, false));
    let half_open = (State::HalfOpen, false);
    let told = [open, half_open, open, half_open, closed, open, closed, open, closed];
    assert_eq!(*breaker.observer().0.borrow(), told, "D-r7");
}

/// What all ways to ask answer, which is the same.
fn answer<C: Clock, O: Observer>(breaker: &CircuitBreaker<C, O>) -> Option<Rejected> {
    let looked = breaker.refusal();
    let admitted = breaker.admit().map(|ticket| breaker.cancel(ticket));
    assert_eq!(admitted.err(), looked, "D-r7: admit");
    assert_eq!(breaker.try_acquire().map(drop).err(), looked, "D-r7: try_acquire");
    let ignored = breaker.call_with(|| Ok::<_, ()>(()), |_| Outcome::Ignored);
    assert_eq!(ignored.err(), looked.map(Error::Rejected), "D-r7: call");
    let mut call = pin!(breaker.call_async(pending::<Result<(), ()>>()));
    assert_eq!(
        poll(call.as_mut()),
        looked.map_or(Poll::Pending, |refusal| Poll::Ready(Err(Error::Rejected(refusal)))),
        "D-r7: call_async"
    );
    looked
}

#[test]
fn d_r7_all_ways_to_ask_give_one_answer_and_also_in_the_midst_of_a_change() {
    let breaker = with_meanwhile(config().trials(1), ());
    let reason = || answer(breaker).map(|refusal| refusal.reason());
    assert_eq!(reason(), None, "closed");
    for _ in 0..3 {
        let _ = breaker.call(|| Err::<(), _>(()));
    }
    let failing = breaker.admit().unwrap();
    // Asked as the failure reads the clock to open the circuit, before it is open.
    breaker.clock().act.set(Some(|breaker| {
        breaker.clock().act.set(Some(|breaker| assert_eq!(answer(breaker), None)));
    }));
    breaker.settle(failing, Outcome::Failure);
    assert!(breaker.clock().act.take().is_none(), "the clock is read twice: to count, and to open");
    assert_eq!(reason(), Some(RejectReason::Open));
    breaker.clock().clock.advance(secs(5));
    assert_eq!(reason(), None, "the break is over");
    assert_eq!(breaker.state(), State::HalfOpen);
    let trial = breaker.admit().unwrap();
    assert_eq!(reason(), Some(RejectReason::HalfOpenFull));
    breaker.settle(trial, Outcome::Success);
    assert_eq!(reason(), None, "closed again");
    breaker.force_open();
    assert_eq!(reason(), Some(RejectReason::ForcedOpen));
    breaker.release();
    assert_eq!(reason(), None, "released");
}

#[test]
fn d_r7_a_call_that_loses_the_race_for_the_trial_is_refused_and_told_of_once() {
    #[derive(Default)]
    struct Hears(Cell<u32>, Cell<u32>);
    impl Observer for Hears {
        fn on_transition(&self, _: &Transition) {
            self.0.set(self.0.get() + 1);
        }
        fn hears_calls(&self) -> bool {
            true
        }
        fn on_call(&self, call: &CallEvent) {
            self.1.set(self.1.get() + u32::from(matches!(call, CallEvent::Rejected(_))));
        }
    }
    let breaker = with_meanwhile(config().consecutive_failures(1).trials(1), Hears::default());
    let _ = breaker.call(|| Err::<(), _>(()));
    breaker.clock().clock.advance(secs(5));
    // It has seen the circuit open, and while it reads the clock another takes the one trial.
    breaker.clock().act.set(Some(|breaker| {
        let trial = breaker.admit().expect("the break is over");
        assert!(trial.is_trial());
    }));
    let refusal = breaker.admit().unwrap_err();
    assert_eq!(refusal.reason(), RejectReason::HalfOpenFull, "D-r7");
    let Hears(changes, refusals) = breaker.observer();
    assert_eq!((changes.get(), refusals.get(), breaker.totals().rejected), (2, 1, 1), "D-r7");
}

#[test]
fn d_r11_each_break_is_its_factor_times_the_last_and_then_the_cap_for_good() {
    // That it takes no loop over the attempts is shown beside `grow`, in `src/policy.rs`.
    let backoff = Backoff::percent(150, secs(3_600));
    let breaker = tripped(config().trials(1).break_backoff(backoff));
    let mut before = secs(5);
    for _ in 0..300 {
        breaker.clock().advance(secs(3_600));
        fail(&breaker);
        let length = breaker.snapshot().retry_after.unwrap();
        let grown = (before * 3 / 2).min(secs(3_600));
        assert!(length.abs_diff(grown) < Duration::from_micros(1), "D-r11: {before:?} {length:?}");
        before = length;
    }
    assert_eq!(before, secs(3_600), "D-r11");
}

#[test]
fn d_p1_a_trial_that_never_ends_is_given_up() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    let _hung = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::Open, "D-p1: it reopened");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+", "C");
}

#[test]
fn d_p2_a_cancelled_trial_does_not_close() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    drop(breaker.try_acquire().unwrap());
    assert_eq!(breaker.state(), State::HalfOpen, "D-p2: cancelled is no success");
}

#[test]
fn d_p3_a_success_from_before_the_break_does_not_decide_half_open() {
    let breaker = breaker(config().trials(1));
    let early: Vec<_> = (0..2).map(|_| breaker.admit().unwrap()).collect();
    follow(&breaker, "x x x x 5s", "C C C O O");
    let trial = breaker.admit().unwrap();
    for ticket in early {
        breaker.settle(ticket, Outcome::Success);
        assert_eq!(breaker.state(), State::HalfOpen, "D-p3");
    }
    breaker.settle(trial, Outcome::Failure);
    assert_eq!(breaker.state(), State::Open, "D-p3: it is the trial that decides");
}

#[test]
fn d_p4_the_window_spans_what_it_says_and_its_grid_does_not_move_with_the_traffic() {
    for first in [0, 400, 999] {
        let breaker = breaker(config());
        breaker.clock().advance(millis(first));
        fail(&breaker);
        breaker.clock().set(Instant::ORIGIN.saturating_add(millis(9_999)));
        assert_eq!(breaker.snapshot().tally.failures, 1, "D-p4: from {first} ms");
        breaker.clock().set(Instant::ORIGIN.saturating_add(secs(10)));
        assert_eq!(breaker.snapshot().tally.failures, 0, "D-p4: from {first} ms");
    }
}

#[test]
fn d_p5_d_g2_what_the_user_gives_may_call_the_breaker() {
    static BREAKER: CircuitBreaker<ManualClock> = CircuitBreaker::with_clock(
        Config::new().trip_when(|tally| {
            assert_eq!(BREAKER.state(), State::Closed, "D-g2: no lock is held");
            BREAKER.snapshot().tally == *tally && tally.failures == 3
        }),
        ManualClock::new(),
    );
    for _ in 0..3 {
        let classify = |_: &Result<(), ()>| {
            let _ = BREAKER.call(|| Ok::<_, ()>(()));
            Outcome::Failure
        };
        assert!(BREAKER.call_with(|| Err(()), classify).is_err());
    }
    assert_eq!(BREAKER.state(), State::Open, "D-p5");
}

#[test]
fn d_h1_a_bulkhead_that_turns_a_trial_away_does_not_hold_half_open() {
    let breaker = tripped(config().trials(1));
    breaker.clock().advance(secs(5));
    for _ in 0..10 {
        let permit = breaker.try_acquire().expect("D-h1: the place is free again");
        permit.settle(Outcome::Ignored);
    }
    follow(&breaker, "+", "C");
}

#[test]
fn d_h2_whatever_opens_the_circuit_its_break_is_there_when_that_is_told() {
    struct Asks(RefCell<Vec<Option<Duration>>>, OnceCell<&'static Asking>);
    type Asking = CircuitBreaker<ManualClock, Asks>;
    impl Observer for Asks {
        fn on_transition(&self, transition: &Transition) {
            if transition.to == State::Open {
                let refusal = self.1.get().unwrap().admit().expect_err("D-h2: it is open");
                self.0.borrow_mut().push(refusal.retry_after());
            }
        }
    }
    let asks = Asks(RefCell::default(), OnceCell::new());
    let breaker: &'static Asking = Box::leak(Box::new(CircuitBreaker::with_observer(
        config().consecutive_failures(1),
        ManualClock::new(),
        asks,
    )));
    assert!(breaker.observer().1.set(breaker).is_ok());
    let fails = || assert!(breaker.call(|| Err::<(), _>(())).is_err());
    fails();
    breaker.clock().advance(secs(5));
    fails(); // a trial
    breaker.clock().advance(secs(5));
    let _hung = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    assert!(breaker.admit().is_err(), "D-h2: the lease was over");
    breaker.open_for(secs(7));
    let told = [Some(secs(5)), Some(secs(5)), Some(secs(5)), Some(secs(7))];
    assert_eq!(*breaker.observer().0.borrow(), told, "D-h2");
}

#[test]
fn d_h3_the_result_that_makes_the_condition_true_opens_at_once() {
    follow(&breaker(config()), "x x x x +", "C C C O O-");
}

#[test]
fn d_h4_d_o2_what_a_bulkhead_turns_away_is_no_failure() {
    let breaker = breaker(config().consecutive_failures(2));
    for _ in 0..1_000 {
        breaker.try_acquire().unwrap().settle(Outcome::Ignored);
    }
    assert_eq!((breaker.state(), breaker.snapshot().tally.total()), (State::Closed, 0), "D-h4");
    follow(&breaker, "x + + +", "C C C C");
    assert_eq!(breaker.totals().failures, 1, "D-o2");
}

#[test]
fn d_o2_the_breakers_own_refusals_are_no_part_of_the_rate() {
    // A ramp refuses in the same generation in which it counts: of two results both fail, and the
    // calls that it refuses in between would make that far less than half.
    let breaker = tripped(config().recovery(Recovery::in_stages_of(secs(60))));
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
    let before = breaker.totals().rejected;
    while breaker.state() == State::Closed {
        fail(&breaker);
        assert!(breaker.totals().rejected < 100, "D-o2: refusals hold the rate down");
    }
    let tally = breaker.observer().last().tally;
    assert_eq!((tally.failures, tally.total()), (2, 2), "D-o2");
    assert!(breaker.totals().rejected - before >= 8, "D-o2: there were refusals in between");
}

#[test]
fn d_g1_a_done_that_is_never_called_does_not_keep_half_open_full() {
    let breaker = tripped(config());
    breaker.clock().advance(secs(5));
    core::mem::forget((breaker.admit().unwrap(), breaker.try_acquire().unwrap()));
    assert!(breaker.admit().is_err());
    breaker.clock().advance(secs(20));
    assert!(breaker.admit().is_err(), "D-g1: it reopened");
    breaker.clock().advance(secs(5));
    follow(&breaker, "+ +", "H C");
}

#[test]
fn d_g5_a_call_cannot_be_settled_twice() {
    // Permits and tickets are used up by settling: `tests/ui/settled_twice.rs` does not compile.
    let breaker = breaker(config());
    breaker.try_acquire().unwrap().settle(Outcome::Failure);
    assert_eq!(breaker.totals().settled(), 1, "D-g5: nor does the permit settle when it drops");
}

#[test]
fn d_g6_a_panic_is_a_failure_whatever_the_classifier_thinks() {
    let breaker = breaker(config());
    let lenient = |_: &Result<(), ()>| Outcome::Success;
    assert!(panics(|| breaker.call_with(|| panic!("in the call"), lenient)));
    assert_eq!(breaker.totals().failures, 1, "D-g6");
}

#[test]
fn d_g7_a_call_across_an_edge_of_the_window_counts() {
    let breaker = breaker(config());
    for _ in 0..4 {
        let call = breaker.admit().unwrap();
        breaker.clock().advance(secs(11));
        breaker.settle(call, Outcome::Failure);
    }
    assert_eq!(breaker.totals().failures, 4, "D-g7: counted, not dropped");
    let hung: Vec<_> = (0..4).map(|_| breaker.admit().unwrap()).collect();
    breaker.clock().advance(secs(3_600));
    for call in hung {
        breaker.settle(call, Outcome::Failure);
    }
    assert_eq!(breaker.state(), State::Open, "D-g7: however long they hung");
}

#[test]
fn d_y1_calls_run_side_by_side() {
    // So long only if one call does not begin before the other has ended.
    const FAR_TOO_LONG: Duration = Duration::from_secs(60);
    for half_open in [false, true] {
        let breaker = CircuitBreaker::with_clock(config(), ManualClock::new());
        if half_open {
            breaker.open_for(Duration::ZERO);
        }
        let ((to_one, at_one), (to_other, at_other)) = (mpsc::channel(), mpsc::channel());
        let call = |to: mpsc::Sender<()>, at: mpsc::Receiver<()>| {
            breaker.call(|| {
                to.send(()).expect("the other has not gone yet");
                at.recv_timeout(FAR_TOO_LONG)
            })
        };
        std::thread::scope(|scope| {
            let one = scope.spawn(|| call(to_other, at_one));
            let other = call(to_one, at_other);
            let both = (one.join().unwrap(), other);
            assert_eq!(both, (Ok(()), Ok(())), "D-y1: each runs while the other does");
        });
    }
    let breaker = CircuitBreaker::with_clock(config(), ManualClock::new());
    let running = Cell::new(0);
    let call = || {
        breaker.call_async(async {
            running.set(running.get() + 1);
            pending::<Result<(), ()>>().await
        })
    };
    let (mut one, mut other) = (pin!(call()), pin!(call()));
    assert!(poll(one.as_mut()).is_pending() && poll(other.as_mut()).is_pending());
    assert_eq!(running.get(), 2, "D-y1: and on one thread as well");
}

#[test]
fn d_y2_an_ignored_error_is_no_success() {
    let breaker = breaker(config().consecutive_failures(2).trials(1));
    follow(&breaker, "x ~ x", "C C O");
    follow(&breaker, "5s ~ ~", "O H H");
}

#[test]
fn d_y3_an_observer_that_panics_leaves_the_breaker_usable() {
    struct Broken;
    impl Observer for Broken {
        fn on_transition(&self, _: &Transition) {
            panic!("in the listener");
        }
    }
    // Without std nobody can catch it: here it goes on to the caller. `cutout` catches it.
    let config = config().consecutive_failures(1).trials(1);
    let breaker = CircuitBreaker::with_observer(config, ManualClock::new(), Broken);
    assert!(panics(|| breaker.call(|| Err::<(), _>(()))));
    assert_eq!((breaker.state(), breaker.totals().failures), (State::Open, 1), "D-y3");
    breaker.clock().advance(secs(5));
    assert!(panics(|| breaker.admit()), "it is told of the trial");
    assert_eq!(breaker.snapshot().trials_in_flight, 0, "D-y3: whose place is free again");
    assert!(panics(|| breaker.call(|| Ok::<_, ()>(()))), "it is told of the end");
    assert_eq!((breaker.state(), breaker.totals().successes), (State::Closed, 1), "D-y3");
    assert_eq!(breaker.call(|| Ok::<_, ()>("fine")), Ok("fine"), "D-y3");
}

#[test]
fn d_y4_an_abandoned_call_is_cancelled_and_no_failure() {
    let breaker = breaker(config());
    for _ in 0..100 {
        drop(breaker.try_acquire().unwrap());
    }
    assert_eq!((breaker.totals().failures, breaker.totals().cancelled), (0, 100), "D-y4");
}

#[test]
fn d_o1_the_first_failure_alone_does_not_open_and_exactly_half_does() {
    follow(&breaker(Config::new()), "x", "C");
    follow(&breaker(config()), "+ + x x", "C C C O");
}

#[test]
fn d_o3_a_hung_trial_does_not_keep_half_open_though_nothing_times_out() {
    let breaker = tripped(config().trials(1).half_open_rule(HalfOpenRule::Rate));
    breaker.clock().advance(secs(5));
    let _hung = breaker.admit().unwrap();
    breaker.clock().advance(secs(20));
    assert_eq!(breaker.admit().unwrap_err().reason(), RejectReason::Open, "D-o3");
}

#[test]
fn d_o4_a_filtered_error_does_not_close() {
    follow(&tripped(config().trials(1)), "5s ~ ~ +", "O H H C");
}

#[test]
fn d_o6_the_window_does_not_survive_the_close() {
    follow(&tripped(config()), "5s + + x x x", "O H C C C C");
}

// What the Rust breakers were measured to do (PEERS, section 4).

#[test]
fn peers_all_slow_and_none_failing_opens() {
    // failsafe, recloser, breaker, breaker-machines, circuitbreaker-rs, nobreak never opened.
    let slow = config().slow_call_duration(millis(10)).slow_call_rate(Rate::percent(50));
    follow(&breaker(slow), "s s s s", "C C C O");
}

#[test]
fn peers_panics_in_closed_are_counted() {
    // None of the nine counted them.
    let breaker = breaker(config());
    for _ in 0..4 {
        assert!(panics(|| breaker.call(|| -> Result<(), ()> { panic!("again") })));
    }
    assert_eq!(breaker.state(), State::Open, "panics are failures");
}

#[test]
fn peers_calls_given_up_from_outside_can_be_counted() {
    // A hundred dropped futures opened none of them.
    let as_failures = config().cancelled_as(Outcome::Failure);
    for (config, ran) in [(config().slow_call_duration(millis(10)), 11), (as_failures, 0)] {
        let breaker = breaker(config);
        for _ in 0..4 {
            let mut call = Box::pin(breaker.call_async(pending::<Result<(), ()>>()));
            assert!(poll(call.as_mut()).is_pending());
            breaker.clock().advance(millis(ran));
            drop(call); // as a timeout around it does
        }
        assert_eq!(breaker.state(), State::Open, "a total outage seen through an outer timeout");
    }
}

#[test]
fn peers_an_outage_after_many_successes_opens_within_its_window() {
    // tower-resilience and circuitbreaker-rs needed 100,000 failures.
    let breaker = breaker(config().window(Window::count(10)).minimum_throughput(10));
    for _ in 0..100_000 {
        assert!(succeed(&breaker));
    }
    follow(&breaker, "x x x x x", "C C C C O");
    // With the defaults, all of the successes are in the window still.
    let by_default = support::breaker(Config::new());
    for _ in 0..100_000 {
        assert!(succeed(&by_default));
    }
    for failures in 1..=20 {
        assert_eq!(by_default.state(), State::Closed, "after {failures} failures");
        fail(&by_default);
    }
    assert_eq!(by_default.state(), State::Open);
}

#[test]
fn peers_old_failures_and_one_new_one_do_not_trip() {
    // breaker, circuitbreaker-rs, circuit_breaker and nobreak tripped on stale outcomes.
    let quick = config().window(Window::time(secs(1))).minimum_throughput(10);
    follow(&breaker(quick), "x x x x x x x x x 2500ms x", "C C C C C C C C C C C");
}

#[test]
fn peers_trials_far_apart_close() {
    // tower-resilience's time window in half-open forgot them and stayed half-open for ever.
    let narrow = config().window(Window::time(millis(200)));
    follow(&tripped(narrow), "5s + 300ms +", "O H H C");
}

#[test]
fn peers_the_first_failed_trial_reopens() {
    // recloser took three.
    follow(&tripped(config()), "5s x", "O O");
}

#[test]
fn peers_late_results_do_not_bring_half_open_about() {
    // breaker closed with no trial at all once the wait was over.
    let breaker = breaker(config());
    let early: Vec<_> = (0..10).map(|_| breaker.admit().unwrap()).collect();
    follow(&breaker, "x x x x 5s", "C C C O O");
    for ticket in early {
        breaker.settle(ticket, Outcome::Success);
    }
    assert_eq!(breaker.state(), State::Open, "only a call can be a trial");
}

#[test]
fn peers_total_outage_from_birth_opens_at_once() {
    // failsafe waited a whole window, and again after each recovery.
    follow(&breaker(config()), "x x x x", "C C C O");
    follow(&tripped(config()), "5s + + x x x x", "O H C C C C O");
}

#[test]
fn peers_extreme_settings_are_errors_or_work() {
    // Zero lengths that panicked in every call, NaN that never tripped, thresholds out of reach,
    // waits that overflowed: each is refused with a message, or does what it says.
    let refused = |config| CircuitBreaker::try_with_clock(config, ManualClock::new()).is_err();
    assert!(refused(Config::new().window(Window::time(Duration::ZERO))), "failsafe: window 0");
    assert!(refused(Config::new().window(Window::count(0))), "recloser: closed_len 0");
    assert!(refused(Config::new().trials(0)), "tower-resilience: 0 permitted calls");
    assert!(refused(Config::new().trials(u32::MAX)), "tower-resilience: usize::MAX calls");
    assert!(refused(Config::new().break_duration(Duration::MAX)), "recloser: open_wait MAX");
    assert!(refused(Config::new().window(Window::count(u32::MAX))), "breaker: 4 GiB of window");
    assert!(refused(Config::new().failure_count(9_000)), "breaker-machines: beyond its log");
    assert!(refused(Config::new().minimum_throughput(0)), "sentinel: dropped silently");
    assert!(
        refused(Config::new().failure_rate(Rate::percent(0))),
        "recloser: rate 0 opens on good"
    );
    let forever = Backoff::doubling(secs(365 * 24 * 60 * 60));
    let breaker = tripped(config().trials(1).break_backoff(forever));
    for reopened in 1..=200 {
        breaker.clock().advance(breaker.snapshot().retry_after.unwrap());
        fail(&breaker);
        assert_eq!(breaker.totals().trials, reopened, "failsafe: a backoff that overflows");
    }
    assert_eq!((breaker.state(), breaker.mode()), (State::Open, Mode::Auto));
}

//! Events reach every reader in order, and a slow one learns what it has missed.
#![cfg(feature = "events")]

mod support;

use core::pin::pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::task::Wake;

use allocation_counter::measure;
use cutout::events::{Announcer, Broadcast, Event, EventKind, ReadError, Reader};
use cutout::{
    CallEvent, Cause, CircuitBreaker, Config, LastTransitions, ManualClock, Observer, Outcome,
    RejectReason, State, TripReason,
};

type Breaker<O> = CircuitBreaker<ManualClock, O>;

fn breaker<O: Observer>(observer: O) -> Breaker<O> {
    let config = Config::new().consecutive_failures(2).trials(1);
    CircuitBreaker::with_observer(config, ManualClock::new(), observer)
}

fn fail<O: Observer>(breaker: &Breaker<O>, times: u32) {
    for _ in 0..times {
        support::fail(breaker);
    }
}

/// Resets until the generation is `last`: an event each.
fn reset_until<O: Observer>(breaker: &Breaker<O>, last: u32) {
    while breaker.snapshot().generation < last {
        breaker.reset();
    }
}

fn generation(event: &Event) -> u32 {
    match event.kind {
        EventKind::Transition(change) => change.generation,
        ref other => panic!("{other:?}"),
    }
}

/// What is there now: the generations, `!n` for n missed, `.` at the end.
fn read(reader: &mut Reader) -> String {
    let mut all = Vec::new();
    loop {
        match reader.try_next() {
            Ok(Some(event)) => all.push(generation(&event).to_string()),
            Ok(None) => break,
            Err(ReadError::Missed(events)) => all.push(format!("!{events}")),
            Err(_) => {
                all.push(".".to_owned());
                break;
            }
        }
    }
    all.join(" ")
}

#[test]
fn an_event_says_which_breaker_changed_and_how() {
    let events = Broadcast::new(8);
    let mut reader = events.subscribe();
    let bank = breaker(events.observer("bank"));
    fail(&bank, 2);
    let event = reader.try_next().unwrap().expect("it opened");
    assert_eq!(&*event.breaker, "bank");
    let EventKind::Transition(change) = event.kind else { panic!("{event:?}") };
    assert_eq!((change.from, change.to), (State::Closed, State::Open));
    assert_eq!(change.cause, Cause::Tripped(TripReason::ConsecutiveFailures));
    assert_eq!(change.break_duration, Some(Duration::from_secs(30)));
    assert_eq!(reader.try_next(), Ok(None));
}

#[test]
fn a_forced_closed_circuit_says_it_would_have_opened() {
    let events = Broadcast::new(8);
    let bank = breaker(events.observer("bank"));
    bank.force_closed();
    let mut reader = events.subscribe();
    fail(&bank, 3);
    let event = reader.try_next().unwrap().expect("it would have opened");
    let EventKind::WouldTrip(reason, tally) = event.kind else { panic!("{event:?}") };
    assert_eq!((reason, tally.failures), (TripReason::ConsecutiveFailures, 2));
    assert_eq!(reader.try_next(), Ok(None), "said once");
}

#[test]
fn calls_are_sent_on_request_before_what_they_change() {
    let events = Broadcast::new(8);
    let mut reader = events.subscribe();
    let bank = breaker(events.observer("bank").with_calls());
    fail(&bank, 2);
    assert!(bank.call(|| Ok::<_, &str>(())).is_err());
    let mut next = || reader.try_next().unwrap().map(|event| event.kind);
    let failure = CallEvent::Settled { outcome: Outcome::Failure, slow: false };
    assert_eq!(next(), Some(EventKind::Call(failure)));
    assert_eq!(next(), Some(EventKind::Call(failure)));
    assert!(matches!(next(), Some(EventKind::Transition(change)) if change.to == State::Open));
    let Some(EventKind::Call(CallEvent::Rejected(refused))) = next() else { panic!() };
    assert_eq!(refused.reason(), RejectReason::Open);
    assert_eq!(next(), None);
}

#[test]
fn every_reader_reads_everything_from_where_it_subscribed() {
    let events = Broadcast::new(8);
    let mut first = events.subscribe();
    let bank = breaker(events.observer("bank"));
    reset_until(&bank, 2);
    let mut second = events.subscribe();
    reset_until(&bank, 4);
    assert_eq!(read(&mut first), "1 2 3 4");
    assert_eq!(read(&mut second), "3 4");
}

#[test]
fn a_slow_reader_learns_its_losses_and_holds_up_nobody() {
    let events = Broadcast::new(4);
    let (mut slow, mut quick) = (events.subscribe(), events.subscribe());
    let bank = breaker(events.observer("bank"));
    for last in [3, 6, 9] {
        reset_until(&bank, last);
        assert_eq!(read(&mut quick).split(' ').count(), 3, "three by three");
    }
    assert_eq!(read(&mut slow), "!5 6 7 8 9");
    reset_until(&bank, 20);
    assert_eq!(read(&mut slow), "!7 17 18 19 20", "counted anew each time");
}

#[test]
fn a_reader_reads_the_rest_before_it_learns_of_the_end() {
    let events = Broadcast::new(4);
    let mut reader = events.subscribe();
    let bank = breaker(events.observer("bank"));
    drop(events);
    reset_until(&bank, 2);
    assert_eq!(read(&mut reader), "1 2", "a breaker that is there may still speak");
    reset_until(&bank, 3);
    drop(bank);
    assert_eq!(read(&mut reader), "3 .");
}

#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_waiting_reader_is_woken_and_a_dropped_wait_loses_nothing() {
    let events = Broadcast::new(4);
    let mut reader = events.subscribe();
    let bank = breaker(events.observer("bank"));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    {
        let next = pin!(reader.next());
        assert!(next.poll(&mut cx).is_pending());
    }
    bank.reset();
    assert_eq!(woken.0.load(Ordering::Relaxed), 0, "it had given up");
    {
        let mut next = pin!(reader.next());
        assert!(
            matches!(next.as_mut().poll(&mut cx), Poll::Ready(Ok(event)) if generation(&event) == 1)
        );
    }
    let mut next = pin!(reader.next());
    assert!(next.as_mut().poll(&mut cx).is_pending());
    bank.reset();
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    assert!(matches!(next.poll(&mut cx), Poll::Ready(Ok(event)) if generation(&event) == 2));
}

/// A waker that does at once what it is woken for.
struct ReadsAtOnce {
    reader: Mutex<Reader>,
    breaker: Arc<Breaker<Announcer>>,
    seen: Mutex<Vec<(u32, State)>>,
}

impl Wake for ReadsAtOnce {
    fn wake(self: Arc<Self>) {
        let mut reader = self.reader.lock().unwrap();
        while let Ok(Some(event)) = reader.try_next() {
            self.seen.lock().unwrap().push((generation(&event), self.breaker.state()));
            if generation(&event) == 1 {
                self.breaker.reset();
            }
        }
    }
}

#[test]
fn a_waker_may_read_and_change_the_circuit() {
    let events = Broadcast::new(4);
    let mut waiting = events.subscribe();
    let waker = Arc::new(ReadsAtOnce {
        reader: Mutex::new(events.subscribe()),
        breaker: Arc::new(breaker(events.observer("bank"))),
        seen: Mutex::default(),
    });
    let as_waker = Waker::from(Arc::clone(&waker));
    let mut next = pin!(waiting.next());
    assert!(next.as_mut().poll(&mut Context::from_waker(&as_waker)).is_pending());
    waker.breaker.force_open();
    assert_eq!(*waker.seen.lock().unwrap(), [(1, State::Open), (2, State::Closed)]);
}

#[test]
fn an_announcement_allocates_nothing_whatever_readers_do() {
    let events = Broadcast::new(4);
    let bank = breaker(events.observer("bank"));
    let announce = || measure(|| reset_until(&bank, bank.snapshot().generation + 10)).count_total;
    assert_eq!(announce(), 0, "nobody reads");
    let mut reader = events.subscribe();
    assert_eq!(announce(), 0, "somebody falls behind");
    read(&mut reader);
    assert_eq!(announce(), 0, "and reads on");
    drop(reader);
    assert_eq!((announce(), events.readers()), (0, 0), "and is gone");

    let bank = breaker(events.observer("bank").with_calls());
    bank.force_closed();
    let _reader = events.subscribe();
    assert_eq!(measure(|| fail(&bank, 10)).count_total, 0, "calls are no different");
}

#[test]
fn a_capacity_out_of_its_range_is_refused() {
    for capacity in [0, 65_537, usize::MAX] {
        let error = Broadcast::try_new(capacity).unwrap_err();
        assert_eq!(error.to_string(), "capacity: must be 1 to 65536");
    }
    assert!(Broadcast::try_new(65_536).is_ok());
}

#[test]
fn the_last_transitions_are_kept_with_the_breaker() {
    let bank = breaker(LastTransitions::<2>::new());
    fail(&bank, 2);
    bank.clock().advance(Duration::from_secs(30));
    assert_eq!(bank.call(|| Ok::<_, &str>(())), Ok(()));
    let kept: Vec<_> = bank.observer().iter().map(|change| change.cause.as_str()).collect();
    assert_eq!(kept, ["break_over", "trials_passed"]);
    assert_eq!(bank.observer().announced(), 3);
}

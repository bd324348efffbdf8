//! Any 64 bits may stand in the state word: no operation panics, no more trials are admitted than
//! are configured, and in the end the circuit closes.
#![no_main]

#[path = "../../core/tests/reference/settings.rs"]
#[allow(dead_code)] // the model's side of it
mod settings;

use core::time::Duration;

use cutout_core::{CircuitBreaker, ManualClock, Mode, Outcome, State};
use libfuzzer_sys::fuzz_target;
use settings::{Bytes, Settings};

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes(bytes);
    let bits = bytes.number();
    let settings = Settings::from_bytes(&mut bytes);
    let breaker = CircuitBreaker::with_clock(settings.config(), ManualClock::new());
    breaker.clock().advance(Duration::from_nanos(bytes.number() >> 1));
    breaker.set_word(bits);

    let mut tickets = Vec::new();
    let mut generation = breaker.snapshot().generation;
    let mut trials = 0;
    while !bytes.is_empty() {
        match bytes.next() % 12 {
            0..=3 => tickets.extend(breaker.admit()),
            4 => {
                if let Some(ticket) = tickets.pop() {
                    breaker.settle(ticket, Outcome::Success);
                }
            }
            5 => {
                if let Some(ticket) = tickets.pop() {
                    breaker.settle(ticket, Outcome::Failure);
                }
            }
            6 => {
                if let Some(ticket) = tickets.pop() {
                    breaker.cancel(ticket);
                }
            }
            7 => breaker.clock().advance(Duration::from_nanos(bytes.number() >> 30)),
            8 => breaker.force_open(),
            9 => breaker.shadow(),
            10 => breaker.force_closed(),
            _ => breaker.release(),
        }
        let snapshot = breaker.snapshot();
        // The bits may have claimed anything about trials; a generation later it is true.
        if snapshot.generation != generation {
            (generation, trials) = (snapshot.generation, settings.trials);
        }
        if trials != 0 {
            assert!(snapshot.trials_in_flight <= trials, "{snapshot:?}");
        }
    }

    drop(tickets);
    breaker.release();
    for _ in 0..200 {
        if breaker.state() == State::Closed && !breaker.snapshot().in_slow_start {
            break;
        }
        let _ = breaker.call(|| Ok::<_, ()>(()));
        breaker.clock().advance(Duration::from_secs(1));
    }
    assert_eq!((breaker.state(), breaker.mode()), (State::Closed, Mode::Auto), "{bits:#x}");
});

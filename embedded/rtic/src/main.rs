//! Firmware: a breaker in an RTIC program. A task starts transfers, and the interrupt that ends
//! each of them settles its ticket, which comes to it through a queue of the crate heapless. An
//! example to copy.
//!
//! QEMU's MPS2 has no device crate. That of another Cortex-M3 does, as no device is touched: the
//! interrupt of a UART is pended by hand.
#![no_std]
#![no_main]

use core::time::Duration;

use clocks::RticClock32;
use cutout_core::{CircuitBreaker, Config};
use rtic_monotonics::systick::prelude::*;

systick_monotonic!(Mono, 1_000);

static CLOCK: RticClock32<Mono> = RticClock32::new();

/// A `static` needs no resource of RTIC: tasks of all priorities use it at once, without a lock.
static RADIO: CircuitBreaker<&RticClock32<Mono>> = CircuitBreaker::with_clock(
    Config::new()
        .without_failure_rate()
        .consecutive_failures(3)
        .break_duration(Duration::from_millis(50))
        .trials(2),
    &CLOCK,
);

#[rtic::app(device = lm3s6965, dispatchers = [SSI0])]
mod app {
    use cutout_core::{Outcome, State, Ticket};
    use heapless::spsc::{Consumer, Producer, Queue};
    use lm3s6965::Interrupt;
    use semihosting::{println, process};

    use super::{CLOCK, Mono, RADIO};
    use rtic_monotonics::systick::prelude::*;

    #[shared]
    struct Shared {}

    /// Each end of the queue has one owner, so neither takes a lock.
    #[local]
    struct Local {
        started: Producer<'static, Ticket>,
        over: Consumer<'static, Ticket>,
    }

    /// A queue of `N` has room for `N - 1` tickets.
    #[init(local = [in_flight: Queue<Ticket, 4> = Queue::new()])]
    fn init(context: init::Context) -> (Shared, Local) {
        let (started, over) = context.local.in_flight.split();
        Mono::start(context.core.SYST, 25_000_000);
        keep_clock_up::spawn().expect("it is spawned once");
        send::spawn().expect("it is spawned once");
        (Shared {}, Local { started, over })
    }

    /// The counter of the monotonic has 32 bits and wraps after 49 days.
    #[task(priority = 1)]
    async fn keep_clock_up(_: keep_clock_up::Context) {
        loop {
            CLOCK.update();
            Mono::delay(1.hours()).await;
        }
    }

    /// Has something to send every 10 ms.
    #[task(priority = 1, local = [started])]
    async fn send(context: send::Context) {
        let mut sent = 0;
        while Mono::now().as_ticks() < 500 {
            if let Ok(ticket) = RADIO.admit() {
                match context.local.started.enqueue(ticket) {
                    Ok(()) => {
                        sent += 1;
                        rtic::pend(Interrupt::UART0);
                    }
                    Err(ticket) => RADIO.take_back(ticket), // nothing was sent
                }
            }
            Mono::delay(10.millis()).await;
        }

        let totals = RADIO.totals();
        assert_eq!(RADIO.state(), State::Closed, "the radio is back");
        assert_eq!(totals.settled(), sent, "whatever was sent was settled");
        assert!((5..8).contains(&totals.failures), "three, and a trial after each break");
        assert!(totals.rejected > 9, "in between the radio was left alone");
        println!(
            "rtic {}: {sent} sent, {} failed, {} refused: passed",
            env!("BOARD_TARGET"),
            totals.failures,
            totals.rejected
        );
        process::exit(0)
    }

    /// A transfer is over. The radio does not answer between 100 and 250 ms.
    #[task(binds = UART0, priority = 2, local = [over])]
    fn transfer_over(context: transfer_over::Context) {
        let is_down = (100..250).contains(&Mono::now().as_ticks());
        let outcome = if is_down { Outcome::Failure } else { Outcome::Success };
        while let Some(ticket) = context.local.over.dequeue() {
            RADIO.settle(ticket, outcome);
        }
    }
}

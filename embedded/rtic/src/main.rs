//! Firmware: a breaker in an RTIC program. A task starts transfers, and the interrupt that ends each of
//! them settles its ticket. An example to copy.
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
    use lm3s6965::Interrupt;
    use semihosting::{println, process};

    use super::{CLOCK, Mono, RADIO};
    use rtic_monotonics::systick::prelude::*;

    #[shared]
    struct Shared {
        in_flight: Option<Ticket>,
    }

    #[local]
    struct Local {}

    #[init]
    fn init(context: init::Context) -> (Shared, Local) {
        Mono::start(context.core.SYST, 25_000_000);
        keep_clock_up::spawn().expect("it is spawned once");
        send::spawn().expect("it is spawned once");
        (Shared { in_flight: None }, Local {})
    }

    /// The counter of the monotonic has 32 bits and wraps after 49 days.
    #[task(priority = 1)]
    async fn keep_clock_up(_: keep_clock_up::Context) {
        loop {
            CLOCK.keep_up();
            Mono::delay(1.hours()).await;
        }
    }

    /// Has something to send every 10 ms.
    #[task(priority = 1, shared = [in_flight])]
    async fn send(mut context: send::Context) {
        let mut sent = 0;
        while Mono::now().as_ticks() < 500 {
            if let Ok(ticket) = RADIO.admit() {
                sent += 1;
                context.shared.in_flight.lock(|in_flight| *in_flight = Some(ticket));
                rtic::pend(Interrupt::UART0);
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
    #[task(binds = UART0, priority = 2, shared = [in_flight])]
    fn transfer_over(mut context: transfer_over::Context) {
        let is_down = (100..250).contains(&Mono::now().as_ticks());
        let outcome = if is_down { Outcome::Failure } else { Outcome::Success };
        if let Some(ticket) = context.shared.in_flight.lock(Option::take) {
            RADIO.settle(ticket, outcome);
        }
    }
}

//! Firmware: a temperature sensor on an I2C bus that wedges, behind a breaker. An example to copy.
//!
//! A device that loses count in the middle of a byte holds the data line low, and then nobody on
//! the bus can be reached: each access waits for a timeout of 25 ms. The breaker opens after three
//! of them, an observer frees the bus whenever it opens, and trials find out whether that has
//! helped. In between the main loop has its time for itself.
//!
//! The firmware runs 1.2 s of faults without the breaker, then with it, and compares the two.
#![no_std]
#![no_main]

mod bus;
mod clock;
mod thermometer;

use core::cell::RefCell;
use core::time::Duration;

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use cutout_core::{
    Backoff, CircuitBreaker, Config, Error, LastTransitions, Observer, State, Transition,
};
use embedded_hal_bus::i2c::RefCellDevice;
use heapless::HistoryBuf;
use semihosting::{println, process};

use bus::{Bus, Record};
use clock::{SysTickClock, millis, millis_since, sleep};
use thermometer::Thermometer;

/// There is no rate, so no window is kept and a reading that goes well reads no clock.
const POLICY: Config = Config::new()
    .without_failure_rate()
    .consecutive_failures(3)
    .break_duration(Duration::from_millis(50))
    .break_backoff(Backoff::doubling(Duration::from_millis(200)))
    .trials(2)
    .trial_timeout(Duration::from_millis(100));

/// Frees the bus when the circuit opens, and again when a trial has shown that it did not help.
struct FreesBus<'a>(&'a RefCell<Bus>);

impl Observer for FreesBus<'_> {
    fn on_transition(&self, transition: &Transition) {
        let Transition { from, to, cause, .. } = transition;
        println!("  {} ms: {from:?} to {to:?}, {cause:?}", millis());
        if *to == State::Open {
            // The access that led here is over, so nobody else has borrowed the bus.
            self.0.borrow_mut().clock_out();
        }
    }
}

fn with_breaker() -> Record {
    let bus = RefCell::new(Bus::new());
    let observer = (LastTransitions::<16>::new(), FreesBus(&bus));
    let breaker = CircuitBreaker::with_observer(POLICY, SysTickClock, observer);
    let mut thermometer = Thermometer(RefCellDevice::new(&bus));
    let mut readings = HistoryBuf::<i32, 4>::new();

    for_each_reading_due(|| match breaker.call(|| thermometer.read()) {
        Ok(temperature) => readings.write(temperature),
        Err(Error::Inner(error)) => println!("  {} ms: {error:?}", millis()),
        Err(Error::Rejected(_)) => {} // the bus is left alone, and the last readings have to do
    });

    let history = &breaker.observer().0;
    let times = |state| history.iter().filter(|transition| transition.to == state).count();
    assert_eq!(breaker.state(), State::Closed, "the sensor is back");
    assert_eq!(*readings, [21_500; 4], "in thousandths of a degree");
    assert_eq!(times(State::Closed), 2, "it came back from both faults");
    assert!(times(State::Open) >= 4, "trials failed while the second fault lasted");
    assert_eq!(times(State::HalfOpen), times(State::Open), "each break ended in a trial");

    let (record, totals) = (bus.borrow().record(), breaker.totals());
    assert_eq!(record.resets as usize, times(State::Open), "the bus was freed at each opening");
    assert_eq!(u64::from(record.accesses), totals.successes + totals.failures);
    assert_eq!(u64::from(record.timeouts), totals.failures, "refusals are no failures");
    assert!(totals.rejected > 0);
    record
}

fn without_breaker() -> Record {
    let bus = RefCell::new(Bus::new());
    let mut thermometer = Thermometer(RefCellDevice::new(&bus));
    let mut last = Ok(0);

    for_each_reading_due(|| last = thermometer.read());

    assert!(last.is_err(), "nobody frees the bus, so it is wedged for good");
    bus.borrow().record()
}

/// A reading is due every 10 ms. One that has to wait makes those that it overlaps go by.
fn for_each_reading_due(mut read: impl FnMut()) {
    let start = millis();
    while millis_since(start) < 1_200 {
        read();
        let next = (millis_since(start) / 10 + 1) * 10;
        sleep(start, next);
    }
}

#[entry]
fn main() -> ! {
    clock::start(Peripherals::take().expect("nobody else has taken them").SYST);
    let without = without_breaker();
    let with = with_breaker();
    assert!(with.timeouts * 4 < without.timeouts, "it stops hammering the bus");
    assert!(with.millis_lost * 4 < without.millis_lost, "and the loop has its time");
    println!("sensor {}: without a breaker {without}", env!("BOARD_TARGET"));
    println!("sensor {}: with a breaker {with}: passed", env!("BOARD_TARGET"));
    process::exit(0)
}

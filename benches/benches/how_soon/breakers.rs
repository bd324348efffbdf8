//! Who takes part: ours by setting, and those of others with the defaults that they ship.

use core::error::Error as Failure;
use core::fmt;
use core::future::{Ready, ready};
use core::time::Duration;

use cutout::{CircuitBreaker, Config, Instant, ManualClock, State, Window};
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::{CircuitBreakerLayer, CircuitState};

use crate::users::{Breaker, Opening, Question};

/// A row of the tables.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Makes a breaker and asks it.
    pub(crate) measure: Box<dyn Fn(Question) -> Opening>,
}

pub(crate) fn rows() -> Vec<Row> {
    const DEFAULTS: Config = Config::new();
    const SHORT: Config = Config::new().window(Window::time(Duration::from_secs(5)));
    const LAST: Config = Config::new().window(Window::count(100));
    vec![
        ours("defaults: 50 % of 30 s, or 20 in a row", DEFAULTS),
        ours("defaults without the row", DEFAULTS.without_consecutive_failures()),
        ours("50 % of 5 s, or 20 in a row", SHORT),
        ours("50 % of 5 s alone", SHORT.without_consecutive_failures()),
        ours("50 % of the last 100, or 20 in a row", LAST),
        ours("50 % of the last 100 alone", LAST.without_consecutive_failures()),
        ours("5 in a row alone", DEFAULTS.without_failure_rate().consecutive_failures(5)),
        theirs("failsafe", "5 in a row, or average under 80 % good", failsafe),
        theirs("recloser", "50 % of the last 100", recloser),
        theirs("breaker", "50 % of the last 10, or 5 in a row", breaker),
        theirs("circuitbreaker-rs", "50 % of all results, or 5 in a row", circuitbreaker_rs),
        theirs("circuit_breaker", "3 failures ever", circuit_breaker),
        theirs("nobreak", "5 in a row", nobreak),
        theirs("tower-resilience-circuitbreaker", "50 % of all results", tower_resilience),
    ]
}

fn ours(setting: &str, config: Config) -> Row {
    let measure = move |question: Question| {
        question.ask(&mut Ours(CircuitBreaker::with_clock(config, ManualClock::new())))
    };
    Row { name: format!("cutout, {setting}"), measure: Box::new(measure) }
}

fn theirs(package: &str, setting: &str, measure: fn(Question) -> Opening) -> Row {
    let name = format!("{package} {}, {setting}", version(package));
    Row { name, measure: Box::new(measure) }
}

/// The version of a package that is linked into this program.
fn version(package: &str) -> &'static str {
    let (_, entry) = include_str!("../../../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .expect("the lock file names what is linked");
    entry.split('"').next().expect("a version ends")
}

/// A call that fails.
#[derive(Debug)]
struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fault")
    }
}

impl Failure for Fault {}

const fn operation(is_good: bool) -> Result<(), Fault> {
    if is_good { Ok(()) } else { Err(Fault) }
}

struct Ours(CircuitBreaker<ManualClock>);

impl Breaker for Ours {
    fn call(&mut self, at: Duration, is_good: bool) -> bool {
        let nanos = u64::try_from(at.as_nanos()).expect("minutes fit");
        self.0.clock().set(Instant::from_nanos(nanos));
        !matches!(self.0.call(|| operation(is_good)), Err(cutout::Error::Rejected(_)))
    }

    fn is_open(&self) -> Option<bool> {
        Some(self.0.state() != State::Closed)
    }
}

/// A breaker that decides by no time while it is closed, so that none has to pass for it.
struct Timeless<C, S> {
    call: C,
    is_open: S,
}

impl<C: FnMut(bool) -> bool, S: Fn() -> Option<bool>> Breaker for Timeless<C, S> {
    fn call(&mut self, _: Duration, is_good: bool) -> bool {
        (self.call)(is_good)
    }

    fn is_open(&self) -> Option<bool> {
        (self.is_open)()
    }
}

/// `failsafe` reads a clock for its average: that of its own tests, which a thread may set.
fn failsafe(question: Question) -> Opening {
    use failsafe::clock::{MockClock, freeze};
    use failsafe::{CircuitBreaker, Config, Error, FailurePolicy, StateMachine};

    struct Frozen<'a, P: FailurePolicy> {
        clock: &'a mut MockClock,
        now: Duration,
        machine: StateMachine<P, ()>,
    }

    impl<P: FailurePolicy> Breaker for Frozen<'_, P> {
        fn call(&mut self, at: Duration, is_good: bool) -> bool {
            self.clock.advance(at - self.now);
            self.now = at;
            !matches!(self.machine.call(|| operation(is_good)), Err(Error::Rejected))
        }

        fn is_open(&self) -> Option<bool> {
            Some(!self.machine.is_call_permitted())
        }
    }

    freeze(|clock| {
        let machine = Config::new().build();
        question.ask(&mut Frozen { clock, now: Duration::ZERO, machine })
    })
}

fn recloser(question: Question) -> Opening {
    use recloser::{Error, Recloser};

    let breaker = Recloser::default();
    question.ask(&mut Timeless {
        call: |is_good| !matches!(breaker.call(|| operation(is_good)), Err(Error::Rejected)),
        is_open: || None,
    })
}

fn breaker(question: Question) -> Opening {
    use breaker::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError as Error, State};

    let breaker = CircuitBreaker::new(CircuitBreakerConfig::builder().build());
    let call = |is_good| pollster::block_on(breaker.call(|| async move { operation(is_good) }));
    question.ask(&mut Timeless {
        call: |is_good| !matches!(call(is_good), Err(Error::CircuitOpen | Error::Rejected)),
        is_open: || Some(breaker.metrics().state != State::Closed),
    })
}

fn circuitbreaker_rs(question: Question) -> Opening {
    use circuitbreaker_rs::{BreakerError, CircuitBreaker, DefaultPolicy, State};

    let breaker = CircuitBreaker::<DefaultPolicy, Fault>::builder().build();
    question.ask(&mut Timeless {
        call: |is_good| !matches!(breaker.call(|| operation(is_good)), Err(BreakerError::Open)),
        is_open: || Some(breaker.current_state() != State::Closed),
    })
}

/// It has no defaults: these are the numbers of its README.
fn circuit_breaker(question: Question) -> Opening {
    use circuit_breaker::{CircuitBreaker, CircuitBreakerError, CircuitState};

    let breaker = CircuitBreaker::new(3, Duration::from_secs(60));
    question.ask(&mut Timeless {
        call: |is_good| match breaker.execute(|| operation(is_good)) {
            Ok(()) => true,
            Err(error) => !error.is::<CircuitBreakerError>(),
        },
        is_open: || Some(!matches!(breaker.state(), CircuitState::Closed)),
    })
}

fn nobreak(question: Question) -> Opening {
    use nobreak::{CircuitError, CircuitState};

    let breaker = nobreak::builder().build();
    question.ask(&mut Timeless {
        call: |is_good| !matches!(breaker.call(|| operation(is_good)), Err(CircuitError::Open)),
        is_open: || Some(!matches!(breaker.state(), CircuitState::Closed)),
    })
}

thread_local! {
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().build().expect("a runtime");
}

fn tower_resilience(question: Question) -> Opening {
    use tower_resilience_circuitbreaker::CircuitBreakerError;

    let layer = CircuitBreakerLayer::builder().build().expect("its defaults are valid");
    let serve: fn(bool) -> Ready<Result<(), Fault>> = |is_good| ready(operation(is_good));
    let service = layer.layer_fn(service_fn(serve));
    let call = async |is_good| {
        let mut service = service.clone(); // of the handle
        let ready = service.ready().await.expect("the service is always ready");
        ready.call(is_good).await
    };
    RUNTIME.with(|runtime| {
        question.ask(&mut Timeless {
            call: |is_good| {
                let answer = runtime.block_on(call(is_good));
                !matches!(answer, Err(CircuitBreakerError::OpenCircuit))
            },
            is_open: || Some(service.state_sync() != CircuitState::Closed),
        })
    })
}

//! One timeline, step by step.

use core::fmt;
use core::time::Duration;

use cutout_core::{
    CircuitBreaker, Error, Instant, Mode, Outcome, Permit, Rejected, Report, Ticket,
};
use tape::{Act, Ending, MOST_SAID, Reader, Refusal, SLOTS, Said, View};

use crate::settings::{Bytes, Drawn, Settings};
use crate::world::{Log, World};

type Breaker = CircuitBreaker<World, Log>;

/// A call in flight, in either form.
enum Held<'a> {
    Permit(Permit<'a, World, Log>),
    Ticket(Ticket),
}

/// How far a timeline went.
pub(crate) struct Replayed {
    pub(crate) steps: u32,
    pub(crate) difference: Option<Difference>,
}

/// The first thing that was not as the model has it.
pub(crate) enum Difference {
    Settings,
    Decision { act: Act, decided: Option<Refusal> },
    Announced { act: Act },
    Seen { act: Act, name: &'static str, expected: u64, seen: u64 },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => write!(f, "the settings are refused"),
            Self::Decision { act, decided } => write!(f, "{act:?} was decided {decided:?}"),
            Self::Announced { act } => write!(f, "{act:?} announced something else"),
            Self::Seen { act, name, expected, seen } => {
                write!(f, "{name} after {act:?}: {seen}, not {expected}")
            }
        }
    }
}

/// Replays the next timeline of the tape. After a difference, the rest of it is only read.
pub(crate) fn timeline(tape: &mut Reader<'_>) -> Replayed {
    let settings = Settings::from_bytes(&mut Bytes(tape.bytes()));
    let made = Breaker::try_from_parts(settings.config(), World::default(), Log::default());
    let mut replayed = Replayed { steps: 0, difference: None };
    if made.is_err() {
        replayed.difference = Some(Difference::Settings);
    }
    let breaker = made.ok();
    let mut player = breaker.as_ref().map(|breaker| Player::new(breaker, settings));
    let mut view = View::default();
    while let Some(act) = Act::read(tape) {
        let mut said = [Said::default(); MOST_SAID];
        let mut many = 0;
        while let Some(next) = Said::read(tape) {
            said[many] = next;
            many += 1;
        }
        view = view.read(tape);
        if let (Some(player), None) = (&mut player, &replayed.difference) {
            replayed.steps += 1;
            replayed.difference = player.step(act, &said[..many], &view).err();
        }
    }
    replayed
}

struct Player<'a> {
    breaker: &'a Breaker,
    settings: Settings,
    slots: [Option<Held<'a>>; SLOTS],
    admitted: u64,
}

impl<'a> Player<'a> {
    fn new(breaker: &'a Breaker, settings: Settings) -> Self {
        Self { breaker, settings, slots: [const { None }; SLOTS], admitted: 0 }
    }

    fn step(&mut self, act: Act, said: &[Said], expected: &View) -> Result<(), Difference> {
        let (decided, model) = match act {
            Act::Admit { slot, permit, refusal } => (self.admit(slot, permit), refusal),
            Act::Call { until, ending, refusal } => (self.call(until, ending), refusal),
            Act::Look { refusal } => (self.breaker.would_reject().as_ref().map(told), refusal),
            Act::Reconfigure(bytes) => {
                self.settings = self.settings.changed_by(&Drawn(bytes));
                if self.breaker.reconfigure(self.settings.config()).is_err() {
                    return Err(Difference::Settings);
                }
                (None, None)
            }
            _ => {
                self.act(act);
                (None, None)
            }
        };
        if decided != model {
            return Err(Difference::Decision { act, decided });
        }
        if !self.breaker.observer().takes(said) {
            return Err(Difference::Announced { act });
        }
        let snapshot = self.breaker.snapshot();
        let view = View::of(&snapshot, self.admitted);
        let rows = View::NAMES.iter().zip(expected.0).zip(view.0);
        for ((name, expected), seen) in rows {
            if expected != seen {
                return Err(Difference::Seen { act, name, expected, seen });
            }
        }
        let in_flight = self.slots.iter().flatten().count() as u64;
        let (expected, seen) = (self.admitted, snapshot.totals.settled() + in_flight);
        if expected != seen {
            let name = "settled and in flight, which is the number of those admitted,";
            return Err(Difference::Seen { act, name, expected, seen });
        }
        Ok(())
    }

    fn admit(&mut self, slot: usize, as_permit: bool) -> Option<Refusal> {
        let admitted = if as_permit {
            self.breaker.try_acquire().map(Held::Permit)
        } else {
            self.breaker.admit().map(Held::Ticket)
        };
        match admitted {
            Ok(held) => {
                self.admitted += 1;
                self.slots[slot] = Some(held);
                None
            }
            Err(rejected) => Some(told(&rejected)),
        }
    }

    fn call(&mut self, until: u64, ending: Ending) -> Option<Refusal> {
        let breaker = self.breaker;
        let work = || {
            breaker.clock().clock.set(Instant::from_nanos(until));
            Ok::<_, ()>(())
        };
        match breaker.call_with(work, |_| report(ending)) {
            Err(Error::Rejected(rejected)) => Some(told(&rejected)),
            _ => {
                self.admitted += 1;
                None
            }
        }
    }

    fn act(&mut self, act: Act) {
        let breaker = self.breaker;
        match act {
            Act::GoTo(time) => breaker.clock().clock.set(Instant::from_nanos(time)),
            Act::Settle { slot, ending } => {
                if let Some(held) = self.slots[slot].take() {
                    self.admitted -= u64::from(ending == Ending::TakenBack);
                    self.settle(held, ending);
                }
            }
            Act::SetMode(Mode::Auto) => breaker.release(),
            Act::SetMode(Mode::ForcedOpen) => breaker.force_open(),
            Act::SetMode(Mode::ForcedClosed) => breaker.force_closed(),
            Act::SetMode(Mode::Disabled) => breaker.disable(),
            Act::SetMode(Mode::Shadow) => breaker.shadow(),
            Act::Reset => breaker.reset(),
            Act::OpenFor(length) => breaker.open_for(Duration::from_nanos(length)),
            Act::Admit { .. } | Act::Call { .. } | Act::Reconfigure(_) | Act::Look { .. } => {}
        }
    }

    fn settle(&self, held: Held<'_>, ending: Ending) {
        match (held, ending) {
            (Held::Permit(permit), Ending::Reported(..) | Ending::NotConsecutive(_)) => {
                permit.settle(report(ending));
            }
            (Held::Permit(permit), Ending::Dropped) => drop(permit),
            (Held::Permit(permit), Ending::TakenBack) => permit.take_back(),
            (Held::Ticket(ticket), Ending::TakenBack) => self.breaker.take_back(ticket),
            (Held::Permit(permit), Ending::Panicked) => {
                self.breaker.clock().unwinding.set(true);
                drop(permit);
                self.breaker.clock().unwinding.set(false);
            }
            (Held::Ticket(ticket), Ending::Dropped) => self.breaker.cancel(ticket),
            (Held::Ticket(ticket), _) => self.breaker.settle(ticket, report(ending)),
        }
    }
}

fn told(rejected: &Rejected) -> Refusal {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    (rejected.reason(), rejected.retry_after().map(nanos))
}

fn report(ending: Ending) -> Report {
    match ending {
        Ending::Reported(outcome, Some(retry_after)) => {
            outcome.retry_after(Duration::from_nanos(retry_after))
        }
        Ending::Reported(outcome, None) => outcome.into(),
        Ending::NotConsecutive(None) => Outcome::Failure.not_consecutive(),
        Ending::NotConsecutive(Some(retry_after)) => {
            Outcome::Failure.not_consecutive().retry_after(Duration::from_nanos(retry_after))
        }
        Ending::Panicked | Ending::Dropped | Ending::TakenBack => Outcome::Failure.into(),
    }
}

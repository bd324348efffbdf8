//! The witness of a timeline that writes down what it sees.

use tape::view::{mode, state};
use tape::{END, MOST_SAID, SLOTS, Said, View, put};

use crate::Cases;
use crate::reference::model::{Ending, Event, Model, Time, Totals};
use crate::reference::settings::{Bytes, Settings};
use crate::reference::witness::{Act, Witness};

pub(crate) struct Recorder {
    cases: Cases,
    /// Which call is where.
    slots: [Option<u64>; SLOTS],
    admitted: u64,
    before: View,
    /// Whether some break is drawn from where in memory the breaker lies, among other things.
    has_jitter: bool,
    /// What is done but not yet seen.
    act: Option<tape::Act>,
}

impl Recorder {
    pub(crate) fn new(settings: &Settings, bytes: &[u8]) -> Self {
        let mut cases = Cases::default();
        put(bytes.len() as u64, &mut |byte| cases.tape.push(byte));
        cases.tape.extend(bytes);
        Self {
            cases,
            slots: [None; SLOTS],
            admitted: 0,
            before: View::default(),
            has_jitter: has_jitter(settings),
            act: None,
        }
    }

    /// What was recorded; nothing if it cannot be repeated by a breaker that lies elsewhere.
    pub(crate) fn finish(mut self) -> Option<Cases> {
        put(END, &mut |byte| self.cases.tape.push(byte));
        (!self.has_jitter).then_some(self.cases)
    }

    /// Where the call is, and from now on another one, or none.
    fn slot(&mut self, call: Option<u64>, then: Option<u64>) -> usize {
        let slot = self.slots.iter().position(|slot| *slot == call).expect("a slot for the call");
        self.slots[slot] = then;
        slot
    }
}

impl Witness for Recorder {
    fn acts(&mut self, act: Act) {
        let act = match act {
            Act::GoTo(time) => tape::Act::GoTo(time),
            Act::Admit { id, refusal } => {
                self.admitted += u64::from(refusal.is_none());
                let slot = self.slot(None, refusal.is_none().then_some(id));
                tape::Act::Admit { slot, permit: id % 2 == 1, refusal }
            }
            Act::Settle { id, ending } => {
                self.admitted -= u64::from(ending == Ending::TakenBack);
                tape::Act::Settle { slot: self.slot(Some(id), None), ending: on_tape(ending) }
            }
            Act::Call { until, ending, refusal } => {
                self.admitted += u64::from(refusal.is_none());
                tape::Act::Call { until, ending: on_tape(ending), refusal }
            }
            Act::SetMode(mode) => tape::Act::SetMode(mode),
            Act::Reset => tape::Act::Reset,
            Act::OpenFor(length) => tape::Act::OpenFor(length),
            Act::Reconfigure(drawn) => {
                self.has_jitter |= has_jitter(&Settings::from_bytes(&mut Bytes(&drawn.0)));
                tape::Act::Reconfigure(drawn.0)
            }
            Act::Look(refusal) => tape::Act::Look { refusal },
        };
        assert!(self.act.replace(act).is_none(), "an act that nobody saw the end of");
    }

    fn sees(&mut self, model: &Model, now: Time, events: &[Event]) {
        let Some(act) = self.act.take() else { return };
        assert!(events.len() <= MOST_SAID, "{} announcements in a step", events.len());
        self.cases.covered.step(&act, events);
        let mut write = |byte| self.cases.tape.push(byte);
        act.write(&mut write);
        for event in events {
            said(event).write(&mut write);
        }
        put(END, &mut write);
        let view = view(model, now, self.admitted);
        view.write(&self.before, &mut write);
        self.before = view;
    }
}

fn has_jitter(settings: &Settings) -> bool {
    settings.break_jitter.is_some_and(|share| share > 0)
}

fn view(model: &Model, now: Time, admitted: u64) -> View {
    let tally = model.tally(now);
    let Totals {
        successes,
        failures,
        ignored,
        cancelled,
        stale,
        slow,
        rejected,
        would_reject,
        trials,
    } = model.totals;
    View::new(
        [state(model.state()), mode(model.mode), tally.successes, tally.failures, tally.slow],
        [
            model.failures_in_a_row(),
            model.trials_in_flight() as u64,
            u64::from(model.is_recovering()),
            model.retry_after(now).map_or(0, |left| left.saturating_add(1)),
        ],
        [successes, failures, ignored, cancelled, stale, slow, rejected, would_reject, trials],
        admitted,
    )
}

fn said(event: &Event) -> Said {
    match event {
        Event::Transition { from, to, mode, cause, at, break_length, tally } => {
            Said::transition((*from, *to), *mode, *cause, *at, *break_length, tally)
        }
        Event::WouldTrip(reason, tally) => Said::would_trip(*reason, tally),
        Event::StaleResult(outcome) => Said::stale(*outcome),
    }
}

fn on_tape(ending: Ending) -> tape::Ending {
    match ending {
        Ending::Reported(outcome, retry_after) => tape::Ending::Reported(outcome, retry_after),
        Ending::NotConsecutive(retry_after) => tape::Ending::NotConsecutive(retry_after),
        Ending::Dropped => tape::Ending::Dropped,
        Ending::TakenBack => tape::Ending::TakenBack,
        Ending::Panicked => tape::Ending::Panicked,
    }
}

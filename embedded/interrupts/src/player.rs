//! Somebody who uses a breaker: the main loop, or the handler.

use core::cell::Cell;
use core::hint::black_box;
use core::sync::atomic::{AtomicU8, Ordering};

use critical_section::Mutex;
use cutout_core::{Outcome, Ticket};
use heapless::Vec;

use crate::breakers::Breaker;

/// What one does with a breaker.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Verb {
    None,
    Admit,
    Settle,
    Cancel,
    Call,
    SetMode,
    Look,
}

impl Verb {
    pub(crate) const ALL: [Self; 7] = [
        Self::None,
        Self::Admit,
        Self::Settle,
        Self::Cancel,
        Self::Call,
        Self::SetMode,
        Self::Look,
    ];
    pub(crate) const COUNT: usize = Self::ALL.len();

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "it came elsewhere",
            Self::Admit => "it came during an admission",
            Self::Settle => "it came during a settlement",
            Self::Cancel => "it came during a cancellation",
            Self::Call => "it came during a call",
            Self::SetMode => "it came during a change of mode",
            Self::Look => "it came during a look",
        }
    }
}

/// The verb that the main loop is in.
static MAIN_IS_IN: AtomicU8 = AtomicU8::new(Verb::None as u8);

pub(crate) fn main_is_in() -> Verb {
    Verb::ALL[usize::from(MAIN_IS_IN.load(Ordering::SeqCst)) % Verb::COUNT]
}

/// A ticket on its way to the other one.
pub(crate) type Mailbox = Mutex<Cell<Option<Ticket>>>;

pub(crate) static TO_MAIN: Mailbox = Mutex::new(Cell::new(None));
pub(crate) static TO_HANDLER: Mailbox = Mutex::new(Cell::new(None));

fn post(mailbox: &Mailbox, ticket: Option<Ticket>) -> Option<Ticket> {
    critical_section::with(|token| mailbox.borrow(token).replace(ticket))
}

/// What a player has counted by itself.
#[derive(Clone, Copy)]
pub(crate) struct Books {
    pub(crate) admitted: u32,
    pub(crate) refused: u32,
    pub(crate) in_flight: u32,
    /// More trials were seen out than are allowed.
    pub(crate) saw_too_many_trials: bool,
}

pub(crate) struct Player {
    is_main: bool,
    chance: u32,
    turns: u32,
    tickets: Vec<Ticket, 4>,
    books: Books,
}

impl Player {
    /// The first is the main loop.
    pub(crate) const fn new(number: u32) -> Self {
        let books = Books { admitted: 0, refused: 0, in_flight: 0, saw_too_many_trials: false };
        Self { is_main: number == 1, chance: number, turns: 0, tickets: Vec::new(), books }
    }

    /// A number by xorshift.
    pub(crate) fn draw(&mut self) -> u32 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 17;
        self.chance ^= self.chance << 5;
        self.chance
    }

    /// Does one thing with the breaker. Tickets come in `from` the other one and go out `to` it.
    pub(crate) fn turn(&mut self, breaker: &Breaker, from: &Mailbox, to: &Mailbox) {
        self.turns += 1;
        match self.draw() % 16 {
            0..=4 => self.admit(breaker),
            5..=8 => self.settle(breaker),
            9 => {
                if let Some(ticket) = self.take() {
                    self.within(Verb::Cancel, || breaker.cancel(ticket));
                }
            }
            10 | 11 => {
                let outcome = self.outcome();
                let call = || breaker.call_with(|| Ok::<_, ()>(()), |_| outcome).is_ok();
                if self.within(Verb::Call, call) {
                    self.books.admitted += 1;
                } else {
                    self.books.refused += 1;
                }
            }
            12 => {
                let ticket = self.take();
                let returned = post(to, ticket);
                self.keep(breaker, returned);
            }
            13 => {
                let ticket = post(from, None);
                self.keep(breaker, ticket);
            }
            14 => {
                let trials = self.within(Verb::Look, || breaker.snapshot().trials_in_flight);
                self.books.saw_too_many_trials |= trials > crate::breakers::TRIALS;
            }
            _ => self.set_mode(breaker),
        }
    }

    fn admit(&mut self, breaker: &Breaker) {
        match self.within(Verb::Admit, || breaker.admit()) {
            Ok(ticket) => {
                self.books.admitted += 1;
                self.keep(breaker, Some(ticket));
            }
            Err(_) => self.books.refused += 1,
        }
    }

    fn settle(&mut self, breaker: &Breaker) {
        if let Some(ticket) = self.take() {
            let outcome = self.outcome();
            self.within(Verb::Settle, || breaker.settle(ticket, outcome));
        }
    }

    /// Mostly back to `Auto`, or nothing would ever trip.
    fn set_mode(&mut self, breaker: &Breaker) {
        let draw = self.draw();
        self.within(Verb::SetMode, || match draw % 64 {
            0 => breaker.force_open(),
            1 => breaker.force_closed(),
            2 => breaker.disable(),
            3 => breaker.shadow(),
            4 => breaker.reset(),
            _ => breaker.release(),
        });
    }

    /// For a while mostly well, then for a while mostly not.
    fn outcome(&mut self) -> Outcome {
        let is_outage = self.turns / 16 % 2 == 1;
        match self.draw() % 8 {
            0 => Outcome::Ignored,
            1 => Outcome::Failure,
            2..=5 if is_outage => Outcome::Failure,
            _ => Outcome::Success,
        }
    }

    /// Runs a verb. The main loop says which it is in.
    fn within<T>(&self, verb: Verb, act: impl FnOnce() -> T) -> T {
        if !self.is_main {
            return act();
        }
        MAIN_IS_IN.store(verb as u8, Ordering::SeqCst);
        let done = black_box(act());
        MAIN_IS_IN.store(Verb::None as u8, Ordering::SeqCst);
        done
    }

    /// Any of the tickets.
    fn take(&mut self) -> Option<Ticket> {
        let any = self.draw() as usize;
        let at = any.checked_rem(self.tickets.len())?;
        Some(self.tickets.swap_remove(at))
    }

    /// Holds a ticket, or settles it where the hands are full.
    fn keep(&mut self, breaker: &Breaker, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        if let Err(ticket) = self.tickets.push(ticket) {
            let outcome = self.outcome();
            self.within(Verb::Settle, || breaker.settle(ticket, outcome));
        }
    }

    /// The books, and how many tickets are still held.
    pub(crate) fn books(&self) -> Books {
        let held = u32::try_from(self.tickets.len()).unwrap_or(u32::MAX);
        Books { in_flight: held, ..self.books }
    }

    /// Settles all that is in flight, the mail too.
    pub(crate) fn let_go(mut self, breaker: &Breaker) -> Books {
        for mailbox in [&TO_MAIN, &TO_HANDLER] {
            let ticket = post(mailbox, None);
            self.keep(breaker, ticket);
        }
        while let Some(ticket) = self.take() {
            breaker.settle(ticket, Outcome::Success);
        }
        self.books()
    }
}

/// How many tickets are in the mail.
pub(crate) fn in_the_mail() -> u32 {
    [&TO_MAIN, &TO_HANDLER].iter().fold(0, |many, mailbox| {
        let ticket = post(mailbox, None);
        let is_there = u32::from(ticket.is_some());
        post(mailbox, ticket);
        many + is_there
    })
}

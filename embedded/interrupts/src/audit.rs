//! What must hold when all is quiet.

use board::println;

use crate::breakers::Breaker;
use crate::player::{Books, in_the_mail};

pub(crate) struct Audit<'a> {
    name: &'a str,
    failed: u32,
}

impl<'a> Audit<'a> {
    pub(crate) const fn new(name: &'a str) -> Self {
        Self { name, failed: 0 }
    }

    pub(crate) fn holds(&mut self, what: &str, holds: bool) {
        if !holds {
            println!("{}: FAILED: {what}", self.name);
            self.failed += 1;
        }
    }

    fn equals(&mut self, what: &str, ours: u64, its: u64) {
        if ours != its {
            println!("{}: FAILED: {what}: counted {ours}, and it says {its}", self.name);
            self.failed += 1;
        }
    }

    /// Every admitted call has ended once or is in flight, every refusal is counted, and each
    /// change was announced once.
    pub(crate) fn law(&mut self, breaker: &Breaker, books: &[Books]) {
        let of_all = |count: fn(&Books) -> u32| books.iter().map(count).map(u64::from).sum::<u64>();
        let (heard, snapshot) = (breaker.observer(), breaker.snapshot());
        let in_flight = of_all(|books| books.in_flight) + u64::from(in_the_mail());
        let ended = snapshot.totals.settled();
        self.equals("admitted calls", of_all(|books| books.admitted), ended + in_flight);
        self.equals("refusals", of_all(|books| books.refused), snapshot.totals.rejected);
        self.equals("stale results", u64::from(heard.stale()), snapshot.totals.stale);
        let (changes, generation) = (u64::from(heard.changes()), u64::from(snapshot.generation));
        self.equals("changes", changes, generation);
        self.equals("their generations", heard.generations(), generation * (generation + 1) / 2);
        self.holds("it tripped and closed many times", changes > 500);
        let too_many = books.iter().any(|books| books.saw_too_many_trials);
        self.holds("never more trials than allowed", !too_many);
    }

    pub(crate) const fn is_passed(&self) -> bool {
        self.failed == 0
    }

    pub(crate) const fn verdict(&self) -> &'static str {
        if self.is_passed() { "passed" } else { "FAILED" }
    }
}

pub(crate) fn sum(numbers: &[u32]) -> u32 {
    numbers.iter().sum()
}

//! The books of a run: every call is accounted for, once.

use crate::client::Ending;
use crate::run::Run;

impl Run {
    /// Checks the accounts of breaker and bulkhead against the counts of the calls themselves.
    ///
    /// Every call ran or was refused by one of the two, and nobody has anything left: the breaker
    /// has settled all that ran, and as ignored what it had admitted for the bulkhead to refuse.
    pub(crate) fn books(&self) -> Result<String, String> {
        let calls = self.samples.len() as u64;
        let by_breaker = self.breaker.as_ref().map_or(0, |it| it.totals.rejected);
        let by_bulkhead = self.bulkhead.as_ref().map_or(0, |it| it.rejected);
        let mut text = format!("{calls} calls: {} ran", self.ran);
        let mut balance = calls == self.ran + by_breaker + by_bulkhead;
        if let Some(breaker) = &self.breaker {
            let ignored = breaker.totals.ignored;
            let settled = breaker.totals.settled() - ignored;
            let out = breaker.trials_in_flight;
            text += &format!(
                ", {by_breaker} refused by the breaker, which settled {settled}; {out} trials out",
            );
            balance &= (settled, out) == (self.ran, 0) && ignored >= by_bulkhead;
        }
        match &self.bulkhead {
            Some(bulkhead) => {
                let (out, peak, limit) = (bulkhead.in_use, self.most_in_flight, bulkhead.limit);
                text += &format!(
                    "; {by_bulkhead} refused by the bulkhead, {out} of its {limit} places taken, \
                     {peak} at most",
                );
                balance &= (out, bulkhead.waiting) == (0, 0) && peak <= limit;
            }
            // Nothing stands in for a refusal here, so that the users have seen them all.
            None => balance &= self.count(Ending::Refused) == by_breaker,
        }
        if balance { Ok(text) } else { Err(format!("{text}: THE BOOKS DO NOT BALANCE")) }
    }
}

#[cfg(test)]
mod tests {
    use core::future::ready;
    use core::time::Duration;
    use std::io;

    use cutout::{BulkheadConfig, Config};
    use hyper::body::Bytes;

    use super::*;
    use crate::child::Reports;
    use crate::client::Sample;
    use crate::guard::{Answer, Guard};
    use crate::run::{BreakerAccount, BulkheadAccount};

    /// A run of a good call, one that the bulkhead refuses, and one that the breaker refuses.
    async fn three_calls() -> Run {
        let guard = Guard::policy(Config::new(), BulkheadConfig::new(1)).unwrap();
        let (breaker, bulkhead) = (guard.its_breaker().unwrap(), guard.its_bulkhead().unwrap());
        let get = || ready(Ok::<_, io::Error>(Answer { text: Bytes::new(), is_stale: false }));
        let call = async || guard.call(Duration::from_secs(1), get).await.unwrap().is_stale;

        assert!(!call().await);
        let place = bulkhead.try_acquire().unwrap();
        assert!(call().await);
        drop(place);
        breaker.force_open();
        assert!(call().await);

        let sample = |ending| Sample { start: Duration::ZERO, latency: Duration::ZERO, ending };
        Run {
            name: guard.name(),
            samples: [Ending::Good, Ending::StaleResult, Ending::StaleResult].map(sample).to_vec(),
            server: Reports::default(),
            ran: 1,
            most_in_flight: 1,
            breaker: Some(BreakerAccount::of(breaker)),
            bulkhead: Some(BulkheadAccount::of(bulkhead)),
        }
    }

    #[tokio::test]
    async fn books_balance_when_every_call_ran_or_was_refused() {
        assert_eq!(
            three_calls().await.books().unwrap(),
            "3 calls: 1 ran, 1 refused by the breaker, which settled 1; 0 trials out; 1 refused by \
             the bulkhead, 0 of its 1 places taken, 1 at most",
        );
    }

    #[tokio::test]
    async fn whatever_is_lost_or_invented_is_in_the_books() {
        let faults: [fn(&mut Run); 8] = [
            |run| run.ran += 1,
            |run| run.most_in_flight += 1,
            |run| run.samples.truncate(2),
            |run| run.breaker.as_mut().unwrap().totals.rejected += 1,
            |run| run.breaker.as_mut().unwrap().totals.successes += 1,
            |run| run.breaker.as_mut().unwrap().trials_in_flight += 1,
            |run| run.bulkhead.as_mut().unwrap().in_use += 1,
            |run| run.bulkhead.as_mut().unwrap().rejected += 1,
        ];
        for (number, fault) in faults.into_iter().enumerate() {
            let mut run = three_calls().await;
            fault(&mut run);
            assert!(run.books().is_err(), "fault {number}");
        }
    }

    #[tokio::test]
    async fn without_a_fallback_users_have_seen_every_refusal() {
        let mut run = three_calls().await;
        run.bulkhead = None;
        run.samples.truncate(2);
        assert!(run.books().is_err());
        run.samples[1].ending = Ending::Refused;
        assert!(run.books().is_ok());
    }
}

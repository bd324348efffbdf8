//! The counters and rates of both, and what their lock-free slices explain.

use super::slices::Counts;
use super::{Resilience4j, counts};
use crate::score::{COUNTERS, Step, same};
use crate::trace::Line;

const TRIPS: &str = "its lock-free slices trip and our buckets do not: they hold other results";
const WE_TRIP: &str = "our buckets trip and its lock-free slices do not: they hold other results";

impl Resilience4j<'_> {
    /// Where one opens and the other does not, looks whether their slices hold other results.
    pub(super) fn compare_slices(&mut self, line: &Line) -> Step<()> {
        let now = self.rig.now();
        let Some(slices) = self.slices.as_mut().filter(|_| self.state == "closed") else {
            return Ok(());
        };
        let theirs = slices.sum(now);
        let ours = self.tripped.unwrap_or_else(|| counts(self.rig.tally()));
        match (line.after.as_str(), self.ours()) {
            _ if self.apart || theirs == ours => {}
            ("open", "closed") => {
                self.seen.push(TRIPS);
                self.enter("open");
                self.bring();
            }
            ("closed", "open") => {
                self.seen.push(WE_TRIP);
                self.apart = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Compares counters and rates, where ours says what it holds.
    pub(super) fn compare_counts(&mut self, line: &Line) -> Step<()> {
        if self.apart {
            return Ok(());
        }
        let rejected = line.count("rejected");
        if core::mem::take(&mut self.meets_again) {
            // What theirs refused meanwhile, ours was not asked.
            self.rejected_before = self.rig.rejected().wrapping_sub(rejected);
        }
        same("rejected", rejected, self.rig.rejected().wrapping_sub(self.rejected_before))?;
        let mut minimum = self.recipe.minimum;
        let ours = match self.state.as_str() {
            "closed" | "metrics_only" => counts(self.rig.tally()),
            "half_open" => {
                minimum = self.recipe.minimum_trials;
                self.trials
            }
            "open" => match self.tripped.take() {
                Some(tripped) => tripped,
                None => return Ok(()),
            },
            _ => Counts::default(),
        };
        let theirs = Counts {
            calls: line.count("calls"),
            fail: line.count("fail"),
            slow: line.count("slow"),
        };
        self.counted += 1;
        if let Some(slices) = &mut self.slices {
            if self.state != "half_open" {
                same("their counts by their rules", theirs, slices.sum(self.rig.now()))?;
                if theirs != ours {
                    self.seen.push(COUNTERS);
                    return Ok(());
                }
            }
        }
        same("counts", theirs, ours)?;
        let rate = |part| if ours.calls < minimum { -1.0 } else { share(part, ours.calls) };
        same("failure rate", line.rate("failure_rate"), rate(ours.fail))?;
        same("slow rate", line.rate("slow_rate"), rate(ours.slow))
    }
}

/// As they compute it: in 32 bits.
#[allow(clippy::cast_precision_loss)] // as they do
fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { -1.0 } else { part as f32 * 100.0 / whole as f32 }
}

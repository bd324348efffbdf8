//! How much time the processor gave.

use core::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// To the calling thread, so far.
pub(crate) fn of_thread() -> Duration {
    read(ClockId::ThreadCPUTime)
}

/// To all threads of this process, so far.
pub(crate) fn of_process() -> Duration {
    read(ClockId::ProcessCPUTime)
}

fn read(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).expect("processor time is not negative")
}

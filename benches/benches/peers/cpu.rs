//! How much time the processor gave, and which core threads run on.

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

/// Keeps the calling thread on a core of its own, if there are as many. Some kernels would rather
/// pack the threads of a process onto one core, and then nothing runs at the same time.
#[cfg(target_os = "linux")]
pub(crate) fn pin(thread: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let mut own = CpuSet::new();
    own.set(cores[thread % cores.len()]);
    // Where it may not be pinned, it is measured where it runs: slices that did not overlap are
    // told apart.
    let _ = sched_setaffinity(None, &own);
}

/// Elsewhere threads run where the system puts them.
#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_thread: usize) {}

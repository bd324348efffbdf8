//! How many instructions something takes: under QEMU's `icount` each takes the same time, 64 ns
//! (see `.cargo/config.toml`), so a timer counts them.

#[cfg(target_arch = "arm")]
use crate::arm as machine;
#[cfg(target_arch = "riscv32")]
use crate::riscv as machine;

/// So often is it done, that the ticks of the timer, which are longer than an instruction, do not
/// matter.
const TIMES: u32 = 1_000;

const INSTRUCTION_NANOS: u64 = 64;

/// The instructions of `act`, without those of counting it. It should take as many each time, and
/// no more than 10,000.
pub fn instructions(mut act: impl FnMut()) -> u32 {
    let nanos = nanos(&mut act).saturating_sub(nanos(&mut || {}));
    let all = nanos / INSTRUCTION_NANOS;
    u32::try_from((all + u64::from(TIMES) / 2) / u64::from(TIMES)).unwrap_or(u32::MAX)
}

#[inline(never)]
fn nanos(act: &mut dyn FnMut()) -> u64 {
    let start = machine::nanos_passed();
    for _ in 0..TIMES {
        act();
    }
    machine::nanos_passed() - start
}

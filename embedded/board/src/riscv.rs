//! RISC-V: the machine timer of QEMU's `virt`.

use riscv::interrupt::Interrupt;
use riscv_rt::{core_interrupt, entry};

const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_bff8 as *const u32;

#[entry]
fn start() -> ! {
    crate::run()
}

#[core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    crate::timer::interrupt();
}

pub(crate) fn start_timer(instructions: u32) {
    set_timer(instructions);
    // SAFETY: the handler is in place.
    unsafe {
        riscv::register::mie::set_mtimer();
        riscv::interrupt::enable();
    }
}

/// An instruction takes 64 ns (see `.cargo/config.toml`), a tick 100 ns.
#[allow(clippy::cast_possible_truncation)] // two halves of a number
pub(crate) fn set_timer(instructions: u32) {
    let next = now() + u64::from(instructions * 16 / 25);
    // SAFETY: the register of the machine's timer, which nobody else uses. The upper half is far in
    // the future while the lower one changes.
    unsafe {
        MTIMECMP.add(1).write_volatile(u32::MAX);
        MTIMECMP.write_volatile(next as u32);
        MTIMECMP.add(1).write_volatile((next >> 32) as u32);
    }
}

pub(crate) fn stop_timer() {
    riscv::interrupt::disable();
}

/// In ticks. A run is over long before there are 2^32.
fn now() -> u64 {
    // SAFETY: the register of the machine's time.
    u64::from(unsafe { MTIME.read_volatile() })
}

/// The time since the start.
pub(crate) fn nanos_passed() -> u64 {
    now() * 100
}

//! What the firmwares need of a machine, the same for each target: a start, a timer that
//! interrupts, a line on the host's terminal, and an end with an exit code.
#![no_std]

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "riscv32")]
mod riscv;
pub mod stopwatch;
pub mod timer;

#[cfg(feature = "print")]
pub use semihosting::println;

/// The target that the firmware was built for.
pub const TARGET: &str = env!("BOARD_TARGET");

/// Names the function that the firmware consists of. It says whether all went well, and that is the
/// exit code.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        #[unsafe(no_mangle)]
        fn firmware_main() -> bool {
            $main()
        }
    };
}

/// Runs the firmware. The start-up code of the target calls this.
fn run() -> ! {
    unsafe extern "Rust" {
        safe fn firmware_main() -> bool;
    }
    exit(firmware_main())
}

/// Ends the run.
pub fn exit(well: bool) -> ! {
    semihosting::process::exit(i32::from(!well))
}

#[cfg(not(feature = "print"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}

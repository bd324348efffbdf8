// error: LastTransitions: has room for at least one

static RING: cutout_core::LastTransitions<0> = cutout_core::LastTransitions::new();

fn main() {
    let _ = RING.announced();
}

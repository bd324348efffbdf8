// error: HERTZ: 1 to 10,000,000,000
fn main() {
    let _ = cutout_core::Instant::from_ticks::<0>(1);
}

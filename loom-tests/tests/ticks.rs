//! A race on the counter of 64 bits.
#![cfg(loom)]

use std::sync::Arc;

use cutout_core::Ticks64;
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use loom_tests::model;

#[test]
fn who_sees_the_counter_kept_up_does_not_see_it_before() {
    model(|| {
        let counter = Arc::new(AtomicU32::new(0x7fff_ffff));
        let ticks = Arc::new(Ticks64::new());
        let handler = loom::thread::spawn({
            let (counter, ticks) = (Arc::clone(&counter), Arc::clone(&ticks));
            move || {
                counter.store(0x8000_0000, Relaxed);
                ticks.update(0x8000_0000);
            }
        });
        let read = ticks.read(|| counter.load(Relaxed));
        assert!(read == 0x7fff_ffff || read == 0x8000_0000, "{read:#x}");
        handler.join().unwrap();
        assert_eq!(ticks.read(|| counter.load(Relaxed)), 0x8000_0000);
    });
}

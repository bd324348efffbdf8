//! What contended entries become, which no test from outside can bring about at will.

use std::sync::Arc;
use std::thread;

use cutout_core::{Clock, Config, Instant};

use super::entry::{Entry, Sought};
use super::sharded_arc::Hold;
use super::{Breaker, Handle, Registry};

/// A clock that says how many lanes there are.
#[derive(Clone)]
struct Lanes(usize);

impl Clock for Lanes {
    fn now(&self) -> Instant {
        Instant::ORIGIN
    }

    fn lanes(&self) -> usize {
        self.0
    }
}

type Ids = Registry<u32, Lanes>;

fn ids(capacity: usize) -> Ids {
    Registry::builder(Config::new()).clock(Lanes(4)).capacity(capacity).build().unwrap()
}

fn entry(ids: &Ids, key: u32) -> Arc<Entry<u32, Breaker<Lanes, ()>>> {
    let guard = ids.map.guard();
    Arc::clone(&ids.map.get_key_value(&Sought(&key), &guard).expect("it is there").0.0)
}

/// A handle by the count that the look-up of another thread took.
fn handle_of_another_thread(ids: &Ids, key: u32) -> Handle<Lanes> {
    thread::scope(|scope| scope.spawn(|| ids.get(&key)).join().unwrap())
}

#[test]
fn a_contended_entry_is_held_by_shares_and_protected_like_any_other() {
    let ids = ids(1);
    let whole = ids.get(&1);
    ids.grow(&entry(&ids, 1));
    ids.grow(&entry(&ids, 1)); // by two that saw the same
    let shares: Vec<_> = (0..3).map(|_| handle_of_another_thread(&ids, 1)).collect();
    for share in &shares {
        assert!(matches!(share.hold, Hold::Share(_)) && matches!(whole.hold, Hold::Whole(_)));
        assert!(Arc::ptr_eq(share.as_arc(), whole.as_arc()), "one breaker, whatever the count");
    }
    let counted = Arc::strong_count(whole.as_arc());
    let clones = shares.clone();
    assert_eq!(Arc::strong_count(whole.as_arc()), counted, "the breaker's own count stands still");
    drop((whole, clones));

    for share in shares {
        drop(ids.get(&2));
        assert!(ids.peek(&1).is_some() && ids.peek(&2).is_none(), "one share is held");
        drop(share);
    }
    drop(ids.get(&2));
    assert!(ids.peek(&1).is_none() && ids.peek(&2).is_some(), "none is");
    assert_eq!((ids.counters().unstored, ids.counters().evicted), (3, 1));
}

#[test]
fn an_entry_that_has_left_does_not_grow() {
    let ids = ids(4);
    ids.get(&1);
    let left = entry(&ids, 1);
    let handle = ids.remove(&1).unwrap();
    ids.get(&2); // at its place
    ids.grow(&left);
    assert_eq!(Arc::strong_count(handle.as_arc()), 1);
    assert!(matches!(handle_of_another_thread(&ids, 2).hold, Hold::Whole(_)));
}

//! The table of breakers: filled once, then read.
#![cfg(feature = "heapless")]

mod support;

use cutout_core::{CircuitBreaker, InsertError, ManualClock, State, Table};
use support::{config, fail};

type Breaker = CircuitBreaker<ManualClock>;

const fn breaker() -> Breaker {
    CircuitBreaker::with_clock(
        cutout_core::Config::new().consecutive_failures(1),
        ManualClock::new(),
    )
}

#[test]
fn a_static_table_has_a_circuit_for_each_key() {
    static TABLE: Table<&str, Breaker, 3> =
        Table::from_array([("radio", breaker()), ("sensor", breaker())]);
    fail(TABLE.get("sensor").unwrap());
    assert_eq!(TABLE.get("sensor").unwrap().state(), State::Open);
    assert_eq!(TABLE.get("radio").unwrap().state(), State::Closed);
    assert!(TABLE.get("display").is_none());
}

#[test]
fn an_owned_key_is_found_by_a_borrowed_one() {
    let mut table = Table::<String, Breaker, 1>::new();
    table.insert("radio".to_owned(), breaker()).unwrap();
    assert!(table.get("radio").is_some());
}

#[test]
fn a_full_table_gives_the_breaker_back() {
    let mut table = Table::<u8, _, 1>::new();
    table.insert(1, breaker()).unwrap();
    let opened = breaker();
    fail(&opened);
    let Err(InsertError::Full(opened)) = table.insert(2, opened) else {
        panic!("there is no room for two");
    };
    assert_eq!(opened.state(), State::Open, "it is the same breaker");
    assert_eq!(table.len(), 1);
}

#[test]
fn a_table_without_room_is_full() {
    let mut table = Table::<u8, u8, 0>::new();
    assert_eq!(table.insert(1, 7), Err(InsertError::Full(7)));
    assert!(table.is_empty());
}

#[test]
fn a_breaker_is_never_replaced_and_so_never_forgets() {
    let mut table = Table::<u8, _, 2>::new();
    table.insert(1, breaker()).unwrap();
    fail(table.get(&1).unwrap());
    let error = table.insert(1, breaker()).unwrap_err();
    assert!(matches!(error, InsertError::KeyTaken(_)));
    assert_eq!(error.into_breaker().state(), State::Closed, "the second one comes back");
    assert_eq!(table.get(&1).unwrap().state(), State::Open, "the first one stays");
}

#[test]
fn of_two_equal_keys_in_a_constant_the_first_is_found() {
    const TABLE: Table<u8, char, 2> = Table::from_array([(1, 'a'), (1, 'b')]);
    assert_eq!(TABLE.get(&1), Some(&'a'));
}

#[test]
fn a_constant_table_can_be_filled_up_at_start() {
    let mut table: Table<u8, char, 3> = Table::from_array([(1, 'a')]);
    table.insert(2, 'b').unwrap();
    assert_eq!(table.insert(1, 'c'), Err(InsertError::KeyTaken('c')));
    table.insert(3, 'c').unwrap();
    assert_eq!(table.insert(4, 'd'), Err(InsertError::Full('d')));
    assert_eq!(table.insert(3, 'd'), Err(InsertError::KeyTaken('d')), "whether full or not");
    assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &'a'), (&2, &'b'), (&3, &'c')]);
    assert_eq!(format!("{table:?}"), "{1: 'a', 2: 'b', 3: 'c'}");
}

#[test]
fn what_is_put_into_a_table_is_dropped_once() {
    struct Counts<'a>(&'a core::cell::Cell<u32>);
    impl Drop for Counts<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = core::cell::Cell::new(0);
    let mut table = Table::<u8, _, 3>::from_array([(1, Counts(&dropped))]);
    table.insert(2, Counts(&dropped)).unwrap_or_else(|_| panic!("there is room for three"));
    drop(table.insert(2, Counts(&dropped)));
    assert_eq!(dropped.get(), 1, "a breaker that is given back is the caller's");
    dropped.set(0);
    assert_eq!(dropped.get(), 0);
    drop(table);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn the_errors_of_a_table_say_what_is_wrong() {
    let breaker = || support::breaker(config());
    assert_eq!(InsertError::Full(breaker()).to_string(), "table: it is full");
    assert_eq!(InsertError::KeyTaken(breaker()).to_string(), "table: the key is taken");
    assert_eq!(format!("{:?}", InsertError::Full(breaker())), "Full");
}

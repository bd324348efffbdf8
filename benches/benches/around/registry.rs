//! The look-up of a hot key: our registry, and maps that hold an `Arc` of a breaker for each key.
//!
//! All hold the same 1,000 host names and hash with std's hasher; one of the names is looked up, its
//! breaker is looked at, and what was handed out is dropped. Everybody hands out what the caller owns,
//! for a breaker is used longer than a map may be locked or pinned: across an await.

use core::hint::black_box;
use core::time::Duration;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::env;
use std::sync::{Arc, RwLock};

use allocation_counter::measure;
use cutout::{CircuitBreaker, Config, Handle, Mode, Registry};
use cutout_benches::crowd;
use quick_cache::UnitWeighter;

/// Keys while look-ups are measured, and while memory is.
const KEYS: usize = 1_000;
const MANY: usize = 100_000;

const THREADS: [u32; 2] = [1, 2];

/// How much is measured.
struct Plan {
    rounds: usize,
    look_ups: u64,
}

impl Plan {
    const FULL: Self = Self { rounds: 31, look_ups: 200_000 };
    const QUICK: Self = Self { rounds: 9, look_ups: 50_000 };
    /// Does it run at all?
    const TEST: Self = Self { rounds: 1, look_ups: 100 };

    /// What the command line asks for: cargo passes `--bench` when it is to measure.
    fn from_args() -> Self {
        let asked = |flag: &str| env::args().any(|given| given == flag);
        match (asked("--bench") && !asked("--test"), asked("--quick")) {
            (false, _) => Self::TEST,
            (true, true) => Self::QUICK,
            (true, false) => Self::FULL,
        }
    }
}

/// Measures the look-ups and the memory of all, and prints a table.
pub(crate) fn run() {
    let plan = Plan::from_args();
    let rows = rows();
    let names = names(KEYS);
    let mut filled: Vec<_> = rows.iter().map(|row| (row.fill)(&names)).collect();
    let mut ns = vec![[const { Vec::new() }; THREADS.len()]; rows.len()];
    // In turns, so that whatever disturbs the machine hits all alike.
    for _ in 0..plan.rounds {
        for (map, ns) in filled.iter_mut().zip(&mut ns) {
            for (threads, ns) in THREADS.into_iter().zip(ns) {
                let time = map.time(&names[KEYS / 2], threads, plan.look_ups);
                ns.push(time.as_nanos() as f64 / plan.look_ups as f64);
            }
        }
    }
    let many = self::names(MANY);
    println!(
        "| ns a look-up of a hot key, median (quartiles) | 1 thread | 2 threads | bytes an entry at {MANY} |"
    );
    println!("| --- | ---: | ---: | ---: |");
    for (row, ns) in rows.iter().zip(&mut ns) {
        let [one, two] = ns.each_mut().map(|ns| summary(ns));
        let bytes = row.bytes.map_or("-".into(), |bytes| format!("{:.0}", bytes(&many)));
        println!("| {} | {one} | {two} | {bytes} |", row.name);
    }
    println!("\nBytes are of the heap, the key's {} included.", many[0].len());
}

fn names(how_many: usize) -> Vec<String> {
    (0..how_many).map(|number| format!("host-{number:06}.internal")).collect()
}

fn summary(ns: &mut [f64]) -> String {
    ns.sort_by(f64::total_cmp);
    let at = |quarter: usize| ns[(ns.len() - 1) * quarter / 4];
    format!("{:.1} ({:.1} - {:.1})", at(2), at(1), at(3))
}

type Breaker = Arc<CircuitBreaker>;

fn breaker() -> Breaker {
    Arc::new(CircuitBreaker::new(Config::new()))
}

/// A map of breakers.
trait Map: Sync {
    fn new(capacity: usize) -> Self
    where
        Self: Sized;

    /// Puts a breaker there for `name`.
    fn put(&self, name: &str);

    /// Looks `name` up and looks at its breaker.
    fn look_up(&self, name: &str) -> Mode;
}

/// A map that was filled, behind whatever type it is.
trait Filled {
    fn time(&mut self, name: &str, threads: u32, look_ups: u64) -> Duration;
}

impl<M: Map> Filled for M {
    fn time(&mut self, name: &str, threads: u32, look_ups: u64) -> Duration {
        crowd(threads, |_| {
            for _ in 0..look_ups {
                assert_eq!(self.look_up(black_box(name)), Mode::Auto);
            }
        })
    }
}

struct Row {
    name: &'static str,
    fill: fn(&[String]) -> Box<dyn Filled>,
    bytes: Option<fn(&[String]) -> f64>,
}

impl Row {
    fn of<M: Map + 'static>(name: &'static str) -> Self {
        Self { name, fill: |names| Box::new(filled::<M>(names)), bytes: Some(bytes::<M>) }
    }

    fn without_bytes(self) -> Self {
        Self { bytes: None, ..self }
    }
}

fn filled<M: Map>(names: &[String]) -> M {
    let map = M::new(names.len());
    for name in names {
        map.put(name);
        assert_eq!(map.look_up(name), Mode::Auto);
    }
    map
}

/// Bytes of the heap for each of `names`.
fn bytes<M: Map>(names: &[String]) -> f64 {
    let mut map = None;
    let bytes = measure(|| map = Some(filled::<M>(names))).bytes_current;
    bytes as f64 / names.len() as f64
}

fn rows() -> Vec<Row> {
    vec![
        Row::of::<Registry<String>>("**ours: `get`**"),
        Row::of::<Idle>("**ours: `get`, with an idle time**"),
        Row::of::<Papaya>("papaya 0.2.5"),
        Row::of::<QuickCache>("quick_cache 0.7.0"),
        Row::of::<DashMap>("dashmap 6.2.1"),
        Row::of::<Locked>("`RwLock<HashMap>`"),
        Row::of::<OneArc>("no look-up: a clone of one `Arc`").without_bytes(),
        Row::of::<OneHandle>("no look-up: a reference").without_bytes(),
    ]
}

impl Map for Registry<String> {
    fn new(capacity: usize) -> Self {
        Self::builder(Config::new()).capacity(capacity).build().expect("the settings are right")
    }

    fn put(&self, name: &str) {
        drop(self.get(name));
    }

    fn look_up(&self, name: &str) -> Mode {
        self.get(name).mode()
    }
}

struct Idle(Registry<String>);

impl Map for Idle {
    fn new(capacity: usize) -> Self {
        let builder = Registry::builder(Config::new()).capacity(capacity);
        let registry = builder.idle_time(Duration::from_secs(600)).build();
        Self(registry.expect("the settings are right"))
    }

    fn put(&self, name: &str) {
        drop(self.0.get(name));
    }

    fn look_up(&self, name: &str) -> Mode {
        self.0.get(name).mode()
    }
}

struct Papaya(papaya::HashMap<String, Breaker, RandomState>);

impl Map for Papaya {
    fn new(_: usize) -> Self {
        Self(papaya::HashMap::with_hasher(RandomState::new()))
    }

    fn put(&self, name: &str) {
        self.0.pin().insert(name.into(), breaker());
    }

    fn look_up(&self, name: &str) -> Mode {
        let breaker = self.0.pin().get(name).map(Arc::clone);
        breaker.expect("it is there").mode()
    }
}

struct QuickCache(quick_cache::sync::Cache<String, Breaker, UnitWeighter, RandomState>);

impl Map for QuickCache {
    fn new(capacity: usize) -> Self {
        // Room to spare: its shards fill unevenly, and nothing is to be evicted.
        let (most, life) = (2 * capacity, Default::default());
        let hasher = RandomState::new();
        Self(quick_cache::sync::Cache::with(most, most as u64, UnitWeighter, hasher, life))
    }

    fn put(&self, name: &str) {
        self.0.insert(name.into(), breaker());
    }

    fn look_up(&self, name: &str) -> Mode {
        self.0.get(name).expect("it is there").mode()
    }
}

struct DashMap(dashmap::DashMap<String, Breaker, RandomState>);

impl Map for DashMap {
    fn new(_: usize) -> Self {
        Self(dashmap::DashMap::with_hasher(RandomState::new()))
    }

    fn put(&self, name: &str) {
        self.0.insert(name.into(), breaker());
    }

    fn look_up(&self, name: &str) -> Mode {
        let breaker = self.0.get(name).map(|found| Arc::clone(&found));
        breaker.expect("it is there").mode()
    }
}

struct Locked(RwLock<HashMap<String, Breaker>>);

impl Map for Locked {
    fn new(_: usize) -> Self {
        Self(RwLock::default())
    }

    fn put(&self, name: &str) {
        self.0.write().expect("nobody panics").insert(name.into(), breaker());
    }

    fn look_up(&self, name: &str) -> Mode {
        let breaker = self.0.read().expect("nobody panics").get(name).map(Arc::clone);
        breaker.expect("it is there").mode()
    }
}

/// What handing out an `Arc` costs by itself.
struct OneArc(Breaker);

impl Map for OneArc {
    fn new(_: usize) -> Self {
        Self(breaker())
    }

    fn put(&self, _: &str) {}

    fn look_up(&self, _: &str) -> Mode {
        black_box(Arc::clone(black_box(&self.0))).mode()
    }
}

/// What looking at the breaker costs by itself.
struct OneHandle(Handle);

impl Map for OneHandle {
    fn new(_: usize) -> Self {
        Self(Registry::<u8>::new(Config::new()).get(&0))
    }

    fn put(&self, _: &str) {}

    fn look_up(&self, _: &str) -> Mode {
        black_box(&self.0).mode()
    }
}

//! Against the number of breakers: each call goes to one of them at random, as calls do that have a
//! breaker for each host.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use cutout::{CircuitBreaker, State};
use cutout_benches::{Load, Still, tolerant};

use crate::measure::{Case, Curve, Kind, Panel, Plan, measure};
use crate::table::thousands;

type Breaker = CircuitBreaker<Still>;

/// As much memory as a breaker, of which one word is used.
struct Bare {
    word: AtomicU64,
    _rest: [u64; REST],
}

const REST: usize = size_of::<Breaker>() / 8 - 1;

pub(crate) fn panel(plan: Plan) -> Panel {
    let counts = [1, 1_000, 100_000];
    let mut cases = Vec::new();
    for (place, count) in counts.into_iter().enumerate() {
        cases.push(Case::new(0, place, success(count)));
        cases.push(Case::new(1, place, bare(count)));
    }
    let [success, bare] = measure::<2>(plan, counts.len(), cases);
    Panel {
        title: "Breakers in use, one of them at random for each call",
        axis: "breakers",
        places: counts.map(|count| thousands(count as u64)).into(),
        note: format!("one thread; a breaker is {} bytes", size_of::<Breaker>()),
        curves: vec![
            Curve { kind: Kind::Success, name: "success", costs: success },
            Curve { kind: Kind::Floor, name: "floor: an add to memory at random", costs: bare },
        ],
    }
}

/// Successful calls, each on any of `count` breakers.
fn success(count: usize) -> impl FnMut(u64) -> Duration {
    let breakers: Vec<Breaker> =
        (0..count).map(|_| CircuitBreaker::with_clock(tolerant(), Still)).collect();
    for breaker in &breakers {
        Load::Success.run(breaker, 20);
    }
    let mut expected = 20 * count as u64;
    let picks = picks(count);
    move |calls| {
        let answer = black_box(Ok::<u32, u32>(7));
        let start = Instant::now();
        for pick in picks.iter().cycle().take(as_len(calls)) {
            let _ = breakers[*pick].call(|| answer);
        }
        let spent = start.elapsed();
        expected += calls;
        let counted: u64 = breakers.iter().map(|breaker| breaker.totals().successes).sum();
        assert_eq!(counted, expected, "every call succeeds");
        assert!(breakers.iter().all(|breaker| breaker.state() == State::Closed));
        spent
    }
}

/// The same walk through memory, with an addition in place of a call.
fn bare(count: usize) -> impl FnMut(u64) -> Duration {
    let words: Vec<Bare> =
        (0..count).map(|_| Bare { word: AtomicU64::new(0), _rest: [0; REST] }).collect();
    let picks = picks(count);
    let mut expected = 0;
    move |calls| {
        let start = Instant::now();
        for pick in picks.iter().cycle().take(as_len(calls)) {
            words[*pick].word.fetch_add(1, Ordering::Relaxed);
        }
        let spent = start.elapsed();
        expected += calls;
        let counted: u64 = words.iter().map(|bare| bare.word.load(Ordering::Relaxed)).sum();
        assert_eq!(counted, expected, "every addition counts");
        spent
    }
}

/// Which breaker is next, a million times: an xorshift sequence, cut to size.
fn picks(count: usize) -> Vec<usize> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut pick = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        as_len(((state >> 32) * count as u64) >> 32)
    };
    (0..1 << 20).map(|_| pick()).collect()
}

fn as_len(number: u64) -> usize {
    usize::try_from(number).expect("it fits")
}

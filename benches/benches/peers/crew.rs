//! Two threads that make calls at the same time, a slice at a time.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use crate::peer::Peer;
use crate::work::{Ends, Load};
use crate::{cpu, parts};

/// How many calls a thread makes before it looks whether the slice is over.
const BATCH: u64 = 512;

/// Where threads wait for each other without sleeping, to start at the same time. What they do then
/// is over when the first of them is done, so that none has the machine for itself at the end.
pub(crate) struct Gate {
    missing: AtomicUsize,
    over: AtomicBool,
}

impl Gate {
    pub(crate) const fn new(threads: usize) -> Self {
        Self { missing: AtomicUsize::new(threads), over: AtomicBool::new(false) }
    }

    pub(crate) fn pass(&self) {
        self.missing.fetch_sub(1, Ordering::AcqRel);
        while self.missing.load(Ordering::Acquire) > 0 {
            spin_loop();
        }
    }
}

/// What each thread of a slice is told.
#[derive(Clone)]
struct Order {
    peer: Arc<dyn Peer>,
    load: Load,
    calls: u64,
    gate: Arc<Gate>,
}

impl Order {
    fn carry_out(&self) -> Part {
        // At least 16 looks a slice, however slow the calls are.
        let batch = self.load.batch((self.calls / 16).clamp(2, BATCH));
        let mut ends = Ends::default();
        self.gate.pass();
        let (cpu, start) = (cpu::of_thread(), Instant::now());
        while ends.total() < self.calls && !self.gate.over.load(Ordering::Relaxed) {
            ends += self.peer.run(batch);
        }
        let (end, cpu) = (Instant::now(), cpu::of_thread() - cpu);
        self.gate.over.store(true, Ordering::Relaxed);
        Part { start, end, cpu, ends }
    }
}

/// What one thread did in a slice.
struct Part {
    start: Instant,
    end: Instant,
    cpu: Duration,
    ends: Ends,
}

impl Part {
    fn wall(&self) -> Duration {
        self.end - self.start
    }
}

/// What all threads did in a slice.
pub(crate) struct Slice {
    /// Time of the clock for each call of each thread.
    pub(crate) wall_ns: f64,
    /// Time of the processor for each call.
    pub(crate) cpu_ns: f64,
    /// How much of the slice all threads truly ran at the same time: the smallest share of its time
    /// that a thread had the processor, or the share that was common to all, whichever is less.
    pub(crate) together: f64,
    /// From the first start to the last end.
    pub(crate) length: Duration,
    pub(crate) ends: Ends,
}

impl Slice {
    fn of(parts: &[Part]) -> Self {
        let mut ends = Ends::default();
        for part in parts {
            ends += part.ends;
        }
        let calls = ends.total() as f64;
        let sum = |time: fn(&Part) -> Duration| parts.iter().map(time).sum::<Duration>();
        let ns = |time: Duration| time.as_secs_f64() * 1e9 / calls;
        let starts = || parts.iter().map(|part| part.start);
        let stops = || parts.iter().map(|part| part.end);
        let length = between(starts().min(), stops().max());
        let common = share(between(starts().max(), stops().min()), length);
        let running = parts.iter().map(|part| share(part.cpu, part.wall()));
        Self {
            wall_ns: ns(sum(Part::wall)),
            cpu_ns: ns(sum(|part| part.cpu)),
            together: running.fold(common, f64::min),
            length,
            ends,
        }
    }
}

fn between(from: Option<Instant>, to: Option<Instant>) -> Duration {
    from.zip(to).map_or(Duration::ZERO, |(from, to)| to.saturating_duration_since(from))
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64()
}

struct Worker {
    orders: Sender<Order>,
    parts: Receiver<Part>,
}

impl Worker {
    fn start(lane: usize) -> Self {
        let (orders, inbox) = channel::<Order>();
        let (outbox, parts) = channel();
        thread::spawn(move || {
            parts::take_lane(lane);
            cpu::pin(lane);
            for order in inbox {
                if outbox.send(order.carry_out()).is_err() {
                    break;
                }
            }
        });
        Self { orders, parts }
    }
}

/// The threads. They sleep between slices, and so does who waits for them.
pub(crate) struct Crew([Worker; 2]);

impl Crew {
    pub(crate) fn start() -> Self {
        Self([Worker::start(0), Worker::start(1)])
    }

    /// Has so many threads make calls until one of them has made `calls`, or a few more.
    pub(crate) fn run(
        &self,
        threads: usize,
        peer: &Arc<dyn Peer>,
        load: Load,
        calls: u64,
    ) -> Slice {
        let gate = Arc::new(Gate::new(threads));
        let workers = &self.0[..threads];
        for worker in workers {
            let order = Order { peer: Arc::clone(peer), load, calls, gate: Arc::clone(&gate) };
            worker.orders.send(order).expect("a thread waits for orders");
        }
        let part = |worker: &Worker| worker.parts.recv().expect("a thread answers each order");
        Slice::of(&workers.iter().map(part).collect::<Vec<_>>())
    }
}

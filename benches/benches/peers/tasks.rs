//! The second question: what does a breaker cost 32 tasks that share it on two workers?

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::task::yield_now;

use crate::cpu;
use crate::peer::{AsyncPeer, Shown, run_async};
use crate::plan::Plan;
use crate::row::{Kind, version};
use crate::stats::Figure;
use crate::work::{End, Ends, Load, operation};

const TASKS: u64 = 32;

/// The calls after which a task lets others run.
const TURN: u64 = 64;

/// How the tasks of one round did.
pub(crate) struct Round {
    pub(crate) wall: Duration,
    cpu: Duration,
    calls: u64,
}

impl Round {
    /// Time of the processor for each call.
    pub(crate) fn cpu_ns(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.calls as f64
    }
}

/// Has each task take its turn so many times.
type Run = Box<dyn Fn(&Runtime, u64) -> Round>;

/// What is measured under one name.
pub(crate) struct Tasks {
    name: String,
    kind: Kind,
    run: Run,
    turns: u64,
    rounds: Vec<Round>,
}

/// What was measured.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Millions of calls a second, of all tasks together.
    pub(crate) mega_calls: Figure,
    /// Time of the processor for each call.
    pub(crate) cpu_ns: Figure,
}

impl Tasks {
    pub(crate) fn bare<P: AsyncPeer>(name: &str) -> Self {
        Self::new::<P>(name.into(), Kind::Floor)
    }

    pub(crate) fn ours<P: AsyncPeer>(policy: &str) -> Self {
        Self::new::<P>(format!("cutout, {policy}"), Kind::Ours)
    }

    pub(crate) fn theirs<P: AsyncPeer>(package: &str, policy: &str) -> Self {
        Self::new::<P>(format!("{package} {}, {policy}", version(package)), Kind::Theirs)
    }

    fn new<P: AsyncPeer>(name: String, kind: Kind) -> Self {
        let (peer, label) = (P::closed(), name.clone());
        let run =
            move |runtime: &Runtime, turns| round(runtime, &peer, Load::Success, turns, &label);
        Self { name, kind, run: Box::new(run), turns: 1, rounds: Vec::new() }
    }

    fn calibrate(&mut self, runtime: &Runtime, length: Duration) {
        loop {
            let ran = (self.run)(runtime, self.turns);
            if ran.wall >= length / 2 {
                return;
            }
            self.turns *= 2;
        }
    }

    fn finish(self) -> Outcome {
        let figure = |of: fn(&Round) -> f64| Figure::of(self.rounds.iter().map(of).collect());
        Outcome {
            mega_calls: figure(|round| round.calls as f64 / round.wall.as_secs_f64() / 1e6),
            cpu_ns: figure(Round::cpu_ns),
            name: self.name,
            kind: self.kind,
        }
    }
}

/// Has 32 tasks take so many turns.
pub(crate) fn round<P: AsyncPeer>(
    runtime: &Runtime,
    peer: &P,
    load: Load,
    turns: u64,
    name: &str,
) -> Round {
    let before = peer.shown();
    before.check_state(load, name);
    let (cpu, start) = (cpu::of_process(), Instant::now());
    let tasks: Vec<_> =
        (0..TASKS).map(|_| runtime.spawn(take_turns(peer.clone(), load, turns))).collect();
    let done = runtime.block_on(async {
        let mut done = Ends::default();
        for task in tasks {
            done += task.await.expect("calls do not panic");
        }
        done
    });
    let (wall, cpu) = (start.elapsed(), cpu::of_process() - cpu);
    let calls = TASKS * turns * TURN;
    assert_eq!(done, load.expected(calls), "{name}");
    let after = peer.shown();
    after.check_state(load, name);
    after.check_counts(&before, &done, name);
    Round { wall, cpu, calls }
}

async fn take_turns<P: AsyncPeer>(mut peer: P, load: Load, turns: u64) -> Ends {
    let mut ends = Ends::default();
    for _ in 0..turns {
        ends += run_async(&mut peer, load.batch(TURN)).await;
        yield_now().await;
    }
    ends
}

/// Measures all, in rounds.
pub(crate) fn measure(mut all: Vec<Tasks>, plan: &Plan) -> Vec<Outcome> {
    let runtime = runtime(2);
    for tasks in &mut all {
        tasks.calibrate(&runtime, plan.round);
    }
    for _ in 0..plan.rounds {
        for tasks in &mut all {
            let round = (tasks.run)(&runtime, tasks.turns);
            tasks.rounds.push(round);
        }
    }
    all.into_iter().map(Tasks::finish).collect()
}

/// A runtime whose workers have a core each.
pub(crate) fn runtime(workers: usize) -> Runtime {
    let started = AtomicUsize::new(0);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .on_thread_start(move || cutout_benches::pin(started.fetch_add(1, Ordering::Relaxed)))
        .enable_time()
        .build()
        .expect("a runtime")
}

/// The call without any breaker.
#[derive(Clone)]
pub(crate) struct Bare;

impl AsyncPeer for Bare {
    fn closed() -> Self {
        Self
    }

    async fn call(&mut self, fail: bool) -> End {
        match async { operation(fail) }.await {
            Ok(_) => End::Ok,
            Err(_) => End::Failed,
        }
    }

    fn shown(&self) -> Shown {
        Shown::default()
    }
}

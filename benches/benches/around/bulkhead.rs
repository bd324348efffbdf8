//! A permit, from acquiring it to giving it back: alone, against another thread, refused, and where
//! more want one than there are.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use cutout::{AsyncTimer, Bulkhead, BulkheadConfig};
use cutout_benches::{Padded, crowd};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use crate::measure::{Column, table, version};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const NOTES: &str = "\
Nanoseconds to acquire a permit and give it back, of each thread; of the tasks, for each permit. In
brackets the ratio to the first row of ours, then half the distance between the quartiles. *floor* is
one addition and one subtraction. *refused*: ours counts each refusal, which is a write; the others
only look. *1 of 2* are two threads that both want the only permit and block:
who hands over in order pays for a switch of threads each time, who lets others get past does not.
The tasks are 32 that want one of 4 permits and keep it while another task has its turn; ours waits by
a timer of tokio's too, which the others have not got.";

/// Something that gives out permits.
trait Semaphore: Send + Sync + 'static {
    fn new(permits: u32) -> Self;

    /// How many permits are free.
    fn free(&self) -> u32;
}

/// One way to a permit of `S`.
trait Pass<S>: 'static {
    /// Acquires a permit and gives it back; whether there was one.
    fn pass(semaphore: &Arc<S>) -> bool;
}

/// How a task waits for a permit of `S`.
trait Wait: Semaphore {
    /// Has a permit while another task has its turn.
    fn with_permit(&self) -> impl Future<Output = ()> + Send;
}

/// Times `count` passes of each of `threads`, where so many permits are free.
fn passes<S: Semaphore, P: Pass<S>>(threads: u32, permits: u32) -> impl Fn(u64) -> Duration {
    let semaphore = Arc::new(S::new(permits));
    move |count| {
        assert_eq!(semaphore.free(), permits, "before");
        let spent = crowd(threads, |_| {
            let passed: u64 = (0..count).map(|_| u64::from(P::pass(black_box(&semaphore)))).sum();
            assert_eq!(passed, count);
        });
        assert_eq!(semaphore.free(), permits, "after");
        spent
    }
}

/// Times `count` refusals.
fn refusals<S: Semaphore, P: Pass<S>>() -> impl Fn(u64) -> Duration {
    let semaphore = Arc::new(S::new(0));
    move |count| {
        assert_eq!(semaphore.free(), 0, "before");
        let start = Instant::now();
        let passed: u64 = (0..count).map(|_| u64::from(P::pass(black_box(&semaphore)))).sum();
        let spent = start.elapsed();
        assert_eq!((passed, semaphore.free()), (0, 0), "after");
        spent
    }
}

/// Times how long so many permits take that go round the tasks.
fn tasks<S: Wait>(runtime: &Runtime) -> impl Fn(u64) -> Duration {
    const TASKS: u64 = 32;
    const PERMITS: u32 = 4;
    let semaphore = Arc::new(S::new(PERMITS));
    move |count| {
        assert_eq!(semaphore.free(), PERMITS, "before");
        let rounds = count.div_ceil(TASKS);
        let had = AtomicU64::new(0);
        let start = Instant::now();
        runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    let semaphore = Arc::clone(&semaphore);
                    runtime.spawn(async move {
                        for _ in 0..rounds {
                            semaphore.with_permit().await;
                        }
                        rounds
                    })
                })
                .collect();
            for task in tasks {
                had.fetch_add(task.await.expect("a task ends"), Ordering::Relaxed);
            }
        });
        let spent = start.elapsed();
        assert_eq!((had.into_inner(), semaphore.free()), (rounds * TASKS, PERMITS), "after");
        spent.div_f64((rounds * TASKS) as f64 / count as f64)
    }
}

/// What no semaphore can go below.
struct Floor(Padded<AtomicU64>);

impl Semaphore for Floor {
    fn new(_: u32) -> Self {
        Self(Padded::default())
    }

    fn free(&self) -> u32 {
        2 - u32::try_from(self.0.0.load(Ordering::Relaxed)).expect("few are out")
    }
}

struct AddAndSubtract;

impl Pass<Floor> for AddAndSubtract {
    fn pass(floor: &Arc<Floor>) -> bool {
        floor.0.0.fetch_add(1, Ordering::Acquire);
        floor.0.0.fetch_sub(1, Ordering::Release);
        true
    }
}

/// A bulkhead; of no permits it is one whose only permit is out.
struct Ours(Arc<Bulkhead>);

impl Semaphore for Ours {
    fn new(permits: u32) -> Self {
        let config = BulkheadConfig::new(permits.max(1)).queue(100).max_wait(DAY);
        let bulkhead = Arc::new(Bulkhead::with_config(config));
        if permits == 0 {
            core::mem::forget(bulkhead.try_acquire());
        }
        Self(bulkhead)
    }

    fn free(&self) -> u32 {
        assert_eq!(self.0.waiting(), 0);
        self.0.limit() - self.0.in_use()
    }
}

struct TryAcquire;
struct TryAcquireOwned;
struct Acquire;

impl Pass<Ours> for TryAcquire {
    fn pass(ours: &Arc<Ours>) -> bool {
        ours.0.try_acquire().is_ok()
    }
}

impl Pass<Ours> for TryAcquireOwned {
    fn pass(ours: &Arc<Ours>) -> bool {
        ours.0.try_acquire_owned().is_ok()
    }
}

impl Pass<Ours> for Acquire {
    fn pass(ours: &Arc<Ours>) -> bool {
        ours.0.acquire().is_ok()
    }
}

struct Timer;

impl AsyncTimer for Timer {
    type Sleeping = tokio::time::Sleep;

    fn sleep(&self, duration: Duration) -> tokio::time::Sleep {
        tokio::time::sleep(duration)
    }
}

impl Wait for Ours {
    async fn with_permit(&self) {
        let _permit = self.0.acquire_async(Timer).await.expect("a day is long");
        yield_now().await;
    }
}

/// The same with a timer that costs nothing, as the others have none.
struct Untimed(Ours);

struct Never;

impl AsyncTimer for Never {
    type Sleeping = core::future::Pending<()>;

    fn sleep(&self, _: Duration) -> Self::Sleeping {
        core::future::pending()
    }
}

impl Semaphore for Untimed {
    fn new(permits: u32) -> Self {
        Self(Ours::new(permits))
    }

    fn free(&self) -> u32 {
        self.0.free()
    }
}

impl Wait for Untimed {
    async fn with_permit(&self) {
        let _permit = self.0.0.acquire_async(Never).await.expect("a timer that never ends");
        yield_now().await;
    }
}

struct Tokio(Arc<tokio::sync::Semaphore>);

impl Semaphore for Tokio {
    fn new(permits: u32) -> Self {
        Self(Arc::new(tokio::sync::Semaphore::new(permits as usize)))
    }

    fn free(&self) -> u32 {
        u32::try_from(self.0.available_permits()).expect("there are few")
    }
}

impl Pass<Tokio> for TryAcquire {
    fn pass(tokio: &Arc<Tokio>) -> bool {
        tokio.0.try_acquire().is_ok()
    }
}

impl Pass<Tokio> for TryAcquireOwned {
    fn pass(tokio: &Arc<Tokio>) -> bool {
        Arc::clone(&tokio.0).try_acquire_owned().is_ok()
    }
}

impl Pass<Tokio> for Acquire {
    fn pass(tokio: &Arc<Tokio>) -> bool {
        pollster::block_on(tokio.0.acquire()).is_ok()
    }
}

impl Wait for Tokio {
    async fn with_permit(&self) {
        let _permit = self.0.acquire().await.expect("nobody closes it");
        yield_now().await;
    }
}

struct AsyncLock(Arc<async_lock::Semaphore>);

impl Semaphore for AsyncLock {
    fn new(permits: u32) -> Self {
        Self(Arc::new(async_lock::Semaphore::new(permits as usize)))
    }

    /// It does not tell: what is free is what can be taken.
    fn free(&self) -> u32 {
        let all: Vec<_> = core::iter::from_fn(|| self.0.try_acquire()).collect();
        u32::try_from(all.len()).expect("there are few")
    }
}

impl Pass<AsyncLock> for TryAcquire {
    fn pass(lock: &Arc<AsyncLock>) -> bool {
        lock.0.try_acquire().is_some()
    }
}

impl Pass<AsyncLock> for TryAcquireOwned {
    fn pass(lock: &Arc<AsyncLock>) -> bool {
        lock.0.try_acquire_arc().is_some()
    }
}

impl Pass<AsyncLock> for Acquire {
    fn pass(lock: &Arc<AsyncLock>) -> bool {
        drop(lock.0.acquire_blocking());
        true
    }
}

impl Wait for AsyncLock {
    async fn with_permit(&self) {
        let _permit = self.0.acquire().await;
        yield_now().await;
    }
}

/// Measures and prints.
pub(crate) fn run() {
    let (tokio, async_lock) =
        (format!("tokio {}", version("tokio")), format!("async-lock {}", version("async-lock")));
    let uncontended = |title, threads| {
        Column::new(title)
            .cell("floor", passes::<Floor, AddAndSubtract>(threads, 2))
            .cell("cutout, try_acquire", passes::<Ours, TryAcquire>(threads, 2))
            .cell("cutout, try_acquire_owned", passes::<Ours, TryAcquireOwned>(threads, 2))
            .cell("cutout, acquire", passes::<Ours, Acquire>(threads, 2))
            .cell(format!("{tokio}, try_acquire"), passes::<Tokio, TryAcquire>(threads, 2))
            .cell(
                format!("{tokio}, try_acquire_owned"),
                passes::<Tokio, TryAcquireOwned>(threads, 2),
            )
            .cell(format!("{tokio}, acquire"), passes::<Tokio, Acquire>(threads, 2))
            .cell(format!("{async_lock}, try_acquire"), passes::<AsyncLock, TryAcquire>(threads, 2))
            .cell(
                format!("{async_lock}, try_acquire_owned"),
                passes::<AsyncLock, TryAcquireOwned>(threads, 2),
            )
            .cell(format!("{async_lock}, acquire"), passes::<AsyncLock, Acquire>(threads, 2))
    };
    let refused = Column::new("refused, 1T")
        .cell("cutout, try_acquire", refusals::<Ours, TryAcquire>())
        .cell("cutout, try_acquire_owned", refusals::<Ours, TryAcquireOwned>())
        .cell(format!("{tokio}, try_acquire"), refusals::<Tokio, TryAcquire>())
        .cell(format!("{tokio}, try_acquire_owned"), refusals::<Tokio, TryAcquireOwned>())
        .cell(format!("{async_lock}, try_acquire"), refusals::<AsyncLock, TryAcquire>())
        .cell(format!("{async_lock}, try_acquire_owned"), refusals::<AsyncLock, TryAcquireOwned>());
    let waiting = Column::new("1 of 2, 2T")
        .cell("cutout, acquire", passes::<Ours, Acquire>(2, 1))
        .cell(format!("{tokio}, acquire"), passes::<Tokio, Acquire>(2, 1))
        .cell(format!("{async_lock}, acquire"), passes::<AsyncLock, Acquire>(2, 1));
    let one =
        Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("a runtime");
    let two =
        Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    let queued = |title, runtime| {
        Column::new(title)
            .cell("cutout, acquire_async without a timer", tasks::<Untimed>(runtime))
            .cell("cutout, acquire_async", tasks::<Ours>(runtime))
            .cell(format!("{tokio}, acquire"), tasks::<Tokio>(runtime))
            .cell(format!("{async_lock}, acquire"), tasks::<AsyncLock>(runtime))
    };
    let columns = vec![
        uncontended("free, 1T", 1),
        uncontended("free, 2T", 2),
        refused,
        waiting,
        queued("tasks, 1 worker", &one),
        queued("tasks, 2 workers", &two),
    ];
    table("Bulkhead", NOTES, columns);
}

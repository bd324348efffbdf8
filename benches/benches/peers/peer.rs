//! What a breaker has to offer to be measured. The adapters in `breakers` say it for each.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use crate::work::{Batch, Count, End, Ends, Load};

/// A breaker that threads share.
pub(crate) trait Peer: Send + Sync {
    /// Makes one call.
    fn call(&self, fail: bool) -> End;

    /// Makes the calls of a batch. All breakers run this loop, or its twin in [`run_async`].
    fn run(&self, batch: Batch) -> Ends {
        let mut count = Count::default();
        for number in 0..batch.calls() {
            count.add(self.call(batch.fails(number)));
        }
        count.ends()
    }

    /// What it says of itself.
    fn shown(&self) -> Shown;
}

/// How a breaker is made for what is to be measured.
pub(crate) trait Configured: Peer + Sized + 'static {
    /// Closed, and so set that half the calls may fail.
    fn closed() -> Self;

    /// Closed, and so set that failures alone open it.
    fn about_to_open() -> Self {
        Self::closed()
    }
}

/// A breaker that tasks share, each by its own clone of the handle.
pub(crate) trait AsyncPeer: Clone + Send + Sync + 'static {
    /// Closed, and so set that half the calls may fail.
    fn closed() -> Self;

    /// Makes one call.
    fn call(&mut self, fail: bool) -> impl Future<Output = End> + Send;

    /// What it says of itself.
    fn shown(&self) -> Shown;

    /// Runs a future to its end on the executor that the breaker asks for.
    fn block_on<F: Future>(future: F) -> F::Output {
        pollster::block_on(future)
    }
}

/// Makes the calls of a batch.
pub(crate) async fn run_async<P: AsyncPeer>(peer: &mut P, batch: Batch) -> Ends {
    let mut count = Count::default();
    for number in 0..batch.calls() {
        count.add(peer.call(batch.fails(number)).await);
    }
    count.ends()
}

/// A breaker that has no synchronous call, polled to the end once a batch.
pub(crate) struct Polled<P>(P);

impl<P: AsyncPeer> Peer for Polled<P> {
    fn call(&self, fail: bool) -> End {
        P::block_on(self.0.clone().call(fail))
    }

    fn run(&self, batch: Batch) -> Ends {
        P::block_on(run_async(&mut self.0.clone(), batch))
    }

    fn shown(&self) -> Shown {
        self.0.shown()
    }
}

impl<P: AsyncPeer> Configured for Polled<P> {
    fn closed() -> Self {
        Self(P::closed())
    }
}

/// A breaker's state, by the name that we give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed,
    Open,
    HalfOpen,
}

/// What a breaker says of itself, as far as its API says anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) state: Option<State>,
    pub(crate) ok: Option<u64>,
    pub(crate) failed: Option<u64>,
    pub(crate) refused: Option<u64>,
}

impl Shown {
    /// A breaker that shows its state and no counts.
    pub(crate) fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// Checks that it is in the state that the load asks for.
    pub(crate) fn check_state(&self, load: Load, name: &str) {
        let wanted = match load {
            Load::Success | Load::HalfFailing => State::Closed,
            Load::Refused => State::Open,
        };
        if let Some(state) = self.state {
            assert_eq!(state, wanted, "{name}: {load:?}");
        }
    }

    /// Checks that it counted what was done since `before`.
    pub(crate) fn check_counts(&self, before: &Self, done: &Ends, name: &str) {
        let counts = [
            (before.ok, self.ok, done.ok, "successes"),
            (before.failed, self.failed, done.failed, "failures"),
            (before.refused, self.refused, done.refused, "refusals"),
        ];
        for (before, now, done, what) in counts {
            if let (Some(before), Some(now)) = (before, now) {
                assert_eq!(now - before, done, "{name}: {what}");
            }
        }
    }
}

/// Fails calls until one is refused.
pub(crate) fn trip(peer: &dyn Peer, name: &str) {
    let since = Instant::now();
    while peer.call(true) != End::Refused {
        assert!(since.elapsed() < Duration::from_secs(10), "{name} does not open");
    }
}

/// A breaker at the start of cache lines of its own, so that none is lucky in where it lies.
#[repr(align(128))]
struct Aligned<P>(P);

impl<P: Peer> Peer for Aligned<P> {
    fn call(&self, fail: bool) -> End {
        self.0.call(fail)
    }

    fn run(&self, batch: Batch) -> Ends {
        self.0.run(batch)
    }

    fn shown(&self) -> Shown {
        self.0.shown()
    }
}

/// Puts a breaker where threads share it.
pub(crate) fn shared<P: Peer + 'static>(peer: P) -> Arc<dyn Peer> {
    Arc::new(Aligned(peer))
}

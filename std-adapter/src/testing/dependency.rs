//! A dependency that follows a script.

use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::Fault;
use super::script::{End, Reply, Script};
use crate::support::panics::{in_drop, wake_all};
use crate::timer::{AsyncTimer, BlockingTimer, ManualTimer};

/// Something to call that fails, hangs, panics and slows down as its [`Script`] says.
///
/// Time passes on the timer that it is given. On a [`ManualTimer`] a blocking call moves it, and an
/// asynchronous one waits until the test does; on `TokioTimer` it is tokio's. Clones are the same
/// dependency.
///
/// # Examples
///
/// ```
/// use core::time::Duration;
/// use cutout::testing::{Dependency, Fault, Reply, Script};
/// use cutout::{Clock, ManualTimer};
///
/// let time = ManualTimer::new();
/// let slow = Reply::ok().after(Duration::from_secs(2));
/// let bank = Dependency::new(time.clone(), Script::new().then(1, slow).forever(Reply::hang()));
///
/// assert_eq!(bank.call(), Ok(1));
/// assert_eq!(time.now().as_nanos(), 2_000_000_000);
/// assert_eq!(bank.call_within(Duration::from_secs(1)), Err(Fault::TimedOut { call: 2 }));
/// assert_eq!(time.now().as_nanos(), 3_000_000_000);
///
/// bank.play(Script::new());
/// assert_eq!(bank.call(), Ok(3));
/// assert_eq!(bank.calls(), 3);
/// ```
pub struct Dependency<S = ManualTimer> {
    shared: Arc<Shared<S>>,
}

struct Shared<S> {
    time: S,
    /// Wakers are cloned, called and dropped without the lock: they are the callers' code, and may
    /// come back to this very dependency.
    stage: Mutex<Stage>,
}

#[derive(Default)]
struct Stage {
    script: Script,
    calls: u64,
    running: u64,
    given_up: u64,
    /// Calls that hang, by their numbers.
    hanging: BTreeMap<u64, Waker>,
    /// Calls up to this one do not hang any more.
    released: u64,
}

impl<S> Dependency<S> {
    /// A dependency whose calls take their time on `time`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new());
    /// assert_eq!((bank.call(), bank.calls()), (Ok(1), 1));
    /// ```
    #[must_use]
    pub fn new(time: S, script: Script) -> Self {
        let stage = Stage { script, ..Stage::default() };
        Self { shared: Arc::new(Shared { time, stage: Mutex::new(stage) }) }
    }

    /// From the next call on, it follows `script`. Calls that are out keep the reply they have.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new());
    /// assert!(bank.call().is_ok());
    /// bank.play(Script::new().then(1, Reply::err()));
    /// assert!(bank.call().is_err());
    /// ```
    pub fn play(&self, script: Script) {
        self.shared.stage().script = script;
    }

    /// All calls that hang end now, well. Later ones hang again if the script says so.
    ///
    /// # Panics
    ///
    /// If a waker panics, unless the thread unwinds already. All others were woken by then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::hang()));
    /// let mut call = pin!(bank.call_async());
    /// let mut context = Context::from_waker(Waker::noop());
    /// assert!(call.as_mut().poll(&mut context).is_pending());
    /// assert_eq!((bank.running(), bank.hanging()), (1, 1));
    /// bank.release();
    /// assert_eq!(call.as_mut().poll(&mut context), Poll::Ready(Ok(1)));
    /// ```
    pub fn release(&self) {
        let mut stage = self.shared.stage();
        stage.released = stage.calls;
        let hanging = core::mem::take(&mut stage.hanging);
        drop(stage);
        // What is woken may run at once, and call.
        wake_all(hanging.into_values());
    }

    /// How many calls have reached it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new());
    /// assert_eq!((bank.calls(), bank.call(), bank.calls()), (0, Ok(1), 1));
    /// ```
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.stage().calls
    }

    /// How many calls are out.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::{future::Future, pin::pin, task::{Context, Waker}, time::Duration};
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let slow = Reply::ok().after(Duration::from_secs(2));
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(slow));
    /// let mut call = pin!(bank.call_async());
    /// assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// assert_eq!((bank.running(), bank.hanging()), (1, 0));
    /// ```
    #[must_use]
    pub fn running(&self) -> u64 {
        self.shared.stage().running
    }

    /// How many calls are out and hang.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::{future::Future, pin::pin, task::{Context, Waker}};
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::hang()));
    /// let mut call = pin!(bank.call_async());
    /// assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    /// assert_eq!(bank.hanging(), 1);
    /// ```
    #[must_use]
    pub fn hanging(&self) -> usize {
        self.shared.stage().hanging.len()
    }

    /// How many calls were given up: cut by a limit, or dropped before their end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().then(1, Reply::hang()));
    /// assert!(bank.call_within(Duration::from_secs(1)).is_err());
    /// assert!(bank.call().is_ok());
    /// assert_eq!(bank.given_up(), 1);
    /// ```
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.shared.stage().given_up
    }

    /// The timer.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::testing::{Dependency, Reply, Script};
    /// # use cutout::{Clock, ManualTimer};
    /// let slow = Reply::ok().after(Duration::from_secs(2));
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(slow));
    /// assert!(bank.call().is_ok());
    /// assert_eq!(bank.time().now().as_nanos(), 2_000_000_000);
    /// ```
    #[must_use]
    pub fn time(&self) -> &S {
        &self.shared.time
    }

    fn begin(&self) -> (Run<'_, S>, Reply) {
        let mut stage = self.shared.stage();
        stage.calls += 1;
        stage.running += 1;
        let reply = stage.script.next();
        (Run { shared: &self.shared, call: stage.calls, ended: false }, reply)
    }
}

impl<S: BlockingTimer> Dependency<S> {
    /// A blocking call. It returns its number, from 1 on.
    ///
    /// # Errors
    ///
    /// [`Fault::Failed`] if the script says so.
    ///
    /// # Panics
    ///
    /// If the script says so, or if it says that the call hangs, since nobody could give it up.
    ///
    /// # Examples
    ///
    /// ```
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Fault, Reply, Script};
    /// let script = Script::new().then(1, Reply::ok()).then(1, Reply::err());
    /// let bank = Dependency::new(ManualTimer::new(), script);
    /// assert_eq!(bank.call(), Ok(1));
    /// assert_eq!(bank.call(), Err(Fault::Failed { call: 2 }));
    /// ```
    pub fn call(&self) -> Result<u64, Fault> {
        let (run, reply) = self.begin();
        let call = run.call;
        assert!(
            reply.end != End::Hang,
            "call {call} hangs, and a blocking call cannot be given up: use `call_within`"
        );
        self.shared.time.pause(reply.takes());
        run.end(reply.end)
    }

    /// A blocking call of a client that gives up after `limit`.
    ///
    /// # Errors
    ///
    /// [`Fault::TimedOut`] if it takes longer, [`Fault::Failed`] if the script says so.
    ///
    /// # Panics
    ///
    /// If the script says so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::ManualTimer;
    /// # use cutout::testing::{Dependency, Fault, Reply, Script};
    /// let slow = Reply::ok().after(Duration::from_secs(2));
    /// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(slow));
    /// assert_eq!(bank.call_within(Duration::from_secs(2)), Ok(1));
    /// assert_eq!(bank.call_within(Duration::from_secs(1)), Err(Fault::TimedOut { call: 2 }));
    /// ```
    pub fn call_within(&self, limit: Duration) -> Result<u64, Fault> {
        let (run, reply) = self.begin();
        if reply.end == End::Hang || reply.takes() > limit {
            self.shared.time.pause(limit);
            return Err(Fault::TimedOut { call: run.call });
        }
        self.shared.time.pause(reply.takes());
        run.end(reply.end)
    }
}

impl<S: AsyncTimer> Dependency<S> {
    /// An asynchronous call. It begins when it is first polled, and returns its number, from 1 on.
    ///
    /// # Errors
    ///
    /// [`Fault::Failed`] if the script says so.
    ///
    /// # Cancellation
    ///
    /// A call that is dropped is given up, and counted as such.
    ///
    /// # Panics
    ///
    /// If the script says so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::time::Duration;
    /// # use cutout::testing::{self, Dependency, Reply, Script};
    /// # use cutout::{Clock, ManualTimer};
    /// let time = ManualTimer::new();
    /// let slow = Reply::ok().after(Duration::from_secs(2));
    /// let bank = Dependency::new(time.clone(), Script::new().forever(slow));
    /// assert_eq!(testing::drive(&time, bank.call_async()), Ok(1));
    /// assert_eq!(time.now().as_nanos(), 2_000_000_000);
    /// ```
    pub async fn call_async(&self) -> Result<u64, Fault> {
        let (run, reply) = self.begin();
        if !reply.takes().is_zero() {
            self.shared.time.sleep(reply.takes()).await;
        }
        if reply.end == End::Hang {
            run.hang().await;
        }
        run.end(reply.end)
    }
}

impl<S> Shared<S> {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        // No panic happens while it is held.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that is out.
struct Run<'a, S> {
    shared: &'a Shared<S>,
    call: u64,
    ended: bool,
}

impl<S> Run<'_, S> {
    async fn hang(&self) {
        poll_fn(|context| {
            let waker = context.waker().clone();
            let mut stage = self.shared.stage();
            let (poll, _waker) = if self.call <= stage.released {
                (Poll::Ready(()), Some(waker))
            } else {
                (Poll::Pending, stage.hanging.insert(self.call, waker))
            };
            drop(stage); // and only then the waker
            poll
        })
        .await;
    }

    fn end(mut self, end: End) -> Result<u64, Fault> {
        self.ended = true;
        let call = self.call;
        match end {
            End::Ok | End::Hang => Ok(call),
            End::Err => Err(Fault::Failed { call }),
            End::Panic => panic!("call {call} panics, as its script says"),
        }
    }
}

impl<S> Drop for Run<'_, S> {
    fn drop(&mut self) {
        let mut stage = self.shared.stage();
        stage.running -= 1;
        stage.given_up += u64::from(!self.ended);
        let waker = stage.hanging.remove(&self.call);
        drop(stage);
        in_drop(|| drop(waker));
    }
}

impl<S> Clone for Dependency<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S> fmt::Debug for Dependency<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.shared.stage();
        let (calls, running, hanging, given_up) =
            (stage.calls, stage.running, stage.hanging.len(), stage.given_up);
        drop(stage); // what is written to may look at it
        f.debug_struct("Dependency")
            .field("calls", &calls)
            .field("running", &running)
            .field("hanging", &hanging)
            .field("given_up", &given_up)
            .finish_non_exhaustive()
    }
}

//! What breakers announce, sent to readers that may be slow (feature `events`).
//!
//! A [`Broadcast`] holds the last events of all breakers that are given its [observer](Announcer).
//! Each [`Reader`] gets every event, one after the other, at its own pace; one that falls behind by
//! more than the broadcast holds is told [how many](ReadError::Missed) it has missed and goes on
//! with the oldest that is there. No reader ever holds up a breaker.
//!
//! Those who do not want to be told, but to look now and then, take
//! [`LastTransitions`](crate::LastTransitions).
//!
//! # Examples
//!
//! ```
//! use cutout::events::{Broadcast, EventKind};
//! use cutout::{CircuitBreaker, Config, State, StdClock};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cutout::events::ReadError> {
//! let events = Broadcast::new(64);
//! let mut reader = events.subscribe();
//! let bank = CircuitBreaker::with_observer(Config::new(), StdClock, events.observer("bank"));
//!
//! bank.force_open();
//! let event = reader.next().await?;
//! assert_eq!(&*event.breaker, "bank");
//! assert!(matches!(event.kind, EventKind::Transition(change) if change.to == State::Open));
//! # Ok(())
//! # }
//! ```
//!
//! A breaker of a `Registry` gets one by
//! `with_observer(move |host: &String| events.observer(host.as_str()))`.
//!
//! # Guarantees
//!
//! - *Memory*: the broadcast allocates when it is made and when a reader subscribes. To announce
//!   allocates nothing.
//! - *Progress*: to announce takes two locks of a few instructions, that of the broadcast and that
//!   of the slot, and wakes the readers that wait after giving them back. A reader holds the lock
//!   of a slot while it counts up a reference. With no reader there is one lock.
//! - *Order*: a reader sees events in the order in which they were announced; see
//!   [`Observer`] for changes that follow each other closely.
//!
//! # Why tokio's channel
//!
//! `tokio::sync::broadcast` says how many were missed and needs no runtime; of tokio, this feature
//! brings the module `sync` alone. `async-broadcast` 0.7 in its overflow mode does the same, but
//! wakes readers under its lock: a waker that polls in place, or looks at a breaker whose observer
//! announces, would wait for itself.

use core::fmt;
use std::sync::Arc;

use cutout_core::{CallEvent, Observer, Tally, Transition, TripReason};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender};

const MOST_EVENTS: usize = 1 << 16;

/// What a breaker announced.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The name that its [observer](Broadcast::observer) was given.
    pub breaker: Arc<str>,
    /// What it said.
    pub kind: EventKind,
}

/// What was announced.
///
/// Stale results are not: after a trip there may be as many as there were calls in flight, and they
/// would push out what the reader waits for. They are counted in [`Totals`](crate::Totals::stale).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The circuit changed.
    Transition(Transition),
    /// The circuit is forced closed and would have opened.
    WouldTrip(TripReason, Tally),
    /// A call ended or was refused. Sent by an observer that was told [to](Announcer::with_calls).
    Call(CallEvent),
}

/// Sends what breakers announce to any number of readers. Clones send to the same.
#[derive(Clone, Debug)]
pub struct Broadcast {
    sender: Sender<Event>,
}

/// A number of events that a [`Broadcast`] cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapacityError;

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capacity: must be 1 to {MOST_EVENTS}")
    }
}

impl core::error::Error for CapacityError {}

impl Broadcast {
    /// A broadcast that holds the last `capacity` events, or a few more: up to the next power of
    /// two.
    ///
    /// # Panics
    ///
    /// If the capacity is not 1 to 65,536.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::try_new(capacity).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same for a capacity that comes as input.
    ///
    /// # Errors
    ///
    /// If the capacity is not 1 to 65,536.
    pub fn try_new(capacity: usize) -> Result<Self, CapacityError> {
        if !(1..=MOST_EVENTS).contains(&capacity) {
            return Err(CapacityError);
        }
        Ok(Self { sender: Sender::new(capacity) })
    }

    /// An observer for the breaker of this name.
    pub fn observer(&self, breaker: impl Into<Arc<str>>) -> Announcer {
        Announcer { breaker: breaker.into(), sender: self.sender.clone(), with_calls: false }
    }

    /// A reader of what is announced from now on.
    #[must_use]
    pub fn subscribe(&self) -> Reader {
        Reader { receiver: self.sender.subscribe() }
    }

    /// How many readers there are.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.sender.receiver_count()
    }
}

/// The observer that sends what it hears. Made by [`Broadcast::observer`].
#[derive(Clone, Debug)]
pub struct Announcer {
    breaker: Arc<str>,
    sender: Sender<Event>,
    with_calls: bool,
}

impl Announcer {
    /// The same, and it sends each [call](EventKind::Call) besides: to look at one breaker closely,
    /// or to record what happens to it. The calls then take the locks that an announcement takes,
    /// and push out what slow readers wait for; a broadcast of its own keeps them apart from the
    /// changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use cutout::events::{Broadcast, EventKind};
    /// use cutout::{CallEvent, CircuitBreaker, Config, Outcome, StdClock};
    ///
    /// let calls = Broadcast::new(1024);
    /// let mut reader = calls.subscribe();
    /// let observer = calls.observer("bank").with_calls();
    /// let bank = CircuitBreaker::with_observer(Config::new(), StdClock, observer);
    ///
    /// let _ = bank.call(|| Err::<(), _>("down"));
    /// let event = reader.try_next()?.expect("a call has ended");
    /// let failed = CallEvent::Settled { outcome: Outcome::Failure, slow: false };
    /// assert_eq!(event.kind, EventKind::Call(failed));
    /// # Ok::<_, cutout::events::ReadError>(())
    /// ```
    #[must_use]
    pub fn with_calls(self) -> Self {
        Self { with_calls: true, ..self }
    }

    fn send(&self, kind: EventKind) {
        // Without readers there is nobody to tell.
        let _ = self.sender.send(Event { breaker: Arc::clone(&self.breaker), kind });
    }
}

impl Observer for Announcer {
    fn on_transition(&self, transition: &Transition) {
        self.send(EventKind::Transition(*transition));
    }

    fn on_would_trip(&self, reason: TripReason, tally: &Tally) {
        self.send(EventKind::WouldTrip(reason, *tally));
    }

    fn wants_call_events(&self) -> bool {
        self.with_calls
    }

    fn on_call(&self, call: &CallEvent) {
        self.send(EventKind::Call(*call));
    }
}

/// Reads from a [`Broadcast`], from where it [subscribed](Broadcast::subscribe) on.
#[derive(Debug)]
pub struct Reader {
    receiver: Receiver<Event>,
}

/// Why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// So many events are gone, because the reader was slow. It goes on with the oldest that is
    /// there.
    Missed(u64),
    /// The broadcast, its clones and all its observers are gone, and everything was read.
    Closed,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed(events) => write!(f, "{events} events were missed"),
            Self::Closed => f.write_str("there is no more to come"),
        }
    }
}

impl core::error::Error for ReadError {}

impl Reader {
    /// The next event; waits for it. It needs no runtime: a thread may block on it by any executor.
    ///
    /// # Errors
    ///
    /// [`ReadError::Missed`] once, each time that the reader has fallen behind, and
    /// [`ReadError::Closed`] at the end.
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits, nothing is lost.
    pub async fn next(&mut self) -> Result<Event, ReadError> {
        self.receiver.recv().await.map_err(|error| match error {
            RecvError::Lagged(events) => ReadError::Missed(events),
            RecvError::Closed => ReadError::Closed,
        })
    }

    /// The next event, if there is one. Never waits.
    ///
    /// # Errors
    ///
    /// As of [`next`](Self::next).
    pub fn try_next(&mut self) -> Result<Option<Event>, ReadError> {
        match self.receiver.try_recv() {
            Ok(event) => Ok(Some(event)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Lagged(events)) => Err(ReadError::Missed(events)),
            Err(TryRecvError::Closed) => Err(ReadError::Closed),
        }
    }
}

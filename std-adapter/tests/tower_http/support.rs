//! A body that gives what it is told to, and a call whose response is at hand.

use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use cutout::tower::{CircuitBreakerLayer, Classify};
use cutout::{CircuitBreaker, Config, Error, ManualClock};
use http_body::{Body, Frame};
use tower::{Layer, Service, service_fn};

pub(crate) type Breaker = CircuitBreaker<ManualClock>;

/// Any one failure opens it for a second.
pub(crate) fn breaker() -> Arc<Breaker> {
    let config = Config::new()
        .failure_count(1)
        .consecutive_failures(1)
        .break_duration(Duration::from_secs(1))
        .trials(1);
    Arc::new(CircuitBreaker::with_clock(config, ManualClock::new()))
}

/// How calls ended: successes, failures, ignored, cancelled.
pub(crate) fn ends(breaker: &Breaker) -> [u64; 4] {
    let totals = breaker.totals();
    [totals.successes, totals.failures, totals.ignored, totals.cancelled]
}

/// What a body does when it is polled once more.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait,
    Data,
    Trailers(HeaderMap),
    BreakOff,
    Panic,
}

/// A body that follows a script and then ends.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) steps: VecDeque<Step>,
    /// Whether it says so when nothing more will come.
    pub(crate) says_so: bool,
}

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), says_so: false }
    }

    pub(crate) fn that_says_so(self) -> Self {
        Self { says_so: true, ..self }
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.steps.pop_front() {
            Some(Step::Wait) => Poll::Pending,
            Some(Step::Data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"data"))))),
            Some(Step::Trailers(map)) => Poll::Ready(Some(Ok(Frame::trailers(map)))),
            Some(Step::BreakOff) => Poll::Ready(Some(Err("the connection is gone"))),
            Some(Step::Panic) => panic!("in the body"),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.says_so && self.steps.is_empty()
    }
}

/// Calls a service that answers with `response`, or fails.
pub(crate) fn call<K>(
    breaker: &Arc<Breaker>,
    classifier: K,
    answer: Result<Response<Scripted>, &'static str>,
) -> Result<K::Response, Error<&'static str>>
where
    K: Classify<Response<Scripted>, &'static str, Arc<Breaker>> + Clone,
{
    let layer = CircuitBreakerLayer::new(Arc::clone(breaker)).classify(classifier);
    let mut answer = Some(answer);
    let mut service = layer.layer(service_fn(move |_: Request<()>| {
        core::future::ready(answer.take().expect("one call"))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    match pin!(service.call(Request::new(()))).poll(&mut cx) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("the service answers at once"),
    }
}

type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

/// Polls a body once.
pub(crate) fn poll<B: Body + Unpin>(body: &mut B) -> Polled<B> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

/// Reads a body to its end, and says how many frames it had.
pub(crate) fn read<B: Body + Unpin>(body: &mut B) -> Result<usize, B::Error> {
    for frames in 0.. {
        match poll(body) {
            Poll::Pending => panic!("it waits"),
            Poll::Ready(None) => return Ok(frames),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => return Err(error),
        }
    }
    unreachable!()
}

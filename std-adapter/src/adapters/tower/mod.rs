//! A circuit breaker as a layer for [tower](https://docs.rs/tower) services (feature `tower`).
//!
//! ```
//! use core::time::Duration;
//! use cutout::tower::CircuitBreakerLayer;
//! use cutout::{CircuitBreaker, Config};
//! use tower::timeout::TimeoutLayer;
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! static BANK: CircuitBreaker = CircuitBreaker::new(Config::new());
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn core::error::Error + Send + Sync>> {
//! let mut client = ServiceBuilder::new()
//!     .layer(CircuitBreakerLayer::new(&BANK).box_errors())
//!     .layer(TimeoutLayer::new(Duration::from_secs(1)))
//!     .service(service_fn(async |order: u32| Ok::<_, std::io::Error>(order)));
//! assert_eq!(client.ready().await?.call(7).await?, 7);
//! # Ok(())
//! # }
//! ```
//!
//! The timeout goes inside, or a call that is given up counts as a cancellation. A limit on
//! concurrency goes inside too, as a [`BulkheadLayer`]: what tower's `LoadShedLayer` sheds counts as a
//! failure of the dependency. A retry goes outside. The service's error is an
//! [`Error`](crate::Error) of the inner one's, unless it is [boxed](CircuitBreakerLayer::box_errors)
//! or refusals are [answered](CircuitBreakerLayer::map_rejection).
//!
//! | for | take |
//! | --- | --- |
//! | HTTP and gRPC responses (feature `http`) | `http::HttpStatus`, `http::HttpStatusAndBody`, `grpc::GrpcStatus` |
//! | a breaker per host, route or tenant | [`CircuitBreakerLayer::keyed`] |
//! | services that cannot fail, such as those of axum | [`CircuitBreakerLayer::map_rejection`], [`CircuitBreakerLayer::answer_with`] |
//! | a balancer that is to leave an open endpoint alone | [`CircuitBreakerLayer::backpressure`] |
//! | so many calls at a time | [`BulkheadLayer`] and [`CircuitBreakerLayer::ignore_refusals`] |
//! | a queue for their places | [`QueueLayer`], outside of the breaker |
//!
//! # Contract
//!
//! Each item names the test that holds it.
//!
//! 1. `poll_ready` reserves nothing in the breaker and counts nothing. A service that was made ready
//!    and is dropped leaves no trace (`c1_readiness_that_is_taken_and_dropped_leaves_no_trace`).
//! 2. While the circuit refuses, `poll_ready` is ready at once and the inner service is neither
//!    polled nor called: a refusal does not wait for a dependency that hangs
//!    (`c2_a_refusing_circuit_leaves_the_inner_service_alone`).
//! 3. Else `poll_ready` is that of the inner service: pending while it is pending
//!    (`c3_a_closed_circuit_is_as_ready_as_the_inner_service`). An error from it is passed on and
//!    counts as a failed call; the breaker itself never makes `poll_ready` fail
//!    (`c3_an_inner_service_that_cannot_be_ready_is_a_failure`).
//! 4. `call` decides, by the breaker's state at that moment. An admitted request is handed to the
//!    inner service before `call` returns; a refused one is dropped
//!    (`c4_call_decides_and_hands_over_at_once`).
//! 5. If the circuit refused in `poll_ready` and would admit in `call`, the inner service has not
//!    been asked whether it is ready, so the call is refused all the same, with what `poll_ready`
//!    found. Its admission is taken back and is in no total; a trial's place is free again. This lasts
//!    until the next `poll_ready` (`c5_a_break_that_ends_after_poll_ready_admits_the_next_call`).
//!    The alternatives are to call a service that is not ready, which tower forbids, or to keep the
//!    request and a clone of the service in the future until it is, which costs every call.
//! 6. If the circuit admitted in `poll_ready` and refuses in `call`, the inner service stays ready
//!    and the next admitted call uses that (`c6_readiness_that_was_not_used_is_kept`). tower has no
//!    way to give it back: a service that then idles holds what its inner service reserved, such as
//!    a permit of tower's own concurrency limit. Drop such a service rather than keep it.
//! 7. Clones share the breaker and nothing else: each is made ready by itself
//!    (`c7_clones_share_the_breaker_and_not_their_readiness`).
//! 8. An admitted call is settled once, as the [classifier](Classify) says, when the inner service
//!    answers. What is answered is passed on as it is
//!    (`c8_each_call_is_settled_once_as_the_classifier_says`).
//! 9. A call whose future is dropped unfinished is cancelled, and a trial's place is free again
//!    (`c9_a_future_that_is_dropped_is_a_cancelled_call`), also where a panic elsewhere drops it
//!    (`c9_a_future_dropped_by_anothers_panic_is_cancelled`).
//! 10. A panic in the inner service's `call`, in its future or in the classifier is a failure, whoever
//!     catches it (`c10_a_panic_anywhere_in_the_call_is_a_failure`).
//! 11. A call neither allocates nor locks, admitted or refused, but for what a breaker allocates once in
//!     its life (`c11_a_call_does_not_allocate`).
//! 12. Nobody is woken when the circuit changes. A caller that waits for an inner service that is not
//!     ready goes on waiting though the circuit opens meanwhile, and is refused the next time it is
//!     polled (`c12_a_waiter_for_the_inner_service_is_refused_when_polled`).
//!
//! A [keyed](CircuitBreakerLayer::keyed) layer knows a request's breaker only in `call`: its
//! `poll_ready` is always that of the inner service, and an error from that counts for no breaker
//! (`a_keyed_layer_is_as_ready_as_the_inner_service`).

#[cfg(feature = "http")]
mod authority;
mod backpressure;
#[cfg(feature = "http")]
mod body;
mod breaker;
mod bulkhead;
mod classify;
mod future;
#[cfg(feature = "http")]
pub mod grpc;
#[cfg(feature = "http")]
mod header;
#[cfg(feature = "http")]
pub mod http;
mod layer;
mod layered;
mod map_rejection;
mod refusal;
#[cfg(feature = "http")]
mod request_body;
mod select;
mod service;

#[cfg(feature = "reqwest")]
pub(crate) use authority::Authority;
pub use backpressure::{Backpressure, BackpressureLayer};
#[cfg(feature = "http")]
pub use body::SettlingBody;
pub use breaker::{AnsweredCall, Breaker, CallPermit};
pub use bulkhead::{
    AskFirst, BulkheadError, BulkheadFuture, BulkheadLayer, BulkheadService, BulkheadShare,
    QueueFuture, QueueLayer, QueueService,
};
pub use classify::{ByResult, Classify, IgnoreRefusals};
pub use future::ResponseFuture;
pub use layer::CircuitBreakerLayer;
pub use layered::Layered;
pub use map_rejection::{
    Answer, AnswerWith, BoxErrors, MapRejection, MapRejectionFuture, MapRejectionLayer, OnRejection,
};
pub use refusal::{ByItsSources, ByItsType, MaybeRefusal, Refusal, RefusedInside};
#[cfg(feature = "reqwest")]
pub(crate) use request_body::{BodyState, WatchedBody};
pub use select::{Keyed, SelectBreaker, Single};
pub use service::CircuitBreakerService;

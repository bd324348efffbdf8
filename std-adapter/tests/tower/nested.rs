//! One `ignore_refusals` knows the refusals of all layers inside, however deep, in boxes and out of them.

use std::io;
use std::sync::Arc;

use cutout::tower::{
    BulkheadError, BulkheadLayer, ByItsType, ByResult, CircuitBreakerLayer, IgnoreRefusals,
    Refusal, RefusedInside, Single,
};
use cutout::{Bulkhead, Error, Outcome, Rejected, State};
use tower::buffer::BufferLayer;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{Breaker, breaker, ends, layer, rested, tripped};

/// A breaker and a bulkhead with room, one around the other.
fn outer() -> (Arc<Breaker>, Arc<Bulkhead>) {
    (breaker(), Arc::new(Bulkhead::new(1)))
}

/// Three calls that are refused further inside, none of which says something about the dependency.
async fn none_counts<S>(whole: &Breaker, mut service: S)
where
    S: Service<u32, Response = u32>,
{
    for _ in 0..3 {
        assert!(service.ready().await.is_ok());
        assert!(service.call(1).await.is_err());
    }
    assert_eq!(ends(whole), [0, 0, 3, 0]);
}

/// Two calls that fail and open the circuit.
async fn both_count<S>(whole: &Breaker, mut service: S)
where
    S: Service<u32, Response = u32>,
{
    for _ in 0..2 {
        assert!(service.ready().await.is_ok());
        assert!(service.call(1).await.is_err());
    }
    assert_eq!(ends(whole), [0, 2, 0, 0]);
}

/// Breaker, bulkhead, inner breaker, with each kind of error innermost: refused by the inner breaker, or
/// failed by what is behind it.
macro_rules! breaker_in_bulkhead {
    ($($name:ident: $error:ty = $value:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            for (part, refuses) in [(tripped(), true), (breaker(), false)] {
                let (whole, places) = outer();
                let service = ServiceBuilder::new()
                    .layer(layer(&whole).ignore_refusals())
                    .layer(BulkheadLayer::new(places))
                    .layer(layer(&part))
                    .service(service_fn(async |_: u32| Err::<u32, $error>($value)));
                match refuses {
                    true => none_counts(&whole, service).await,
                    false => both_count(&whole, service).await,
                }
            }
        }
    )*};
}

breaker_in_bulkhead! {
    a_breaker_inside_of_a_bulkhead_over_an_error: io::Error = io::Error::other("down");
    a_breaker_inside_of_a_bulkhead_over_a_box: BoxError = "down".into();
    a_breaker_inside_of_a_bulkhead_over_a_text: &'static str = "down";
    a_breaker_inside_of_a_bulkhead_over_an_owned_text: String = "down".into();
    a_breaker_inside_of_a_bulkhead_over_nothing: () = ();
}

#[tokio::test]
async fn a_bulkhead_inside_of_a_breaker_inside_of_a_breaker() {
    let (whole, places) = outer();
    let part = breaker();
    let _held = places.try_acquire().unwrap();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(layer(&part).ignore_refusals())
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .service(service_fn(async |n: u32| Ok::<_, BoxError>(n)));
    none_counts(&whole, service).await;
    assert_eq!(ends(&part), [0, 0, 3, 0]);
}

#[tokio::test]
async fn four_breakers_and_a_bulkhead() {
    let (whole, places) = outer();
    let _held = places.try_acquire().unwrap();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(layer(&breaker()))
        .layer(layer(&breaker()))
        .layer(layer(&breaker()))
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    for _ in 0..2 {
        assert!(service.clone().oneshot(1).await.is_err());
    }
    assert_eq!(ends(&whole), [0, 0, 2, 0]);
}

#[tokio::test]
async fn a_box_with_layers_of_ours_in_it() {
    let (whole, places) = outer();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(BulkheadLayer::new(places).box_errors())
        .layer(layer(&tripped()))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    none_counts(&whole, service).await;

    let (whole, places) = outer();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(layer(&breaker()).box_errors())
        .layer(layer(&breaker()))
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    let _held = places.try_acquire().unwrap();
    none_counts(&whole, service).await;
}

#[tokio::test]
async fn layers_of_ours_around_a_box_with_a_refusal_in_it() {
    let (whole, places) = outer();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(BulkheadLayer::new(places))
        .layer(layer(&tripped()).box_errors())
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    none_counts(&whole, service).await;
}

#[tokio::test]
async fn a_refusal_that_others_have_wrapped() {
    let (whole, places) = outer();
    // tower's buffer passes on what the service behind it says, in a box of its own.
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(BulkheadLayer::new(Arc::clone(&places)))
        .layer(BufferLayer::new(1))
        .layer(layer(&tripped()))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    none_counts(&whole, service).await;

    // `io::Error` does not name what is in it as its source.
    let (whole, places) = outer();
    let part = tripped();
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(BulkheadLayer::new(places))
        .map_err(|error: Error<io::Error>| io::Error::other(error))
        .layer(layer(&part))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    none_counts(&whole, service).await;

    let whole = breaker();
    let refusal = Refusal::Circuit(*refused_by(&part).await.rejected().unwrap());
    let service = ServiceBuilder::new().layer(layer(&whole).ignore_refusals()).service(service_fn(
        move |_: u32| core::future::ready(Err::<u32, BoxError>(refusal.into())),
    ));
    none_counts(&whole, service).await;
}

async fn refused_by(part: &Arc<Breaker>) -> Error<io::Error> {
    let service = layer(part).layer(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    service.oneshot(1).await.unwrap_err()
}

#[tokio::test]
async fn a_refusal_is_the_source_of_its_wrapper() {
    let error: Error<BulkheadError<Error<io::Error>>> =
        Error::Inner(BulkheadError::Inner(refused_by(&tripped()).await));
    let boxed = BoxError::from(error);
    let mut next: Option<&(dyn core::error::Error + 'static)> = Some(&*boxed);
    let mut found = false;
    while let Some(error) = next {
        found |= error.is::<Rejected>();
        next = error.source();
    }
    assert!(found);
    assert!(matches!(Refusal::find(&*boxed), Some(Refusal::Circuit(_))));
    assert_eq!(Refusal::find(&io::Error::other("down")), None);
}

/// A field of a struct, by the names of its types.
struct Held {
    over_an_error: CircuitBreakerLayer<Single<Arc<Breaker>>, IgnoreRefusals<ByResult>>,
    over_a_box: CircuitBreakerLayer<Single<Arc<Breaker>>, IgnoreRefusals<ByResult, ByItsType>>,
}

/// In front of whatever refuses with an error of its own.
fn around<S, E>(
    whole: &Arc<Breaker>,
    inner: S,
) -> impl Service<u32, Response = u32, Error = Error<BulkheadError<E>>>
where
    S: Service<u32, Response = u32, Error = BulkheadError<E>>,
    E: core::error::Error + 'static,
{
    layer(whole).ignore_refusals().layer(inner)
}

#[tokio::test]
async fn a_layer_may_be_named_cloned_shown_and_kept() {
    let whole = breaker();
    let held = Held {
        over_an_error: layer(&whole).ignore_refusals(),
        over_a_box: layer(&whole).ignore_refusals(),
    };
    assert!(format!("{:?}", held.over_a_box.clone()).contains("IgnoreRefusals(ByResult)"));
    let (_, places) = outer();
    let _held = places.try_acquire().unwrap();
    let places = BulkheadLayer::new(Arc::clone(&places));
    let over_an_error = places.layer(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    let over_a_box = places.layer(service_fn(async |n: u32| Ok::<_, BoxError>(n)));
    assert!(held.over_an_error.layer(over_an_error.clone()).oneshot(1).await.is_err());
    assert!(held.over_a_box.layer(over_a_box).oneshot(1).await.is_err());
    assert!(around(&whole, over_an_error).oneshot(1).await.is_err());
    assert_eq!(ends(&whole), [0, 0, 3, 0]);
}

/// No [`core::error::Error`].
struct Mine;

impl RefusedInside<ByItsType> for Mine {}

#[tokio::test]
async fn an_error_of_ones_own_that_is_none_of_cores() {
    for (part, is) in [(tripped(), [0, 0, 2, 0]), (breaker(), [0, 2, 0, 0])] {
        let (whole, places) = outer();
        let service = ServiceBuilder::new()
            .layer(layer(&whole).ignore_refusals())
            .layer(BulkheadLayer::new(places))
            .layer(layer(&part))
            .service(service_fn(async |_: u32| Err::<u32, _>(Mine)));
        for _ in 0..2 {
            assert!(service.clone().oneshot(1).await.is_err());
        }
        assert_eq!(ends(&whole), is);
    }
}

#[tokio::test]
async fn the_classifier_hears_of_what_is_no_refusal_one_layer_inside() {
    let (whole, places) = outer();
    let judge = |result: Result<&u32, &Error<io::Error>>| match result {
        Err(Error::Inner(error)) if error.kind() == io::ErrorKind::NotFound => Outcome::Success,
        Err(Error::Rejected(_)) => panic!("the classifier is not asked about refusals"),
        _ => Outcome::Failure,
    };
    for (part, is) in [(tripped(), [0, 0, 1, 0]), (breaker(), [1, 0, 1, 0])] {
        let service = ServiceBuilder::new()
            .layer(layer(&whole).classify_with(judge).ignore_refusals())
            .layer(BulkheadLayer::new(Arc::clone(&places)))
            .layer(layer(&part))
            .service(service_fn(async |_: u32| Err::<u32, _>(io::ErrorKind::NotFound.into())));
        assert!(service.oneshot(1).await.is_err());
        assert_eq!(ends(&whole), is);
    }
}

#[tokio::test]
async fn a_trial_that_is_refused_further_inside_gives_its_place_back() {
    let (whole, places) = (rested(), Arc::new(Bulkhead::new(1)));
    let service = ServiceBuilder::new()
        .layer(layer(&whole).ignore_refusals())
        .layer(BulkheadLayer::new(places))
        .layer(layer(&tripped()))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    assert!(service.oneshot(1).await.is_err());
    assert_eq!((whole.state(), whole.snapshot().trials_in_flight), (State::HalfOpen, 0));
}

/// Somebody else's error that is no [`core::error::Error`].
#[derive(Clone, Debug)]
struct Theirs;

#[tokio::test]
async fn an_error_of_others_that_is_none_of_cores_is_mapped_first() {
    for (part, is) in [(tripped(), [0, 0, 2, 0]), (breaker(), [0, 2, 0, 0])] {
        let (whole, places) = outer();
        let service = ServiceBuilder::new()
            .layer(layer(&whole).ignore_refusals())
            .layer(BulkheadLayer::new(places))
            .layer(layer(&part))
            .map_err(|error: Theirs| format!("{error:?}"))
            .service(service_fn(async |_: u32| Err::<u32, _>(Theirs)));
        for _ in 0..2 {
            assert!(service.clone().oneshot(1).await.is_err());
        }
        assert_eq!(ends(&whole), is);
    }
}

#[tokio::test]
async fn without_ignore_refusals_each_inner_refusal_fails() {
    let (whole, places) = outer();
    let service = ServiceBuilder::new()
        .layer(layer(&whole))
        .layer(BulkheadLayer::new(places))
        .layer(layer(&tripped()))
        .service(service_fn(async |n: u32| Ok::<_, io::Error>(n)));
    both_count(&whole, service).await;
}

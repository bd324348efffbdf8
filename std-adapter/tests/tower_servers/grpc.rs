//! A channel and a server of tonic.

use core::convert::Infallible;
use core::future::{Ready, ready};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use ::http::uri::PathAndQuery;
use bytes::{Buf, BufMut};
use cutout::tower::CircuitBreakerLayer;
use cutout::tower::grpc::{self, GrpcStatus};
use cutout::tower::http::WatchBodyLayer;
use cutout::{CircuitBreaker, Config, Error, State};
use tokio::net::TcpListener;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::{Service, ServiceBuilder};

use crate::support::{breaker, breaker_with, ends, secs};

/// Messages are text.
#[derive(Clone, Copy, Debug, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, item: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if item == "no message" {
            return Err(Status::internal("it cannot be encoded"));
        }
        buffer.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Ends each call with the status that it is asked for.
#[derive(Clone, Copy, Debug)]
struct Statuses;

fn status(asked: &str) -> Result<String, Status> {
    match asked {
        "ok" => Ok("fine".into()),
        "unavailable" => Err(Status::unavailable("down")),
        "not found" => Err(Status::not_found("no such thing")),
        "exhausted" => {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-retry-pushback-ms", "9000".parse().unwrap());
            Err(Status::with_metadata(Code::ResourceExhausted, "slow down", metadata))
        }
        other => panic!("{other}"),
    }
}

impl UnaryService<String> for Statuses {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        ready(status(request.get_ref()).map(Response::new))
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

impl ServerStreamingService<String> for Statuses {
    type Response = String;
    type ResponseStream = Messages;
    type Future = Ready<Result<Response<Messages>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let messages = [Ok("first".into()), status(request.get_ref())];
        ready(Ok(Response::new(Box::pin(tokio_stream::iter(messages)))))
    }
}

impl NamedService for Statuses {
    const NAME: &'static str = "test.Statuses";
}

impl Service<::http::Request<Body>> for Statuses {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut server = tonic::server::Grpc::new(Text);
            Ok(match request.uri().path() {
                "/test.Statuses/Stream" => server.server_streaming(Statuses, request).await,
                _ => server.unary(Statuses, request).await,
            })
        })
    }
}

/// A server on a free port, and a channel to it.
async fn channel() -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(Statuses);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn unary<S: GrpcService<Body>>(client: &mut Grpc<S>, ask: &str) -> Result<String, Status>
where
    S::ResponseBody:
        http_body::Body<Data = bytes::Bytes, Error: Into<tower::BoxError>> + Send + 'static,
{
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/test.Statuses/Unary");
    client.unary(Request::new(ask.into()), path, Text).await.map(Response::into_inner)
}

/// Asks for a stream, and reads it to its end.
async fn stream<S: GrpcService<Body>>(client: &mut Grpc<S>, ask: &str) -> Result<usize, Status>
where
    S::ResponseBody:
        http_body::Body<Data = bytes::Bytes, Error: Into<tower::BoxError>> + Send + 'static,
{
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/test.Statuses/Stream");
    let answer = client.server_streaming(Request::new(ask.into()), path, Text).await?;
    let (mut messages, mut stream) = (0, answer.into_inner());
    while stream.message().await?.is_some() {
        messages += 1;
    }
    Ok(messages)
}

#[tokio::test]
async fn unavailable_in_the_trailers_opens_the_client() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(GrpcStatus);
    let service = ServiceBuilder::new().layer(layer).service(channel().await);
    let mut client = Grpc::new(service);
    assert_eq!(stream(&mut client, "ok").await.unwrap(), 2);
    for _ in 0..2 {
        assert_eq!(breaker.state(), State::Closed);
        assert_eq!(stream(&mut client, "unavailable").await.unwrap_err().code(), Code::Unavailable);
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [1, 2, 0, 0]));

    let refused = stream(&mut client, "ok").await.unwrap_err();
    let source = core::error::Error::source(&refused).expect("the refusal");
    let error = source.downcast_ref::<Error<tonic::transport::Error>>().unwrap();
    assert_eq!(error.rejected().unwrap().retry_after(), Some(secs(5)));

    breaker.clock().advance(secs(5));
    assert_eq!(unary(&mut client, "ok").await.unwrap(), "fine");
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test]
async fn a_client_whose_server_says_unavailable_in_the_head_opens() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker))
        .classify(GrpcStatus)
        .map_rejection(grpc::unavailable);
    let service = ServiceBuilder::new().layer(layer).service(channel().await);
    let mut client = Grpc::new(service);
    for _ in 0..3 {
        assert_eq!(unary(&mut client, "not found").await.unwrap_err().code(), Code::NotFound);
    }
    for _ in 0..2 {
        let status = unary(&mut client, "unavailable").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "down"));
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [3, 2, 0, 0]));
    let status = unary(&mut client, "ok").await.unwrap_err();
    let refused = (Code::Unavailable, "refused without running");
    assert_eq!((status.code(), status.message()), refused);
    assert_eq!(status.metadata().get("grpc-retry-pushback-ms").unwrap(), "5000");
}

#[tokio::test]
async fn an_exhausted_server_is_left_alone_as_it_asks() {
    for in_trailers in [false, true] {
        let breaker = breaker_with(Config::new().failure_count(1).consecutive_failures(1));
        let layer = CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(GrpcStatus);
        let service = ServiceBuilder::new().layer(layer).service(channel().await);
        let mut client = Grpc::new(service);
        let code = if in_trailers {
            stream(&mut client, "exhausted").await.unwrap_err().code()
        } else {
            unary(&mut client, "exhausted").await.unwrap_err().code()
        };
        assert_eq!(code, Code::ResourceExhausted);
        assert_eq!(breaker.snapshot().retry_after, Some(secs(9)));
        breaker.clock().advance(secs(8));
        assert!(unary(&mut client, "ok").await.is_err());
        breaker.clock().advance(secs(1));
        assert_eq!(unary(&mut client, "ok").await.unwrap(), "fine");
    }
}

#[tokio::test]
async fn a_server_that_is_exhausted_is_no_failure_in_a_row() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(GrpcStatus);
    let service = ServiceBuilder::new().layer(layer).service(channel().await);
    let mut client = Grpc::new(service);
    for _ in 0..5 {
        assert!(unary(&mut client, "exhausted").await.is_err());
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Closed, [0, 5, 0, 0]));
}

#[tokio::test]
async fn a_client_on_a_static_breaker_is_called_in_tasks() {
    static STATUSES: CircuitBreaker = CircuitBreaker::new(Config::new().consecutive_failures(2));
    let layer =
        CircuitBreakerLayer::new(&STATUSES).classify(GrpcStatus).answer_with(grpc::Unavailable);
    let client = Grpc::new(ServiceBuilder::new().layer(layer).service(channel().await));
    for expected in ["down", "down", "refused without running"] {
        let mut client = client.clone();
        let call = tokio::spawn(async move { unary(&mut client, "unavailable").await });
        assert_eq!(call.await.unwrap().unwrap_err().message(), expected);
    }
    let mut client = client.clone();
    let streamed = tokio::spawn(async move { stream(&mut client, "ok").await });
    assert_eq!(streamed.await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_message_the_caller_cannot_send_is_no_server_failure() {
    let breaker = breaker();
    let service = ServiceBuilder::new()
        .layer(
            CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(GrpcStatus).ignore_refusals(),
        )
        .layer(WatchBodyLayer::new(Body::new))
        .service(channel().await);
    let mut client = Grpc::new(service);
    for _ in 0..2 {
        assert!(unary(&mut client, "no message").await.is_err());
    }
    assert_eq!((breaker.state(), ends(&breaker)), (State::Closed, [0, 0, 2, 0]));
    assert_eq!(unary(&mut client, "ok").await.unwrap(), "fine");
    assert!(unary(&mut client, "unavailable").await.is_err());
    assert_eq!(ends(&breaker), [1, 1, 2, 0]);
}

#[tokio::test]
async fn a_stream_that_the_client_gives_up_is_cancelled() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker)).classify(GrpcStatus);
    let service = ServiceBuilder::new().layer(layer).service(channel().await);
    let mut client = Grpc::new(service);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Statuses/Stream");
    let answer = client.server_streaming(Request::new("ok".to_string()), path, Text).await.unwrap();
    let mut messages = answer.into_inner();
    assert_eq!(messages.message().await.unwrap().unwrap(), "first");
    drop(messages);
    assert_eq!(ends(&breaker), [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_server_with_an_open_circuit_says_unavailable() {
    let breaker = breaker();
    let layer = CircuitBreakerLayer::new(Arc::clone(&breaker))
        .classify(GrpcStatus)
        .map_rejection(grpc::unavailable);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(layer).add_service(Statuses);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
    let mut client = Grpc::new(channel.unwrap());
    for _ in 0..2 {
        assert!(stream(&mut client, "unavailable").await.is_err());
    }
    let status = unary(&mut client, "ok").await.unwrap_err();
    assert_eq!(status.message(), "refused without running");
    assert_eq!((breaker.state(), ends(&breaker)), (State::Open, [0, 2, 0, 0]));
}

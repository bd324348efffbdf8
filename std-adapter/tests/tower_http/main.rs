//! What the layer makes of HTTP and gRPC responses.

mod grpc;
mod http;
mod request_body;
mod spawned;
mod support;

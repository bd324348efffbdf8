//! What the layer makes of HTTP and gRPC responses.

mod grpc;
mod http;
mod nested;
mod request_body;
mod spawned;
mod support;

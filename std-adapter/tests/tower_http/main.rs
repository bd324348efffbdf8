//! What the layer makes of HTTP and gRPC responses.

mod grpc;
mod http;
mod support;

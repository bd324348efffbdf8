//! The layer on real servers and clients, on the loopback interface.

mod grpc;
mod http;
mod support;

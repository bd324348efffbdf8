//! The layer for tower services.

mod backpressure;
mod bulkhead;
mod contract;
mod keyed;
mod map_rejection;
mod middlewares;
mod nested;
mod support;

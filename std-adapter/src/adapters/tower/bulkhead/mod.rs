//! The bulkhead as a layer: so many calls at a time.

mod ask;
mod error;
mod future;
mod layer;
mod service;
mod share;

pub use ask::AskFirst;
pub use error::BulkheadError;
pub use future::{BulkheadFuture, QueueFuture};
pub use layer::{BulkheadLayer, QueueLayer};
pub use service::{BulkheadService, QueueService};
pub use share::BulkheadShare;

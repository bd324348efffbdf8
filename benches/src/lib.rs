//! What the benches share: scenes that check themselves, the floor below them, and a crowd of
//! threads.

#![forbid(unsafe_code)]

mod clock;
mod crowd;
mod floor;
mod pin;
mod scene;

pub use clock::{Still, late};
pub use crowd::crowd;
pub use floor::{Floor, Padded};
pub use pin::pin;
pub use scene::{Load, Scene, config, fill_trials, told, tolerant, trip};

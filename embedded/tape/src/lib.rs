//! How timelines are written down on the host and read on a target.
//!
//! ```text
//! tape      timeline*
//! timeline  how many bytes, the bytes that draw its settings, step*, END
//! step      act, announcement*, END, view
//! ```
//!
//! Everything is a [`number`]. A step is what is done, and what the reference model makes of it:
//! each announcement in full, and of all that can be seen ([`View`]) what has changed.
#![no_std]

pub mod act;
pub mod number;
pub mod view;

pub use act::{Act, Ending, Refusal};
pub use number::{Reader, put};
pub use view::{Said, View};

/// Ends a timeline, and the announcements of a step. No act and no announcement begins with it.
pub const END: u64 = 0;

/// As many calls are in flight at most.
pub const SLOTS: usize = 64;

/// As many announcements are made in a step at most.
pub const MOST_SAID: usize = 4;

//! Settings in files and the environment: what is read, what is refused in which words, what is
//! inherited, and that what is written reads back.
#![cfg(feature = "serde")]

mod documented;
mod environment;
mod inherited;
mod read;
mod refused;
mod round_trip;

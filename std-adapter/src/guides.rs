//! Guides: a page for each stack that a breaker may be put into, to be read from the top.
//!
//! - [A server of axum](axum_server)
//! - [A client of reqwest](reqwest_client)
//! - [A client of tonic](tonic_client)
//! - [Any tower service](plain_tower)
//! - [Threads](threads)
//! - [Settings from a file](settings_file)

#[doc = include_str!("../guides/axum-server.md")]
pub mod axum_server {}

#[doc = include_str!("../guides/reqwest-client.md")]
pub mod reqwest_client {}

#[doc = include_str!("../guides/tonic-client.md")]
pub mod tonic_client {}

#[doc = include_str!("../guides/plain-tower.md")]
pub mod plain_tower {}

#[doc = include_str!("../guides/threads.md")]
pub mod threads {}

#[doc = include_str!("../guides/settings-file.md")]
pub mod settings_file {}

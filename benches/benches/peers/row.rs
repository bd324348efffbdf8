//! A row of the table: something that can be called, by name.

use std::sync::Arc;

use crate::memory::Memory;
use crate::peer::{Configured, Peer, shared, trip};
use crate::work::Load;

/// What a row is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What breakers are made of.
    Part,
    /// What no breaker that counts can go below.
    Floor,
    /// A breaker of ours.
    Ours,
    /// A breaker of others.
    Theirs,
}

/// What is measured under one name.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    make: Box<dyn Fn(Load) -> Arc<dyn Peer>>,
    memory: Option<fn(&str) -> Memory>,
}

impl Row {
    pub(crate) fn ours<P: Configured>(policy: &str) -> Self {
        Self::breaker::<P>(format!("cutout, {policy}"), Kind::Ours)
    }

    pub(crate) fn theirs<P: Configured>(package: &str, policy: &str) -> Self {
        Self::breaker::<P>(format!("{package} {}, {policy}", version(package)), Kind::Theirs)
    }

    fn breaker<P: Configured>(name: String, kind: Kind) -> Self {
        let label = name.clone();
        let make = move |load| match load {
            Load::Success | Load::HalfFailing => shared(P::closed()),
            Load::Refused => {
                let peer = shared(P::about_to_open());
                trip(&*peer, &label);
                peer
            }
        };
        Self { name, kind, make: Box::new(make), memory: Some(Memory::of::<P>) }
    }

    /// Something that is no breaker: it lets all calls through.
    pub(crate) fn bare<P: Peer + 'static>(name: &str, kind: Kind, peer: P) -> Self {
        let peer = shared(peer);
        let make = move |_| Arc::clone(&peer);
        Self { name: name.into(), kind, make: Box::new(make), memory: None }
    }

    /// Under which loads it is measured.
    pub(crate) fn loads(&self) -> &'static [Load] {
        match self.kind {
            Kind::Part | Kind::Floor => &[Load::Success],
            Kind::Ours | Kind::Theirs => &Load::ALL,
        }
    }

    /// One in the state that the load asks for.
    pub(crate) fn make(&self, load: Load) -> Arc<dyn Peer> {
        (self.make)(load)
    }

    /// What memory it takes, if it is a breaker.
    pub(crate) fn memory(&self) -> Option<Memory> {
        self.memory.map(|memory| memory(&self.name))
    }
}

/// The version of a package that is linked into this program.
pub(crate) fn version(package: &str) -> &'static str {
    let (_, entry) = include_str!("../../../Cargo.lock")
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .expect("the lock file names what is linked");
    entry.split('"').next().expect("a version ends")
}

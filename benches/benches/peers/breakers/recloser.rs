//! `recloser`: a ring of results under a spin lock, the state behind an epoch. It shows nothing.

use recloser::{AsyncRecloser, Error};

use super::BREAK;
use crate::peer::{AsyncPeer, Configured, Peer, Shown};
use crate::work::{End, Fault, operation};

fn end(result: Result<u64, Error<Fault>>) -> End {
    match result {
        Ok(_) => End::Ok,
        Err(Error::Inner(_)) => End::Failed,
        Err(Error::Rejected) => End::Refused,
    }
}

fn recloser() -> recloser::Recloser {
    recloser::Recloser::custom().error_rate(0.9).closed_len(100).open_wait(BREAK).build()
}

pub(crate) struct Recloser(recloser::Recloser);

impl Peer for Recloser {
    fn call(&self, fail: bool) -> End {
        end(self.0.call(|| operation(fail)))
    }

    fn shown(&self) -> Shown {
        Shown::default()
    }
}

impl Configured for Recloser {
    fn closed() -> Self {
        Self(recloser())
    }
}

#[derive(Clone)]
pub(crate) struct Async(AsyncRecloser);

impl AsyncPeer for Async {
    fn closed() -> Self {
        Self(AsyncRecloser::from(recloser()))
    }

    async fn call(&mut self, fail: bool) -> End {
        end(self.0.call(async { operation(fail) }).await)
    }

    fn shown(&self) -> Shown {
        Shown::default()
    }
}

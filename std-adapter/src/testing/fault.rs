//! How a call of a dependency fails.

use core::fmt;

#[cfg(doc)]
use super::Dependency;

/// How a call of a [`Dependency`] failed.
///
/// # Examples
///
/// ```
/// use cutout::testing::{Dependency, Fault, Reply, Script};
/// use cutout::ManualTimer;
///
/// let bank = Dependency::new(ManualTimer::new(), Script::new().forever(Reply::err()));
/// let fault = bank.call().unwrap_err();
/// assert_eq!(fault, Fault::Failed { call: 1 });
/// assert_eq!(fault.to_string(), "call 1 failed, as its script says");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// As the script says.
    Failed {
        /// The number of the call, from 1 on.
        call: u64,
    },
    /// It was not over within its limit.
    TimedOut {
        /// The number of the call, from 1 on.
        call: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { call } => write!(f, "call {call} failed, as its script says"),
            Self::TimedOut { call } => write!(f, "call {call} was not over within its limit"),
        }
    }
}

impl core::error::Error for Fault {}

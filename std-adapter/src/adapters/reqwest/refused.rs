//! `Refused`: the error of a request that was not made.

use core::error::Error as StdError;
use core::fmt;

use cutout_core::Rejected;
use reqwest_middleware::Error;

/// No request was made: the circuit of its host, or whichever was asked, refused it.
///
/// It is in the [`Error::Middleware`] that the client returns, and its source is the [`Rejected`].
///
/// # Examples
///
/// ```
/// use cutout::reqwest::{CircuitBreakerMiddleware, Refused};
/// use cutout::{CircuitBreaker, Config};
/// use reqwest_middleware::ClientBuilder;
///
/// static SHOPS: CircuitBreaker = CircuitBreaker::new(Config::new());
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn core::error::Error>> {
/// let http = reqwest::Client::builder().timeout(std::time::Duration::from_secs(5)).build()?;
/// let client = ClientBuilder::new(http)
///     .with(CircuitBreakerMiddleware::new(&SHOPS))
///     .build();
///
/// SHOPS.force_open();
/// let error = client.get("http://shop.example/cart").send().await.unwrap_err();
/// let refused = Refused::find(&error).expect("no request was made");
/// assert_eq!(refused.host(), "shop.example:80");
/// assert_eq!(refused.to_string(), "shop.example:80: refused: the circuit is forced open");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    host: String,
    rejected: Rejected,
}

impl Refused {
    pub(super) fn new(host: &str, rejected: Rejected) -> Self {
        Self { host: host.to_owned(), rejected }
    }

    /// The refusal behind `error`, if it is one, also where other middleware has wrapped it.
    #[must_use]
    pub fn find(error: &Error) -> Option<&Self> {
        find(error)
    }

    /// What [`host`](super::host) is of the request.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Why, and for how long.
    #[must_use]
    pub const fn rejected(&self) -> Rejected {
        self.rejected
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.rejected)
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.rejected)
    }
}

/// The refusal behind `error`, be it of this middleware or of a breaker further inside, also where
/// other middleware has wrapped it. [`Refused::find`] knows the host besides.
#[must_use]
pub fn rejected(error: &Error) -> Option<Rejected> {
    find(error).copied()
}

/// The first `T` among an error and its causes.
pub(super) fn find<T: StdError + 'static>(error: &Error) -> Option<&T> {
    match error {
        Error::Reqwest(error) => (error as &(dyn StdError + 'static)).downcast_ref(),
        // A client's error within another's shows its cause's causes, and hides the cause itself.
        Error::Middleware(error) => error
            .chain()
            .find_map(|cause| cause.downcast_ref().or_else(|| find(cause.downcast_ref()?))),
    }
}

//! A client of reqwest, behind our middleware and behind our layer, on the loopback interface. The
//! time of the breakers is moved by hand.

mod hosts;
mod judge;
mod layer;
mod refused;
mod support;

//! The server that falls ill: a process of its own that takes its orders from standard input.
//!
//! Orders are the numbers of phases, one per line; the end of the input ends the server. It prints
//! `port`, then ten times a second `load`, and at the end of each phase `phase`: see `child`.

use core::convert::Infallible;
use core::future::pending;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::Failure;
use crate::dice::Dice;
use crate::script::Phase;
use crate::warmup::{Answer, WarmUp};

/// What it answers.
pub(crate) const ANSWER: &str = "an answer\n";

/// How often the warm-up is reckoned.
const STEP: Duration = Duration::from_millis(10);

/// How many steps there are between two reports of the load.
const STEPS_PER_REPORT: u32 = 10;

/// A slow answer takes this long.
const SLOW: Duration = Duration::from_millis(400);

/// Serves until the input ends.
pub(crate) async fn serve(clients: u32) -> Result<(), Failure> {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = bind(loopback)
        .and_then(listen)
        .map_err(|error| format!("cannot have a port on {}: {error}", loopback.ip()))?;
    let address = listener.local_addr()?;
    say(&format!("port {}", address.port()));

    let ward = Arc::new(Ward(Mutex::new(Chart::new(clients))));
    let mut door = Door::Open(listener);
    let mut connections = JoinSet::new();
    let mut orders = orders();
    let mut clock = interval(STEP);
    clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut steps = 0_u32;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some(phase) = order else { break };
                let report = ward.chart().turn(phase, clients);
                if !say(&report) {
                    break;
                }
                door = match (phase, door) {
                    (Phase::Down, Door::Open(listener)) => {
                        drop(listener);
                        connections = JoinSet::new(); // dropping the old one cuts them all
                        Door::Shut(bind(address)?)
                    }
                    (Phase::Down, shut) => shut,
                    (_, Door::Shut(socket)) => Door::Open(listen(socket)?),
                    (_, open) => open,
                };
            }
            stream = door.knock() => {
                // A client that gave up before it was let in is no trouble of ours.
                if let Ok(stream) = stream {
                    connections.spawn(attend(stream, Arc::clone(&ward)));
                }
            }
            _ = clock.tick() => {
                ward.chart().pass();
                steps = steps.wrapping_add(1);
                while connections.try_join_next().is_some() {}
                if steps % STEPS_PER_REPORT == 0 && !say(&ward.chart().load()) {
                    break;
                }
            }
        }
    }
    say(&ward.chart().turn(Phase::HealthyAgain, clients));
    Ok(())
}

/// The orders, to the end of the input or to what is none.
fn orders() -> mpsc::Receiver<Phase> {
    let (sender, orders) = mpsc::channel(1);
    // A thread of its own: a runtime would wait for a line that may never come before it ends.
    thread::spawn(move || {
        for line in io::stdin().lines() {
            let number = line.ok().and_then(|line| line.parse::<usize>().ok());
            let Some(&phase) = number.and_then(|number| Phase::ALL.get(number)) else { break };
            if sender.blocking_send(phase).is_err() {
                break;
            }
        }
    });
    orders
}

/// The listening socket, or while the server is down a socket that holds on to the port.
///
/// Nobody else can take the port meanwhile, not even a client as its own end of a connection.
enum Door {
    Open(TcpListener),
    Shut(TcpSocket),
}

impl Door {
    async fn knock(&self) -> io::Result<TcpStream> {
        match self {
            Self::Open(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Shut(_) => pending().await,
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Else the connections that were cut would keep the port for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(1_024)
}

/// Prints a line at once. If nobody is there to read it, the demo is over.
fn say(line: &str) -> bool {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

async fn attend(stream: TcpStream, ward: Arc<Ward>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|_| answer(Arc::clone(&ward)));
    // Clients hang up when they lose patience, which is part of the script.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(ward: Arc<Ward>) -> Result<Response<String>, Infallible> {
    let visit = Visit::begin(&ward);
    let Some((time, status)) = visit.treatment() else { return pending().await };
    sleep(time).await;
    let mut response = Response::new(String::from(ANSWER));
    *response.status_mut() = status;
    Ok(response)
}

/// A request for as long as it is here.
struct Visit<'a>(&'a Ward);

impl<'a> Visit<'a> {
    fn begin(ward: &'a Ward) -> Self {
        let mut chart = ward.chart();
        chart.reached += 1;
        chart.reached_in_phase += 1;
        chart.in_flight += 1;
        chart.peak = chart.peak.max(chart.in_flight);
        Self(ward)
    }

    /// When to answer what; `None` is never.
    fn treatment(&self) -> Option<(Duration, StatusCode)> {
        let mut chart = self.0.chart();
        let prompt = chart.dice.millis(5, 15);
        match chart.phase {
            Phase::Failing if chart.reached % 2 == 0 => {
                Some((prompt, StatusCode::SERVICE_UNAVAILABLE))
            }
            Phase::Slow => Some((SLOW, StatusCode::OK)),
            Phase::Hanging | Phase::Down => None,
            Phase::Weak if !chart.warmup.is_over() => match chart.warmup.answer(chart.in_flight) {
                Answer::Good(time) => Some((time, StatusCode::OK)),
                Answer::Overloaded(time) => Some((time, StatusCode::SERVICE_UNAVAILABLE)),
            },
            Phase::Healthy | Phase::Failing | Phase::Weak | Phase::HealthyAgain => {
                Some((prompt, StatusCode::OK))
            }
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.chart().in_flight -= 1;
    }
}

/// The chart, shared by all requests.
struct Ward(Mutex<Chart>);

impl Ward {
    fn chart(&self) -> MutexGuard<'_, Chart> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the server is, and what it has seen.
struct Chart {
    phase: Phase,
    begun: Instant,
    stepped: Instant,
    reached: u64,
    reached_in_phase: u64,
    in_flight: u32,
    peak: u32,
    warmup: WarmUp,
    dice: Dice,
}

impl Chart {
    fn new(clients: u32) -> Self {
        Self {
            phase: Phase::Healthy,
            begun: Instant::now(),
            stepped: Instant::now(),
            reached: 0,
            reached_in_phase: 0,
            in_flight: 0,
            peak: 0,
            warmup: WarmUp::cold(clients),
            dice: Dice::new(0, 0),
        }
    }

    /// Ends a phase and starts the next; returns the report on the one that ended.
    fn turn(&mut self, phase: Phase, clients: u32) -> String {
        let number = Phase::ALL.iter().position(|other| *other == self.phase).unwrap_or(0);
        let report = format!("phase {number} {} {}", self.reached_in_phase, self.peak);
        if phase == Phase::Healthy {
            self.begun = Instant::now();
        }
        self.phase = phase;
        self.reached_in_phase = 0;
        self.peak = self.in_flight;
        self.stepped = Instant::now();
        self.warmup = WarmUp::cold(clients);
        report
    }

    fn pass(&mut self) {
        let now = Instant::now();
        if self.phase == Phase::Weak {
            self.warmup.pass(now - self.stepped, self.in_flight);
        }
        self.stepped = now;
    }

    fn load(&self) -> String {
        format!("load {} {}", self.begun.elapsed().as_millis(), self.reached)
    }
}

//! An HTTP server on a loopback port that is well, hangs, or refuses connections, as it is told.

use core::convert::Infallible;
use core::future::pending;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io;

use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What the server answers.
const ANSWER: &str = "an answer\n";

/// How long it takes to.
const WORK: Duration = Duration::from_millis(5);

/// How the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers after 5 ms.
    Well,
    /// It takes requests and answers none, those included that it has.
    Hang,
    /// It has cut all connections, and takes none.
    Refuse,
}

/// A server in a task of its own.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    told: watch::Sender<Behaviour>,
}

impl Server {
    /// Starts a server that is well, on a free port.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub fn start() -> io::Result<Self> {
        let listener = listen(bind((Ipv4Addr::LOCALHOST, 0).into())?)?;
        let address = listener.local_addr()?;
        let (told, hears) = watch::channel(Behaviour::Well);
        tokio::spawn(serve(listener, address, hears));
        Ok(Self { address, told })
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Says how it is from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.told.send_replace(behaviour);
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, mut hears: watch::Receiver<Behaviour>) {
    let mut door = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            changed = hears.changed() => {
                if changed.is_err() {
                    return; // nobody is there to tell it anything
                }
                let behaviour = *hears.borrow_and_update();
                if behaviour == Behaviour::Refuse {
                    door = None;
                    connections = JoinSet::new(); // dropping the old one cuts them all
                } else if door.is_none() {
                    door = bind(address).and_then(listen).ok();
                    assert!(door.is_some(), "{address} can be had again");
                }
            }
            stream = knock(door.as_ref()) => {
                if let Ok(stream) = stream {
                    connections.spawn(attend(stream, hears.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn knock(door: Option<&TcpListener>) -> io::Result<TcpStream> {
    match door {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => pending().await,
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

async fn attend(stream: TcpStream, hears: watch::Receiver<Behaviour>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|_| answer(hears.clone()));
    // Clients hang up when their patience ends, which is part of the script.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(hears: watch::Receiver<Behaviour>) -> Result<Response<String>, Infallible> {
    sleep(WORK).await;
    if *hears.borrow() == Behaviour::Hang {
        return pending().await;
    }
    Ok(Response::new(ANSWER.into()))
}

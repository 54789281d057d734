//! A TCP proxy between the program and the server that breaks connections at exact places.
//!
//! It takes the stream of each connection apart into the protocol's messages (PostgreSQL documentation, "Message
//! Formats"), so a fault happens at the n-th message, answer or byte, counted over all connections, and not after some
//! time. Each connection has two threads, one for each direction.

use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

pub(crate) use super::protocol::At;
use super::protocol::{Message, Side};

/// Only a broken test waits that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to the message that a fault hits, and to its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It goes on its way.
    Forward,
    /// The connection ends on both sides without the message.
    CutBefore,
    /// The connection ends when half of the message, or what precedes the byte, is through.
    CutInside,
    /// The connection ends when the message is through.
    CutAfter,
    /// The connection stays open, but nothing goes through in either direction until [`Proxy::release`].
    Stall,
    /// The same for all connections, and for those that come: as if the network swallowed everything.
    Silence,
}

/// Something that goes wrong once.
pub(crate) struct Fault {
    at: At,
    nth: u64,
    then: Then,
    /// Called before anything else.
    call: Option<Box<dyn FnOnce() + Send>>,
    /// What begins to count when it has happened.
    next: Vec<Fault>,
}

impl Fault {
    /// At the `nth` of what is counted, from 1.
    pub(crate) fn new(at: At, nth: u64, then: Then) -> Self {
        Self {
            at,
            nth,
            then,
            call: None,
            next: Vec::new(),
        }
    }

    /// Nothing goes wrong: the faults begin to count after this place.
    pub(crate) fn after(at: At, nth: u64, faults: Vec<Self>) -> Self {
        Self {
            next: faults,
            ..Self::new(at, nth, Then::Forward)
        }
    }

    /// Nothing goes wrong: it is for [`Proxy::counted`].
    pub(crate) fn counting(at: At) -> Self {
        Self::new(at, u64::MAX, Then::Forward)
    }

    /// Calls this when it happens, before the message goes anywhere.
    pub(crate) fn call(mut self, call: impl FnOnce() + Send + 'static) -> Self {
        self.call = Some(Box::new(call));
        self
    }
}

/// What has gone through, over all connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Traffic {
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) answers: u64,
}

/// The proxy; it and its connections end when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    ledger: Mutex<Ledger>,
    /// Told of each fault that has happened.
    happened: Condvar,
    is_closing: AtomicBool,
    /// Nothing goes through, whatever connection it is on.
    is_silent: AtomicBool,
}

#[derive(Default)]
struct Ledger {
    traffic: Traffic,
    /// With how many matches there have been.
    faults: Vec<(u64, Fault)>,
    happened: usize,
    to_refuse: u64,
    refused: u64,
    connections: Vec<Arc<Connection>>,
}

/// A connection of the program, and the one to the server that belongs to it.
struct Connection {
    program: TcpStream,
    server: TcpStream,
    gate: Mutex<Gate>,
    opened: Condvar,
    /// The server's next answer is one byte without a type.
    expects_one_byte: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Shut,
    Cut,
}

impl Proxy {
    /// Listens on a free port of the loopback interface.
    pub(crate) fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            upstream: (Ipv4Addr::LOCALHOST, server_port).into(),
            ledger: Mutex::default(),
            happened: Condvar::new(),
            is_closing: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for program in listener.incoming() {
                if accepting.is_closing.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(program) = program {
                    // A server that is down refuses: the program sees its connection end.
                    let _ = accepting.accept(program);
                }
            }
        });
        Self { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Adds a fault. What went through before does not count.
    pub(crate) fn add(&self, fault: Fault) {
        self.shared.ledger().faults.push((0, fault));
    }

    /// How many there were of what [`Fault::counting`] counts.
    pub(crate) fn counted(&self) -> u64 {
        let ledger = self.shared.ledger();
        let counting = ledger
            .faults
            .iter()
            .filter(|(_, fault)| fault.nth == u64::MAX);
        counting.map(|(seen, _)| seen).sum()
    }

    /// What went through so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.shared.ledger().traffic
    }

    /// Ends the next connections as soon as they come.
    pub(crate) fn refuse_next(&self, connections: u64) {
        self.shared.ledger().to_refuse += connections;
    }

    /// How many connections were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.ledger().refused
    }

    /// How many faults have happened.
    pub(crate) fn happened(&self) -> usize {
        self.shared.ledger().happened
    }

    /// Waits until this many faults have happened.
    pub(crate) fn wait_for_faults(&self, faults: usize) {
        assert!(self.has_faults_within(faults, PATIENCE), "no fault");
    }

    /// Waits until this many faults have happened. Gives whether they did while this process was running.
    pub(crate) fn wait_for_faults_or_end(&self, faults: usize, child: &mut Child) -> bool {
        const STEP: Duration = Duration::from_millis(5);
        while !self.has_faults_within(faults, STEP) {
            if child.try_wait().unwrap().is_some() {
                return self.happened() >= faults;
            }
        }
        true
    }

    fn has_faults_within(&self, faults: usize, patience: Duration) -> bool {
        let (_ledger, waited) = self
            .shared
            .happened
            .wait_timeout_while(self.shared.ledger(), patience, |ledger| {
                ledger.happened < faults
            })
            .unwrap();
        !waited.timed_out()
    }

    /// Lets stalled connections go on.
    pub(crate) fn release(&self) {
        self.shared.is_silent.store(false, Ordering::SeqCst);
        for connection in self.connections() {
            connection.set_gate(Gate::Open);
        }
    }

    /// Ends all connections there are.
    pub(crate) fn cut_all(&self) {
        for connection in self.connections() {
            connection.cut();
        }
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.shared.ledger().connections.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_closing.store(true, Ordering::SeqCst);
        self.cut_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    fn silence(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
        let connections = self.ledger().connections.clone();
        for connection in connections {
            connection.set_gate(Gate::Shut);
        }
    }

    fn accept(self: &Arc<Self>, program: TcpStream) -> io::Result<()> {
        {
            let mut ledger = self.ledger();
            ledger.traffic.connections += 1;
            if ledger.to_refuse > 0 {
                ledger.to_refuse -= 1;
                ledger.refused += 1;
                return Ok(());
            }
        }
        let server = TcpStream::connect(self.upstream)?;
        // Small messages must not wait for the acknowledgement of the ones before.
        program.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let connection = Arc::new(Connection {
            program,
            server,
            gate: Mutex::new(match self.is_silent.load(Ordering::SeqCst) {
                true => Gate::Shut,
                false => Gate::Open,
            }),
            opened: Condvar::new(),
            expects_one_byte: AtomicBool::new(false),
        });
        self.ledger().connections.push(Arc::clone(&connection));
        for side in [Side::Program, Side::Server] {
            let (shared, connection) = (Arc::clone(self), Arc::clone(&connection));
            std::thread::spawn(move || {
                let _end = End {
                    connection: &connection,
                    side,
                };
                let _ = shared.forward(&connection, side);
            });
        }
        Ok(())
    }

    /// Forwards what this side says until it ends or the connection is cut.
    fn forward(&self, connection: &Connection, side: Side) -> io::Result<()> {
        let (from, to) = match side {
            Side::Program => (&connection.program, &connection.server),
            Side::Server => (&connection.server, &connection.program),
        };
        let mut from = BufReader::with_capacity(1 << 16, from);
        let mut to = BufWriter::with_capacity(1 << 16, to);
        let mut is_typed = side == Side::Server;
        loop {
            if from.fill_buf()?.is_empty() {
                return to.flush();
            }
            let message = if side == Side::Server
                && connection.expects_one_byte.swap(false, Ordering::SeqCst)
            {
                Message::read_one_byte(&mut from)?
            } else {
                Message::read(&mut from, is_typed)?
            };
            if side == Side::Program && !is_typed {
                let asks = message.asks_for_encryption();
                connection.expects_one_byte.store(asks, Ordering::SeqCst);
                // After the startup packet, every message has a type.
                is_typed = !asks;
            }
            if !self.pass(connection, side, &message, &mut to)? {
                connection.cut();
                return Ok(());
            }
            if from.buffer().is_empty() {
                to.flush()?;
            }
        }
    }

    /// Writes a message on, or does what a fault wants. Gives whether the connection goes on.
    fn pass(
        &self,
        connection: &Connection,
        side: Side,
        message: &Message,
        to: &mut BufWriter<&TcpStream>,
    ) -> io::Result<bool> {
        let mut inside = None;
        if let Some((fault, offset)) = self.due(side, message) {
            // What came before is through when the fault happens.
            to.flush()?;
            if let Some(call) = fault.call {
                call();
            }
            match fault.then {
                Then::Forward => {}
                Then::CutBefore => inside = Some(0),
                Then::CutInside => inside = Some(offset),
                Then::CutAfter => inside = Some(message.bytes.len()),
                Then::Stall => connection.set_gate(Gate::Shut),
                Then::Silence => self.silence(),
            }
            let mut ledger = self.ledger();
            ledger.happened += usize::from(fault.next.is_empty());
            ledger
                .faults
                .extend(fault.next.into_iter().map(|next| (0, next)));
            drop(ledger);
            self.happened.notify_all();
        }
        if let Some(offset) = inside {
            to.write_all(&message.bytes[..offset])?;
            to.flush()?;
            return Ok(false);
        }
        if !connection.wait_at_gate(to)? {
            return Ok(false);
        }
        to.write_all(&message.bytes)?;
        Ok(true)
    }

    /// Counts a message, and gives the fault whose turn it is, with where in the message it happens.
    fn due(&self, side: Side, message: &Message) -> Option<(Fault, usize)> {
        let mut ledger = self.ledger();
        let length = message.bytes.len() as u64;
        match side {
            Side::Program => {
                ledger.traffic.sent += 1;
                ledger.traffic.sent_bytes += length;
            }
            Side::Server => ledger.traffic.answers += 1,
        }
        let mut due = None;
        for (place, (seen, fault)) in ledger.faults.iter_mut().enumerate() {
            let before = *seen;
            *seen += match fault.at {
                At::SentByte if side == Side::Program => length,
                At::SentByte => 0,
                at => u64::from(message.is_at(side, at)),
            };
            if due.is_none() && before < fault.nth && fault.nth <= *seen {
                let offset = if fault.at == At::SentByte {
                    fault.nth - before - 1
                } else {
                    length / 2
                };
                due = Some((place, usize::try_from(offset).unwrap()));
            }
        }
        due.map(|(place, offset)| (ledger.faults.remove(place).1, offset))
    }
}

impl Connection {
    fn set_gate(&self, gate: Gate) {
        let mut now = self.gate.lock().unwrap();
        if *now != Gate::Cut {
            *now = gate;
        }
        self.opened.notify_all();
    }

    fn cut(&self) {
        self.set_gate(Gate::Cut);
        let _ = self.program.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Waits while the connection is stalled. Gives whether it goes on.
    fn wait_at_gate(&self, to: &mut BufWriter<&TcpStream>) -> io::Result<bool> {
        let gate = self.gate.lock().unwrap();
        if *gate == Gate::Shut {
            to.flush()?;
        }
        let gate = self
            .opened
            .wait_while(gate, |gate| *gate == Gate::Shut)
            .unwrap();
        Ok(*gate == Gate::Open)
    }
}

/// One side has said all: the other one hears of that, as without a proxy, and can still answer.
struct End<'a> {
    connection: &'a Connection,
    side: Side,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let _ = match self.side {
            Side::Program => self.connection.server.shutdown(Shutdown::Write),
            Side::Server => self.connection.program.shutdown(Shutdown::Both),
        };
    }
}

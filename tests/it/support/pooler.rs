//! A pooler in transaction mode: several connections of programs over one session of the server, which each has for the
//! time of a transaction.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const ASKS_FOR_ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// `AuthenticationOk`.
const WELCOME: [u8; 9] = [b'R', 0, 0, 0, 8, 0, 0, 0, 0];

/// The pooler. Its thread ends with the test run.
pub(crate) struct Pooler {
    port: u16,
}

/// The session, and what the server said at its beginning.
struct Session {
    server: TcpStream,
    greeting: Vec<u8>,
}

type Shared = Arc<Mutex<Option<Session>>>;

impl Pooler {
    pub(crate) fn start(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let session: Shared = Arc::default();
        std::thread::spawn(move || {
            for program in listener.incoming().flatten() {
                let session = Arc::clone(&session);
                // A program that goes away leaves the session to the others.
                std::thread::spawn(move || serve(program, &session, server_port));
            }
        });
        Self { port }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// A message with its type, its length and its body.
fn read_message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; 5];
    from.read_exact(&mut message)?;
    let length = u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize;
    message.resize(length + 1, 0);
    from.read_exact(&mut message[5..])?;
    Ok(message)
}

fn read_startup(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    loop {
        let mut message = vec![0; 8];
        from.read_exact(&mut message)?;
        let word = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        let (length, code) = (word(0) as usize, word(4));
        if ASKS_FOR_ENCRYPTION.contains(&code) {
            from.write_all(b"N")?;
            continue;
        }
        message.resize(length, 0);
        from.read_exact(&mut message[8..])?;
        return Ok(message);
    }
}

fn serve(mut program: TcpStream, shared: &Shared, server_port: u16) -> io::Result<()> {
    let startup = read_startup(&mut program)?;
    {
        let mut session = shared.lock().unwrap();
        match &*session {
            Some(session) => {
                program.write_all(&WELCOME)?;
                program.write_all(&session.greeting)?;
            }
            None => *session = Some(begin(&mut program, &startup, server_port)?),
        }
    }
    loop {
        let first = read_message(&mut program)?;
        if first[0] == b'X' {
            return Ok(());
        }
        let mut session = shared.lock().unwrap();
        let server = &mut session.as_mut().unwrap().server;
        transaction(&mut program, server, first)?;
    }
}

/// Lets the program prove to the server who it is.
fn begin(program: &mut TcpStream, startup: &[u8], server_port: u16) -> io::Result<Session> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port))?;
    server.write_all(startup)?;
    let mut greeting = Vec::new();
    let mut is_welcome = false;
    loop {
        let message = read_message(&mut server)?;
        program.write_all(&message)?;
        if is_welcome {
            greeting.extend_from_slice(&message);
        }
        match (message[0], message.get(8)) {
            (b'R', Some(0)) => is_welcome = true,
            // The last word of a proof needs no answer.
            (b'R', Some(12)) => {}
            (b'R', _) => server.write_all(&read_message(program)?)?,
            (b'E', _) => return Err(io::ErrorKind::PermissionDenied.into()),
            (b'Z', _) => return Ok(Session { server, greeting }),
            _ => {}
        }
    }
}

/// Passes messages on until the session is in no transaction.
fn transaction(program: &mut TcpStream, server: &mut TcpStream, first: Vec<u8>) -> io::Result<()> {
    let mut message = first;
    loop {
        server.write_all(&message)?;
        if matches!(message[0], b'Q' | b'S') {
            loop {
                let answer = read_message(server)?;
                program.write_all(&answer)?;
                match (answer[0], answer.get(5)) {
                    (b'Z', Some(b'I')) => return Ok(()),
                    (b'Z' | b'G', _) => break,
                    _ => {}
                }
            }
        }
        message = read_message(program)?;
    }
}

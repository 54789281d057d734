//! The messages between a client and a server (PostgreSQL documentation, "Message Formats").

use std::io::{self, BufReader, Read as _};
use std::net::TcpStream;

/// The longest message that is taken for one; the program's batches are far smaller.
const LONGEST_MESSAGE: usize = 256 << 20;
/// In place of a message's type: the packets before and during the start of a connection have none.
const UNTYPED: u8 = 0;
/// `SSLRequest` and `GSSENCRequest`, which the server answers with a single byte.
const ASKS_FOR_ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];

/// What of a connection's messages a fault counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Messages of the program.
    Sent,
    /// Bytes of the program; the fault is in the middle of the message that has the byte.
    SentByte,
    /// Messages of the program with rows for a COPY (`CopyData`).
    SentRows,
    /// Statements of the program that begin so, in either protocol.
    SentStatement(&'static str),
    /// Messages of the server.
    Answer,
    /// Statements that the server says are done (`CommandComplete`), with a tag that begins so.
    Done(&'static str),
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Program,
    Server,
}

/// One message.
pub(super) struct Message {
    kind: u8,
    /// With its type and length.
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// Reads a message; one without a type if the connection is only starting.
    pub(super) fn read(from: &mut BufReader<&TcpStream>, is_typed: bool) -> io::Result<Self> {
        let head_length = if is_typed { 5 } else { 4 };
        let mut bytes = vec![0; head_length];
        from.read_exact(&mut bytes)?;
        let length: [u8; 4] = bytes[head_length - 4..].try_into().unwrap();
        // The length counts itself, but not the type.
        let length = u32::from_be_bytes(length) as usize;
        assert!((4..=LONGEST_MESSAGE).contains(&length), "not a message");
        let kind = if is_typed { bytes[0] } else { UNTYPED };
        bytes.resize(head_length + length - 4, 0);
        from.read_exact(&mut bytes[head_length..])?;
        Ok(Self { kind, bytes })
    }

    /// Reads the server's answer to whoever asks for encryption.
    pub(super) fn read_one_byte(from: &mut BufReader<&TcpStream>) -> io::Result<Self> {
        let mut bytes = vec![0];
        from.read_exact(&mut bytes)?;
        Ok(Self {
            kind: UNTYPED,
            bytes,
        })
    }

    pub(super) fn asks_for_encryption(&self) -> bool {
        let code = self.bytes.get(4..8).map(|code| code.try_into().unwrap());
        code.is_some_and(|code| ASKS_FOR_ENCRYPTION.contains(&u32::from_be_bytes(code)))
    }

    /// Whether it is one of these.
    pub(super) fn is_at(&self, side: Side, at: At) -> bool {
        match (side, at) {
            (Side::Program, At::Sent) | (Side::Server, At::Answer) => true,
            (Side::Program, At::SentRows) => self.kind == b'd',
            (Side::Program, At::SentStatement(start)) => self.statement().is_some_and(|text| {
                text.get(..start.len())
                    .is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
            }),
            (Side::Server, At::Done(tag)) => {
                self.kind == b'C' && self.bytes[5..].starts_with(tag.as_bytes())
            }
            _ => false,
        }
    }

    /// The text of a `Query` or `Parse`.
    fn statement(&self) -> Option<&[u8]> {
        let body = &self.bytes[5.min(self.bytes.len())..];
        match self.kind {
            b'Q' => Some(body),
            // After the name of the prepared statement.
            b'P' => body
                .iter()
                .position(|&byte| byte == 0)
                .map(|end| &body[end + 1..]),
            _ => None,
        }
    }
}

//! Bytes that are made on another thread, ahead of whoever reads them.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes of a buffer: so many that threads seldom wait for each other, and few enough for the processor's cache.
const BUFFER_BYTES: usize = 256 << 10;
/// Bytes read before another thread is asked: of most parts this is all.
const FIRST_BYTES: usize = 64 << 10;
/// Full buffers that wait. One more is being filled, and one is being read.
const WAITING_BUFFERS: usize = 2;

/// On which thread bytes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    /// On the reader's own, as they are asked for.
    No,
    /// On one of their own, from the second buffer on.
    Yes,
}

impl Ahead {
    /// On a thread of their own if that is wanted.
    pub(super) fn when(is_wanted: bool) -> Self {
        if is_wanted { Self::Yes } else { Self::No }
    }
}

/// A reader whose bytes are made ahead. When it is dropped, its thread has ended.
#[derive(Debug)]
pub(super) struct ReadAhead<R> {
    maker: Maker<R>,
    ahead: Ahead,
    buffer: Vec<u8>,
    position: usize,
}

/// Who makes the next bytes.
#[derive(Debug)]
enum Maker<R> {
    /// Nothing is read yet.
    Fresh(R),
    /// The reader's own thread.
    Here(R),
    /// Another thread.
    There(Worker),
    /// There are no more.
    Ended,
    /// An error comes next.
    Failed(io::Error),
}

impl<R: Read + Send + 'static> ReadAhead<R> {
    pub(super) fn new(reader: R, ahead: Ahead) -> Self {
        Self {
            maker: Maker::Fresh(reader),
            ahead,
            buffer: Vec::new(),
            position: 0,
        }
    }

    /// Gets the next bytes into the buffer; none at the end, and none behind an error.
    fn refill(&mut self) -> io::Result<()> {
        self.position = 0;
        let (mut reader, size) = match std::mem::replace(&mut self.maker, Maker::Ended) {
            Maker::Fresh(reader) => (reader, FIRST_BYTES),
            Maker::Here(reader) if self.ahead == Ahead::Yes => {
                return self.take_from(Worker::start(reader)?);
            }
            Maker::Here(reader) => (reader, BUFFER_BYTES),
            Maker::There(worker) => return self.take_from(worker),
            Maker::Ended => {
                self.buffer.clear();
                return Ok(());
            }
            Maker::Failed(error) => {
                self.buffer.clear();
                return Err(error);
            }
        };
        match fill(&mut reader, &mut self.buffer, size) {
            Filled::Whole => self.maker = Maker::Here(reader),
            Filled::Last => {}
            Filled::Before(error) if self.buffer.is_empty() => return Err(error),
            Filled::Before(error) => self.maker = Maker::Failed(error),
        }
        Ok(())
    }

    fn take_from(&mut self, worker: Worker) -> io::Result<()> {
        worker.next(&mut self.buffer)?;
        if !self.buffer.is_empty() {
            self.maker = Maker::There(worker);
        }
        Ok(())
    }
}

impl<R: Read + Send + 'static> Read for ReadAhead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.fill_buf()?;
        let read = bytes.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read + Send + 'static> BufRead for ReadAhead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.refill()?;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = self.position.saturating_add(amount).min(self.buffer.len());
    }
}

/// A thread that fills buffers, and the way to it.
#[derive(Debug)]
struct Worker {
    /// None only while it is being dropped.
    full: Option<Receiver<io::Result<Vec<u8>>>>,
    emptied: Sender<Vec<u8>>,
    /// None only while it is being dropped.
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (full, filled) = sync_channel(WAITING_BUFFERS);
        let (emptied, empty) = channel();
        let thread = thread::Builder::new()
            .name("inflate".into())
            .spawn(move || fill_all(reader, &full, &empty))?;
        Ok(Self {
            full: Some(filled),
            emptied,
            thread: Some(thread),
        })
    }

    /// Exchanges the buffer for the next one; an empty one at the end.
    fn next(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        // The thread has ended when it takes no more buffers.
        let _not_needed = self.emptied.send(std::mem::take(buffer));
        let next = self.full.as_ref().and_then(|full| full.recv().ok());
        *buffer = match next {
            Some(next) => next?,
            None => return Err(io::Error::other("reading ahead ended before the end")),
        };
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Its next buffer finds nobody who would take it.
        drop(self.full.take());
        if let Some(thread) = self.thread.take() {
            // It has panicked only if the reader did, and then whoever waited for a buffer knows.
            let _ended = thread.join();
        }
    }
}

/// Fills buffers until there is nothing more to read, or nobody who wants it.
fn fill_all(
    mut reader: impl Read,
    full: &SyncSender<io::Result<Vec<u8>>>,
    emptied: &Receiver<Vec<u8>>,
) {
    loop {
        let mut buffer = emptied.try_recv().unwrap_or_default();
        let filled = fill(&mut reader, &mut buffer, BUFFER_BYTES);
        let is_taken = buffer.is_empty() || full.send(Ok(buffer)).is_ok();
        let end = match filled {
            Filled::Whole if is_taken => continue,
            Filled::Whole => return,
            // An empty one stands for the end.
            Filled::Last => Ok(Vec::new()),
            Filled::Before(error) => Err(error),
        };
        // Nobody takes it when the reader is given up.
        let _taken = full.send(end);
        return;
    }
}

/// How far a buffer was filled.
#[derive(Debug)]
enum Filled {
    /// To its end.
    Whole,
    /// There is nothing more to read.
    Last,
    /// An error comes behind it.
    Before(io::Error),
}

/// Fills a buffer with as many bytes, or those that are left.
fn fill(reader: &mut impl Read, buffer: &mut Vec<u8>, bytes: usize) -> Filled {
    buffer.resize(bytes, 0);
    let mut filled = 0;
    let end = loop {
        if filled >= bytes {
            return Filled::Whole;
        }
        match reader.read(buffer.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break Filled::Last,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Filled::Before(error),
        }
    };
    buffer.truncate(filled);
    end
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// Gives its bytes in pieces of odd sizes, then the error if there is one; counts itself while it is alive.
    struct Pieces {
        left: Vec<u8>,
        error: Option<io::ErrorKind>,
        alive: Arc<AtomicUsize>,
    }

    impl Pieces {
        fn new(bytes: usize, error: Option<io::ErrorKind>, alive: &Arc<AtomicUsize>) -> Self {
            alive.fetch_add(1, Ordering::SeqCst);
            Self {
                left: (0..bytes).map(|n| (n % 251) as u8).collect(),
                error,
                alive: Arc::clone(alive),
            }
        }
    }

    impl Drop for Pieces {
        fn drop(&mut self) {
            self.alive.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = buffer.len().min(40_009).min(self.left.len());
            if size == 0 && !buffer.is_empty() {
                return self.error.take().map_or(Ok(0), |kind| Err(kind.into()));
            }
            buffer[..size].copy_from_slice(&self.left[..size]);
            self.left.drain(..size);
            Ok(size)
        }
    }

    proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(40))]

        #[test]
        fn bytes_and_errors_come_as_without_it(
            bytes in 0..6 * BUFFER_BYTES,
            fails in any::<bool>(),
            ahead in any::<bool>(),
        ) {
            let alive = Arc::default();
            let error = fails.then_some(io::ErrorKind::InvalidData);
            let ahead = if ahead { Ahead::Yes } else { Ahead::No };
            let mut reader = ReadAhead::new(Pieces::new(bytes, error, &alive), ahead);
            let mut read = Vec::new();
            let end = reader.read_to_end(&mut read);
            prop_assert_eq!(end.err().map(|error| error.kind()), error);
            let wanted: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
            prop_assert!(read == wanted);
            drop(reader);
            prop_assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
    }

    #[test]
    fn a_reader_that_is_given_up_ends_its_thread() {
        for bytes in [0, 1, FIRST_BYTES + 1, 5 * BUFFER_BYTES] {
            let alive = Arc::default();
            let pieces = Pieces::new(9 * BUFFER_BYTES, None, &alive);
            let mut reader = ReadAhead::new(pieces, Ahead::Yes);
            let mut read = vec![0; bytes];
            reader.read_exact(&mut read).unwrap();
            drop(reader);
            assert_eq!(alive.load(Ordering::SeqCst), 0, "{bytes}");
        }
    }

    #[test]
    fn a_reader_that_panics_is_an_error() {
        struct Panics(usize);
        impl Read for Panics {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                assert!(self.0 > 0, "on purpose");
                self.0 -= 1;
                Ok(buffer.len())
            }
        }
        let mut reader = ReadAhead::new(Panics(3), Ahead::Yes);
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
    }
}

//! A device that a table describes, played at the other end of a real port, on a thread of its own. The tests and the
//! examples play theirs with it as well.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::Value;
use thingwire_core::host::Clock;
use thingwire_core::thing::lines::Mirror;
use thingwire_core::thing::{Port, PropertyId, Unfit};

/// How often it is looked whether somebody has opened a terminal: nothing tells.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What happens to a played device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Happened {
    /// It was told a line.
    Heard(String),
    /// It has said a line.
    Said(String),
    /// A property was changed, by a command or by hand.
    Changed(String, Value),
}

/// A device that is played until it is dropped. Dropping it unplugs it.
pub(crate) struct Played {
    device: Arc<Device>,
    port: Port,
    /// Removed at the end.
    path: Option<PathBuf>,
    waker: UnixStream,
    thread: Option<JoinHandle<()>>,
}

struct Device {
    state: Mutex<State>,
    changed: Condvar,
    tell: Box<dyn Fn(Happened) + Send + Sync>,
    clock: Clock,
}

struct State {
    mirror: Mirror,
    /// What it says by hand, until the thread has written it.
    out: Vec<u8>,
}

/// Where it is reached.
enum End {
    Terminal(fs::File),
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Something bytes go in and out of.
type Stream = Box<dyn Duplex + Send>;

trait Duplex: Read + Write + AsFd {}
impl<T: Read + Write + AsFd> Duplex for T {}

impl Played {
    /// Behind a terminal of its own, with a name that stays if it is given one.
    pub(crate) fn on_terminal(
        mirror: Mirror,
        link: Option<&Path>,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let mut settings = tcgetattr(&master)?;
        // Otherwise it would hear itself, and ends of lines would be others.
        settings.make_raw();
        tcsetattr(&master, OptionalActions::Now, &settings)?;
        let name = ptsname(&master, Vec::new())?;
        let name = PathBuf::from(name.to_string_lossy().into_owned());
        if let Some(link) = link {
            replace_link(&name, link)?;
        }
        let port = Port::serial(link.unwrap_or(&name)).into();
        Self::start(mirror, End::Terminal(OwnedFd::into(master)), port, link.map(Path::to_owned), tell)
    }

    /// Behind a TCP port; 0 is any.
    pub(crate) fn on_tcp(
        mirror: Mirror,
        address: &str,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let port = Port::tcp(bound.ip().to_string(), bound.port());
        Self::start(mirror, End::Tcp(listener), port, None, tell)
    }

    /// Behind a Unix socket.
    pub(crate) fn on_unix(
        mirror: Mirror,
        path: &Path,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Self::start(mirror, End::Unix(listener), Port::unix(path), Some(path.to_owned()), tell)
    }

    fn start(
        mirror: Mirror,
        end: End,
        port: Port,
        path: Option<PathBuf>,
        tell: impl Fn(Happened) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let state = Mutex::new(State { mirror, out: Vec::new() });
        let device = Arc::new(Device { state, changed: Condvar::new(), tell: Box::new(tell), clock: Clock::start() });
        let (waker, woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let played = Arc::clone(&device);
        let play = move || {
            if let Err(error) = played.play(end, woken) {
                log::error!("the played device has ended: {error}");
            }
        };
        let thread = thread::Builder::new().name("device".to_owned()).spawn(play)?;
        Ok(Self { device, port, path, waker, thread: Some(thread) })
    }

    /// Where it is.
    pub(crate) fn port(&self) -> &Port {
        &self.port
    }

    /// What a property is.
    #[allow(dead_code, reason = "for tests")]
    pub(crate) fn value(&self, property: &str) -> Option<Value> {
        let state = self.device.lock();
        let id = find(&state.mirror, property)?;
        Some(state.mirror.values()[id.0].clone())
    }

    /// Waits until a property is this; false when it is not in time.
    #[allow(dead_code, reason = "for tests")]
    pub(crate) fn wait_for(&self, property: &str, value: &Value, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut state = self.device.lock();
        loop {
            if find(&state.mirror, property).is_some_and(|id| &state.mirror.values()[id.0] == value) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.device.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Somebody turns a knob: a property becomes what this text means, as the device's own word or as JSON.
    pub(crate) fn turn(&self, property: &str, text: &str) -> Result<(), Unfit> {
        let mut state = self.device.lock();
        let id = find(&state.mirror, property).ok_or_else(|| {
            let known: Vec<_> =
                state.mirror.table().properties().iter().map(|property| property.name.as_str()).collect();
            Unfit(format!("there is no property {property:?}; there are: {}", known.join(", ")))
        })?;
        let codec = state.mirror.table().codec(id);
        let json = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        let value = codec.and_then(|codec| codec.parse(text)).unwrap_or_else(json);
        codec.map_or(Ok(()), |codec| codec.format(&value, &mut String::new()))?;
        state.mirror.set(id, value.clone());
        let said = state.mirror.announcement(id);
        if let Some(line) = &said {
            let bytes = state.mirror.bytes(line);
            state.out.extend(bytes);
        }
        drop(state);
        self.wake();
        self.device.changed.notify_all();
        (self.device.tell)(Happened::Changed(property.to_owned(), value));
        if let Some(line) = said {
            (self.device.tell)(Happened::Said(line));
        }
        Ok(())
    }

    /// Whatever bytes, as a device that is broken says them.
    #[allow(dead_code, reason = "for tests")]
    pub(crate) fn babble(&self, bytes: &[u8]) {
        self.device.lock().out.extend(bytes);
        self.wake();
    }

    fn wake(&self) {
        // When it is full, the thread is awake.
        let _ = (&self.waker).write(&[0]);
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // The thread ends when nobody can wake it any more.
        let _ = self.waker.shutdown(std::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

impl Device {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until nobody can wake it any more.
    fn play(&self, end: End, mut woken: UnixStream) -> io::Result<()> {
        let mut stream: Option<Stream> = None;
        let mut terminal = None;
        let listener = match end {
            End::Terminal(file) => {
                terminal = Some(file);
                None
            }
            End::Tcp(listener) => Some(Listener::Tcp(listener)),
            End::Unix(listener) => Some(Listener::Unix(listener)),
        };
        if let Some(file) = &terminal {
            stream = Some(Box::new(file.try_clone()?));
        }
        let mut chunk = [0; 4096];
        loop {
            let limit = if terminal.is_some() && stream.is_none() { Some(LOOK_EVERY) } else { None };
            let [woke, called, spoken] = wait(&woken, listener.as_ref(), stream.as_ref(), limit)?;
            if woke && woken.read(&mut chunk).is_ok_and(|len| len == 0) {
                return Ok(());
            }
            if let (true, Some(listener)) = (called, &listener) {
                if let Ok(caller) = listener.accept() {
                    self.lock().mirror.restart();
                    stream = Some(caller);
                }
            }
            if let (None, Some(file)) = (&stream, &terminal) {
                stream = Some(Box::new(file.try_clone()?));
            }
            let is_gone = match &mut stream {
                Some(stream) => self.serve(stream, spoken, &mut chunk).is_err(),
                None => false,
            };
            if is_gone {
                stream = None;
            }
            if stream.is_none() {
                // What is said to nobody is not heard later.
                let mut state = self.lock();
                state.mirror.restart();
                state.out.clear();
            }
        }
    }

    /// Hears what has come, and says what there is to say; fails when the other end is gone.
    fn serve(&self, stream: &mut Stream, spoken: bool, chunk: &mut [u8]) -> io::Result<()> {
        if spoken {
            match stream.read(chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.hear(&chunk[..len]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        let (out, pause) = {
            let mut state = self.lock();
            (std::mem::take(&mut state.out), state.mirror.pause())
        };
        if !out.is_empty() {
            // Where silence ends a line, it is to be one.
            thread::sleep(pause);
            stream.write_all(&out)?;
        }
        Ok(())
    }

    fn hear(&self, bytes: &[u8]) {
        let mut happened = Vec::new();
        let mut state = self.lock();
        for line in state.mirror.cut(self.clock.now(), bytes) {
            let (changed, said) = state.mirror.hear(&line);
            happened.push(Happened::Heard(line));
            for (id, value) in changed {
                let name = state.mirror.table().properties()[id.0].name.clone();
                happened.push(Happened::Changed(name, value));
            }
            for line in said {
                let bytes = state.mirror.bytes(&line);
                state.out.extend(bytes);
                happened.push(Happened::Said(line));
            }
        }
        drop(state);
        self.changed.notify_all();
        happened.into_iter().for_each(&self.tell);
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept()?.0),
            Self::Unix(listener) => Box::new(listener.accept()?.0),
        })
    }
}

/// Sleeps until one of them has something.
fn wait(
    woken: &UnixStream,
    listener: Option<&Listener>,
    stream: Option<&Stream>,
    limit: Option<Duration>,
) -> io::Result<[bool; 3]> {
    let listener = match listener {
        Some(Listener::Tcp(listener)) => Some(listener.as_fd()),
        Some(Listener::Unix(listener)) => Some(listener.as_fd()),
        None => None,
    };
    let sources = [Some(woken.as_fd()), listener, stream.map(|stream| stream.as_fd())];
    let mut asked: Vec<_> = sources.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let limit = limit.map(|limit| Timespec { tv_sec: 0, tv_nsec: i64::from(limit.subsec_nanos()) });
    match poll(&mut asked, limit.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok([false; 3]),
        Err(error) => return Err(error.into()),
    }
    let mut ready = asked.iter().map(|asked| !asked.revents().is_empty());
    Ok(sources.map(|source| source.is_some() && ready.next().unwrap_or(false)))
}

fn find(mirror: &Mirror, property: &str) -> Option<PropertyId> {
    mirror.table().properties().iter().position(|known| known.name == property).map(PropertyId)
}

/// An older link makes way; anything else does not.
fn replace_link(name: &Path, link: &Path) -> io::Result<()> {
    if link.symlink_metadata().is_ok_and(|known| known.file_type().is_symlink()) {
        fs::remove_file(link)?;
    }
    symlink(name, link)
}

impl fmt::Debug for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Played").field("port", &self.port).finish_non_exhaustive()
    }
}

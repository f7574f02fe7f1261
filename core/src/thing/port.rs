//! Where a component's device is.

use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

/// Where a component's device is, as data: whoever drives the thing opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Port {
    /// A serial port.
    Serial(SerialPort),
    /// A TCP server, as `HOST:PORT`.
    Tcp {
        /// Its name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A Unix socket that somebody listens on.
    Unix(PathBuf),
}

/// A serial port, and how bytes are bits on it: 9600 baud, 8 data bits, no parity, 1 stop bit and no flow control where
/// nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct SerialPort {
    /// Its path. Those below `/dev/serial/by-id` stay the same when it is plugged in elsewhere, or after others.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Bits in a byte.
    pub data_bits: DataBits,
    /// The bit that tells a wrong byte.
    pub parity: Parity,
    /// Bits behind a byte.
    pub stop_bits: StopBits,
    /// How one end has the other wait.
    pub flow: FlowControl,
}

/// Bits in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataBits {
    /// Seven.
    Seven,
    /// Eight.
    Eight,
}

/// The bit that tells a wrong byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parity {
    /// There is none.
    None,
    /// It makes the number of ones even.
    Even,
    /// It makes it odd.
    Odd,
}

/// Bits behind a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopBits {
    /// One.
    One,
    /// Two.
    Two,
}

/// How one end of a serial line has the other wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlowControl {
    /// Not at all.
    None,
    /// By two wires of their own, RTS and CTS.
    Hardware,
    /// By two bytes, XOFF and XON, which nothing else may then contain.
    Software,
}

impl Port {
    /// A serial port with 9600 baud, 8 data bits, no parity, 1 stop bit and no flow control.
    pub fn serial(path: impl Into<PathBuf>) -> SerialPort {
        SerialPort {
            path: path.into(),
            baud: 9600,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            flow: FlowControl::None,
        }
    }

    /// A TCP server.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    /// A Unix socket.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix(path.into())
    }
}

impl SerialPort {
    /// The same port with this many bits per second.
    pub fn baud(mut self, baud: u32) -> Self {
        self.baud = baud;
        self
    }

    /// The same port with this many bits in a byte.
    pub fn data_bits(mut self, data_bits: DataBits) -> Self {
        self.data_bits = data_bits;
        self
    }

    /// The same port with this parity.
    pub fn parity(mut self, parity: Parity) -> Self {
        self.parity = parity;
        self
    }

    /// The same port with this many stop bits.
    pub fn stop_bits(mut self, stop_bits: StopBits) -> Self {
        self.stop_bits = stop_bits;
        self
    }

    /// The same port with this flow control.
    pub fn flow(mut self, flow: FlowControl) -> Self {
        self.flow = flow;
        self
    }
}

impl From<SerialPort> for Port {
    fn from(port: SerialPort) -> Self {
        Self::Serial(port)
    }
}

/// A text that is no port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPort {
    text: String,
}

impl fmt::Display for NoPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no port: say unix:PATH, HOST:PORT, or the path of a serial port with a slash in it",
            self.text
        )
    }
}

impl core::error::Error for NoPort {}

/// `unix:PATH`, `HOST:PORT` (`[ADDRESS]:PORT` for IPv6), or the path of a serial port, known by a slash in it.
impl FromStr for Port {
    type Err = NoPort;

    fn from_str(text: &str) -> Result<Self, NoPort> {
        let wrong = || NoPort { text: text.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::unix(path)) };
        }
        if text.contains('/') {
            return Ok(Self::serial(text).into());
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || (host.contains(':') && bare.is_none()) {
            return Err(wrong());
        }
        port.parse().map(|port| Self::tcp(host, port)).map_err(|_| wrong())
    }
}

/// As a person would name it: the path, or the address.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => serial.path.display().fmt(f),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_read_as_it_is_shown() {
        for text in ["localhost:4001", "10.0.0.7:23", "[fe80::1]:4001", "/dev/ttyUSB0"] {
            assert_eq!(text.parse::<Port>().map(|port| port.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("unix:/run/lamp".parse(), Ok(Port::unix("/run/lamp")));
        assert_eq!("/dev/ttyS0".parse(), Ok(Port::from(Port::serial("/dev/ttyS0"))));
        for text in ["", "ttyUSB0", "lamp:", "lamp:x", "lamp:65536", ":23", "unix:", "fe80::1:23"] {
            assert!(text.parse::<Port>().is_err(), "{text}");
        }
    }
}

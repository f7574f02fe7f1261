//! What went wrong between TLS and MQTT: in the WebSocket.

use core::fmt;

/// Why a WebSocket did not come about, or ended (RFC 6455).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebSocketError {
    /// The server has answered the upgrade with another status than 101.
    Refused {
        /// From 100 to 999; never 101, nor from 300 to 399.
        status: u16,
        /// The service's own word for it, for example `ForbiddenException`, where it says one.
        kind: Option<String>,
    },
    /// The server has refused the upgrade with 403, and its clock and ours are too far apart for any signature.
    ClockSkew {
        /// How many seconds the server's clock is ahead of ours; negative when it is behind.
        ahead_seconds: i32,
    },
    /// The server wants us to go elsewhere; that is never followed.
    Redirect {
        /// From 300 to 399.
        status: u16,
        /// Where to, without a query: a query may repeat our signature.
        location: Option<String>,
    },
    /// The answer is not HTTP.
    NotHttp,
    /// The head of the answer is longer than anything that a server has to say.
    HeadTooLong {
        /// The most bytes that are taken.
        max: usize,
    },
    /// The server says 101, but this header is missing or wrong.
    Header {
        /// Which one.
        header: UpgradeHeader,
    },
    /// The server closed the connection instead of answering the upgrade.
    ClosedBeforeUpgrade,
    /// The server broke the rules of frames.
    Frame(WebSocketFault),
    /// The server closed the WebSocket with a Close frame.
    Closed {
        /// Its code (RFC 6455 §7.4), if it gave one.
        code: Option<u16>,
        /// Its reason; often empty.
        reason: String,
    },
}

/// The headers that have to be right in an answer of 101 (RFC 6455 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeHeader {
    /// `Upgrade`: `websocket`.
    Upgrade,
    /// `Connection`: `Upgrade` among others.
    Connection,
    /// `Sec-WebSocket-Accept`: proves that our key was read.
    Accept,
    /// `Sec-WebSocket-Protocol`: `mqtt` [MQTT-6.0.0-4].
    Protocol,
    /// `Sec-WebSocket-Extensions`: absent, because none was offered.
    Extensions,
}

/// Which rule of frames was broken (RFC 6455 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebSocketFault {
    /// A reserved bit is set although no extension was agreed on (§5.2).
    ReservedBits,
    /// The opcode has no meaning (§5.2).
    Opcode {
        /// From 3 to 7 or from 11 to 15.
        opcode: u8,
    },
    /// A frame from a server is masked (§5.1).
    Masked,
    /// The length is not in its shortest form, or not below 2^63 (§5.2).
    Length,
    /// A control frame is longer than 125 bytes (§5.5).
    ControlTooLong,
    /// A control frame is a fragment (§5.5).
    ControlFragment,
    /// A text frame [MQTT-6.0.0-1].
    Text,
    /// A continuation without a beginning (§5.4).
    Continuation,
    /// A new message inside an unfinished one (§5.4).
    Interleaved,
    /// A Close frame whose body is not a valid code with a reason in UTF-8 (§5.5.1, §7.4).
    CloseBody,
}

impl WebSocketError {
    /// Whether trying again soon cannot help.
    pub(super) const fn needs_a_change(&self) -> bool {
        match self {
            Self::Refused { status, .. } => super::is_refusal(*status),
            Self::ClockSkew { .. } | Self::Redirect { .. } => true,
            Self::NotHttp
            | Self::HeadTooLong { .. }
            | Self::Header { .. }
            | Self::ClosedBeforeUpgrade
            | Self::Frame(_)
            | Self::Closed { .. } => false,
        }
    }
}

impl From<WebSocketFault> for WebSocketError {
    fn from(fault: WebSocketFault) -> Self {
        Self::Frame(fault)
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, kind } => {
                write!(f, "the server refused the upgrade with status {status}")?;
                if let Some(kind) = kind {
                    write!(f, " ({kind})")?;
                }
                f.write_str(status_advice(*status))
            }
            Self::ClockSkew { ahead_seconds } => write!(
                f,
                "the server refused the upgrade with status 403, and its clock is {} s {} this machine's; set the clock",
                ahead_seconds.unsigned_abs(),
                if *ahead_seconds < 0 { "behind" } else { "ahead of" },
            ),
            Self::Redirect { status, location: Some(location) } => write!(
                f,
                "the server answers the upgrade with a redirect ({status}) to {location}; check the endpoint, or log in \
                 to the network first"
            ),
            Self::Redirect { status, location: None } => {
                write!(f, "the server answers the upgrade with a redirect ({status}); check the endpoint")
            }
            Self::NotHttp => f.write_str("the server does not answer the upgrade in HTTP; check the port"),
            Self::HeadTooLong { max } => {
                write!(f, "the server's answer to the upgrade has a head of more than {max} bytes")
            }
            Self::Header { header } => {
                write!(f, "the server agrees to the upgrade, but {header} is missing or wrong; check the endpoint")
            }
            Self::ClosedBeforeUpgrade => f.write_str(
                "the server closed the connection instead of answering the upgrade; check the port and the endpoint",
            ),
            Self::Frame(fault) => write!(f, "the server broke the protocol: {fault}"),
            Self::Closed { code, reason } => {
                f.write_str("the server closed it")?;
                if let Some(code) = code {
                    write!(f, " (code {code}{})", code_words(*code))?;
                }
                if !reason.is_empty() {
                    write!(f, ", saying {reason:?}")?;
                }
                f.write_str(
                    "; if it happens again at once, check that no other client uses this client id and that the policy \
                     allows connecting and the topics",
                )
            }
        }
    }
}

impl fmt::Display for UpgradeHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upgrade => "its header Upgrade",
            Self::Connection => "its header Connection",
            Self::Accept => "its header Sec-WebSocket-Accept",
            Self::Protocol => "its header Sec-WebSocket-Protocol",
            Self::Extensions => "its header Sec-WebSocket-Extensions",
        })
    }
}

impl fmt::Display for WebSocketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBits => f.write_str("reserved bits are set in a frame"),
            Self::Opcode { opcode } => write!(f, "a frame with the reserved opcode {opcode}"),
            Self::Masked => f.write_str("a masked frame"),
            Self::Length => f.write_str("a frame whose length is badly encoded"),
            Self::ControlTooLong => f.write_str("a control frame of more than 125 bytes"),
            Self::ControlFragment => f.write_str("a fragmented control frame"),
            Self::Text => f.write_str("a text frame, which MQTT forbids"),
            Self::Continuation => f.write_str("a continuation of nothing"),
            Self::Interleaved => f.write_str("a new message inside an unfinished one"),
            Self::CloseBody => f.write_str("a Close frame with a bad body"),
        }
    }
}

fn status_advice(status: u16) -> &'static str {
    match status {
        200..=299 => ": a web server answers; check the endpoint and the path",
        400 => ": it does not understand the request; check the endpoint and the path",
        401 | 403 => {
            "; check that the credentials are valid and not expired, that their policy allows iot:Connect, and that the \
             region is the endpoint's"
        }
        404 => ": nothing is served at this path; check the endpoint and the path",
        426 => ": it wants another protocol or version; check the endpoint",
        429 => ": too many attempts; it is tried again later",
        500..=599 => ": the service has trouble of its own; it is tried again later",
        _ => "",
    }
}

/// RFC 6455 §7.4.1.
fn code_words(code: u16) -> &'static str {
    match code {
        1000 => ": normal",
        1001 => ": going away",
        1002 => ": protocol error",
        1003 => ": unsupported data",
        1007 => ": inconsistent data",
        1008 => ": against its policy",
        1009 => ": message too big",
        1011 => ": internal error",
        1012 => ": restarting",
        1013 => ": try again later",
        _ => "",
    }
}

impl core::error::Error for WebSocketError {}
impl core::error::Error for WebSocketFault {}

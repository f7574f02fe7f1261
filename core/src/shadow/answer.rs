//! How a request to a shadow ended, as whoever made it wants to know.

use core::fmt;

use super::{Document, Malformed};
use crate::{Outcome, Rejection, Reply, Unsent};

/// Why a request to a shadow did not end with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShadowError {
    /// The service said no.
    Rejected(Box<Rejection>),
    /// It was published, and there was no answer in time. It may have been done all the same.
    TimedOut,
    /// It was never published.
    Unsent(Unsent),
    /// The server closed the connection each time it was sent. On AWS that is how the policy says no.
    ConnectionClosed {
        /// Connections lost to it.
        times: u32,
    },
    /// The service said yes, in an answer that cannot be read.
    Malformed(Malformed),
    /// The client was gone before the end.
    Gone,
    /// Withdrawn with [`Client::discard`](crate::Client::discard), or not a request to a shadow at all.
    Other(Outcome),
}

impl ShadowError {
    /// The service's code, where it said no with a number: see [`Rejection::status`].
    pub fn status(&self) -> Option<u16> {
        if let Self::Rejected(why) = self { why.status() } else { None }
    }
}

impl Outcome {
    /// The end of a request to a shadow: the document that the service answered with, or why there is none.
    ///
    /// To a get it is the whole shadow; to an update what was changed, with the new version; to a delete the version
    /// that is gone.
    pub fn into_document(self) -> Result<Document, ShadowError> {
        Err(match self {
            Self::Accepted(reply) => {
                let Reply { payload } = *reply;
                return Document::parse(payload.clone()).map_err(|_| ShadowError::Malformed(Malformed { payload }));
            }
            Self::Rejected(why) => ShadowError::Rejected(why),
            Self::TimedOut => ShadowError::TimedOut,
            Self::Unsent(why) => ShadowError::Unsent(why),
            Self::ConnectionClosed { times } => ShadowError::ConnectionClosed { times },
            Self::Sent
            | Self::Acked
            | Self::Subscribed(_)
            | Self::Unsubscribed
            | Self::Expired
            | Self::Evicted
            | Self::Discarded => ShadowError::Other(self),
        })
    }
}

impl fmt::Display for ShadowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(why) => why.fmt(f),
            Self::TimedOut => f.write_str("no answer in time; it may have been done all the same"),
            Self::Unsent(why) => why.fmt(f),
            Self::ConnectionClosed { times } => Outcome::ConnectionClosed { times: *times }.fmt(f),
            Self::Malformed(Malformed { payload }) => {
                write!(f, "accepted, but the answer of {} bytes makes no sense", payload.len())
            }
            Self::Gone => f.write_str("the client was gone before the end"),
            Self::Other(outcome) => outcome.fmt(f),
        }
    }
}

impl core::error::Error for ShadowError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(json: &'static str) -> Outcome {
        Outcome::Accepted(Box::new(Reply { payload: json.into() }))
    }

    #[test]
    fn what_is_accepted_is_a_document() {
        let document = accepted(r#"{"state":{"reported":{"flow":3}},"version":7}"#).into_document().unwrap();
        assert_eq!((document.version, document.reported.unwrap().json()), (Some(7), r#"{"flow":3}"#));
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_kept() {
        let error = accepted("[1]").into_document().unwrap_err();
        assert_eq!(error, ShadowError::Malformed(Malformed { payload: "[1]".into() }));
        assert_eq!(error.to_string(), "accepted, but the answer of 3 bytes makes no sense");
    }

    #[test]
    fn every_other_end_says_what_it_is() {
        let rejection = Rejection::read(r#"{"code":409,"message":"Version conflict"}"#.into());
        let end = |outcome: Outcome| outcome.into_document().unwrap_err();
        assert_eq!(end(Outcome::Rejected(Box::new(rejection))).status(), Some(409));
        assert_eq!(end(Outcome::TimedOut), ShadowError::TimedOut);
        assert_eq!(end(Outcome::Unsent(Unsent::Offline)), ShadowError::Unsent(Unsent::Offline));
        assert_eq!(end(Outcome::ConnectionClosed { times: 3 }), ShadowError::ConnectionClosed { times: 3 });
        assert_eq!(end(Outcome::Discarded).to_string(), "withdrawn");
        assert_eq!(end(Outcome::Discarded).status(), None);
    }
}

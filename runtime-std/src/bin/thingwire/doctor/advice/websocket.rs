//! What failures of WebSockets mean.

use thingwire_std::WebSocketError;

use super::{Advice, CLOCK, DESCRIBE_ENDPOINT, advice, lines, of_close};
use crate::doctor::report::Step;
use crate::doctor::situation::{Situation, Way};

pub(super) fn advice_on(at: Step, why: &WebSocketError, who: &Situation) -> Advice {
    match why {
        WebSocketError::ClockSkew { .. } => {
            let means = "the clocks are too far apart for any signature to be good.";
            advice("clock-skew", means, lines([CLOCK]))
        }
        WebSocketError::Refused { status: 401 | 403, .. } => forbidden(who),
        WebSocketError::Refused { status: 429, .. } => advice(
            "websocket-throttled",
            "the service has had too many connections of this account or client id.",
            lines(["the same again in a minute."]),
        ),
        WebSocketError::Refused { status: 500..=599, .. } => advice(
            "websocket-unavailable",
            "the service has trouble of its own.",
            lines(["the same again later, and https://health.aws.amazon.com."]),
        ),
        WebSocketError::Redirect { .. } => advice(
            "websocket-redirect",
            "it is not AWS IoT Core that answers: a web server, or the login page of this network.",
            lines(["a browser on this network: it may want a login.", DESCRIBE_ENDPOINT]),
        ),
        WebSocketError::Closed { .. } if at > Step::WebSocket => of_close(at, who),
        WebSocketError::ClosedBeforeUpgrade => advice(
            "websocket-closed",
            "the server hung up instead of answering; port 8883 serves no WebSockets.",
            lines(["port 443.", DESCRIBE_ENDPOINT]),
        ),
        _ => advice(
            "websocket-not-there",
            "something answers that serves no MQTT in a WebSocket, such as a web server.",
            lines([DESCRIBE_ENDPOINT, "port 443, and no --alpn.", "a browser on this network: it may want a login."]),
        ),
    }
}

fn forbidden(who: &Situation) -> Advice {
    let means = match who.way {
        Way::Authorizer => "the custom authorizer says no, or is not found.",
        _ => "AWS IoT Core does not accept the signature, or the credentials may not connect.",
    };
    let tries = match who.way {
        Way::Authorizer => lines([
            "aws iot test-invoke-authorizer with the same token and signature.",
            "the authorizer's name and that it is ACTIVE.",
        ]),
        _ => [
            Some("aws sts get-caller-identity: expired or mistyped credentials fail there too.".to_owned()),
            Some(who.policy("iot:Connect", &format!("client/{}", who.client_id))),
            Some("--region: it has to be the endpoint's.".to_owned()),
            who.invented_id(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    advice("websocket-forbidden", means, tries)
}

//! What a failure means for AWS IoT Core, and what to try. Rules of the service: AWS IoT Core developer guide,
//! "Protocols, port mappings, and authentication" and "Diagnosing connectivity issues".

mod tls;
mod websocket;

use thingwire_std::{
    ConnectRefusal, ConnectStage, Endpoint, LinkError, ProtocolError, ProxyError, ShadowError, TcpError, Unsent,
};

use super::endpoint::Kind;
use super::report::Step;
use super::situation::{Situation, Way};

/// What is to be said of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    /// For scripts: stays as it is.
    pub(super) class: &'static str,
    /// A sentence.
    pub(super) means: String,
    /// Sentences, the most promising first.
    pub(super) tries: Vec<String>,
}

fn advice(class: &'static str, means: impl Into<String>, tries: impl IntoIterator<Item = String>) -> Advice {
    Advice { class, means: means.into(), tries: tries.into_iter().collect() }
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).to_vec()
}

const DESCRIBE_ENDPOINT: &str =
    "aws iot describe-endpoint --endpoint-type iot:Data-ATS: it tells the account's endpoint in that region.";
const OTHER_PORT: &str = "another port: many networks let nothing out but 443, where AWS IoT Core serves MQTT too.";
const PROXY: &str = "--proxy http://HOST:PORT, if this network wants one.";
const CLOCK: &str = "set this machine's clock (timedatectl, chronyc): certificates and signatures depend on it.";

impl Advice {
    /// Flags, files or settings that cannot be used.
    pub(super) fn of_setup() -> Self {
        let tries = lines(["what the message says; nothing was sent, so that the server has nothing to do with it."]);
        advice("setup", "the flags, or the files that they name, cannot be used.", tries)
    }

    /// A link that was not made, or has ended in this step.
    pub(super) fn of_link(at: Step, why: &LinkError, who: &Situation) -> Self {
        let mut advice = of_layer(at, why, who);
        advice.tries.retain(|line| line != OTHER_PORT || who.port != Endpoint::HTTPS_PORT);
        if let Some(fault) = who.kind.fault() {
            let hint = format!("another endpoint: {} is {}, and {fault}.", who.host, who.kind.words());
            advice.tries.retain(|line| line != DESCRIBE_ENDPOINT);
            advice.tries.splice(0..0, [hint, DESCRIBE_ENDPOINT.to_owned()]);
        }
        advice
    }

    /// SUBACK with 0x80 (B-34).
    pub(super) fn of_subscription_refused(topic: &str, who: &Situation) -> Self {
        let tries = [who.policy("iot:Subscribe", &format!("topicfilter/{topic}")), topic_hint()];
        advice("subscribe-refused", "the connection is good, and the policy does not allow this subscription.", tries)
    }

    /// No SUBACK in time (B-33).
    pub(super) fn of_subscription_unanswered() -> Self {
        let tries = lines(["the same again; if it stays so, a longer --operation-timeout."]);
        advice("subscribe-timeout", "the server has not answered the subscription.", tries)
    }

    /// No PUBACK in time (B-10, B-17).
    pub(super) fn of_publish_unanswered() -> Self {
        let means = "the server has not acknowledged the message; AWS IoT Core is silent when a connection's or an \
                     account's rate is exceeded.";
        advice("publish-timeout", means, lines(["the same again in a minute, and other clients' rates."]))
    }

    /// Acknowledged, and never seen again.
    pub(super) fn of_message_missing(topic: &str, who: &Situation) -> Self {
        let tries = [who.policy("iot:Receive", &format!("topic/{topic}")), topic_hint()];
        advice("not-delivered", "the server has taken the message, and does not deliver it to its subscriber.", tries)
    }

    /// No shadow.
    pub(super) fn of_shadow(why: &ShadowError, thing: &str, who: &Situation) -> Self {
        let topics = format!("$aws/things/{thing}/shadow/get and get/accepted, get/rejected below it");
        let policy = || vec![who.policy("iot:Publish, iot:Subscribe and iot:Receive", &topics)];
        match why {
            ShadowError::Rejected(_) => Self::of_shadow_rejected(why.status(), policy()),
            ShadowError::Unsent(Unsent::SubscriptionRefused) => {
                let means = "the policy does not allow subscribing to the topics of the answers.";
                advice("shadow-subscribe-refused", means, policy())
            }
            ShadowError::TimedOut => {
                let means = "the request was acknowledged, and no answer has come: nobody may receive it, or the shadow \
                             service did not see it.";
                advice("shadow-unanswered", means, policy())
            }
            _ => advice("shadow-failed", "the request to the shadow service did not come to an end.", policy()),
        }
    }
}

impl Advice {
    fn of_shadow_rejected(status: Option<u16>, policy: Vec<String>) -> Self {
        if let Some(401 | 403) = status {
            return advice("shadow-forbidden", "the shadow service does not allow reading this shadow.", policy);
        }
        let tries = lines(["what the service says; after 429 or 500 the same again later."]);
        advice("shadow-rejected", "the shadow service rejects the request.", tries)
    }
}

fn topic_hint() -> String {
    "--topic with one that the policy allows, or --topic none to leave this out.".to_owned()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library may add errors")]
fn of_layer(at: Step, why: &LinkError, who: &Situation) -> Advice {
    match why {
        LinkError::Resolve { host, .. } => of_dns(host, who),
        LinkError::Tcp { why, .. } => of_tcp(at, *why, who),
        LinkError::Proxy(why) => of_proxy(*why),
        LinkError::Tls(why) => tls::advice_on(why, who),
        LinkError::Credentials { .. } => of_credentials(who),
        LinkError::CredentialsService { .. } => advice(
            "credentials-service",
            "the service that gives the credentials cannot be reached, or has trouble of its own.",
            lines([
                "--credentials-endpoint: its type is iot:CredentialProvider, its port 443.",
                PROXY,
                "the same again later.",
            ]),
        ),
        LinkError::WebSocket(why) => websocket::advice_on(at, why, who),
        LinkError::Protocol(why) => of_protocol(why),
        LinkError::Refused(why) => of_refusal(*why, who),
        LinkError::ClosedBeforeConnack => closed_before_connack(who),
        LinkError::Closed => of_close(at, who),
        LinkError::ConnectTimeout { waiting_for } => of_silence(*waiting_for),
        LinkError::KeepAlive => {
            let means = "the connection went dead without a word, as when a router forgets it.";
            advice("keep-alive", means, lines(["a shorter --keep-alive, and the network's routers and mobile links."]))
        }
        _ => advice("other", "the connection has failed in a way without advice.", lines(["the same again."])),
    }
}

fn of_dns(host: &str, who: &Situation) -> Advice {
    let means = "the name has no address: it is misspelt, or this machine's DNS does not work or must not tell.";
    let mut tries = vec![format!("getent hosts {host}, and a name that surely exists.")];
    match who.kind {
        Kind::Vpc => tries.push("this from inside of the VPC: outside, its private names do not exist.".to_owned()),
        _ if who.has_proxy => tries.push("the spelling of the proxy.".to_owned()),
        _ => tries.push(DESCRIBE_ENDPOINT.to_owned()),
    }
    advice("dns", means, tries)
}

fn of_tcp(at: Step, why: TcpError, who: &Situation) -> Advice {
    let whose = if who.has_proxy { "the proxy" } else { "the server" };
    match why {
        TcpError::Reset if at > Step::Tcp => of_close(at, who),
        TcpError::Refused => advice(
            "tcp-refused",
            format!("nobody listens at the port of {whose}, or a firewall says so in its name."),
            lines(["the port: AWS IoT Core listens at 8883 and 443 only.", OTHER_PORT]),
        ),
        TcpError::TimedOut | TcpError::WriteStalled => advice(
            "tcp-timeout",
            format!("nothing comes back from {whose}: a firewall drops the packets, or the host is down."),
            lines([OTHER_PORT, PROXY, "a security group or network ACL, inside of a VPC."]),
        ),
        TcpError::Unreachable => advice(
            "tcp-unreachable",
            format!("this machine has no way to {whose}."),
            lines(["the network: an address, a default route, and IPv6 only where there is some.", PROXY]),
        ),
        _ => advice(
            "tcp-failed",
            format!("the connection to {whose} broke before anything was said."),
            lines([OTHER_PORT, PROXY]),
        ),
    }
}

fn of_proxy(why: ProxyError) -> Advice {
    match why {
        ProxyError::LoginWanted | ProxyError::LoginRefused | ProxyError::Status { status: 407 } => advice(
            "proxy-login",
            "the proxy is there, and does not let this user through.",
            lines(["--proxy http://USER:PASSWORD@HOST:PORT, with special characters as %XX."]),
        ),
        ProxyError::AuthenticationKind => advice(
            "proxy-authentication",
            "the proxy wants a login of a kind such as NTLM or Kerberos.",
            lines(["a proxy with basic authentication, or a local one that logs in at it."]),
        ),
        ProxyError::Status { status: 403 | 405 } | ProxyError::Socks { code: 2 } => advice(
            "proxy-forbidden",
            "the proxy does not allow connections to this host and port; many allow port 443 only.",
            lines([OTHER_PORT, "its rules for CONNECT, which whoever runs it can change."]),
        ),
        ProxyError::Status { .. } | ProxyError::Socks { .. } => advice(
            "proxy-unreachable",
            "the proxy could not make the connection to the server.",
            lines(["the spelling of --endpoint: it is the proxy that looks for the name.", OTHER_PORT]),
        ),
        _ => advice(
            "proxy-protocol",
            "what answers at the proxy's address is no proxy of this kind.",
            lines(["http:// or socks5:// in --proxy, and its port."]),
        ),
    }
}

fn of_credentials(who: &Situation) -> Advice {
    let tries = ["aws sts get-caller-identity: with the same environment it should tell who you are.".to_owned()];
    let other = (who.way == Way::Signature).then(|| "--profile, or --cert and --key without --websocket.".to_owned());
    advice("credentials", "there are no AWS credentials to sign with.", tries.into_iter().chain(other))
}

fn of_protocol(why: &ProtocolError) -> Advice {
    let means = match why {
        ProtocolError::Http => "a web server answers on this port.",
        _ => "what answers there does not speak MQTT 3.1.1.",
    };
    advice("not-mqtt", means, lines(["the port: 8883, or 443 with TLS.", DESCRIBE_ENDPOINT]))
}

fn of_refusal(why: ConnectRefusal, who: &Situation) -> Advice {
    match why {
        ConnectRefusal::ProtocolVersion => advice(
            "connack-1",
            "the server speaks another version of MQTT only; AWS IoT Core speaks 3.1.1.",
            lines([DESCRIBE_ENDPOINT]),
        ),
        ConnectRefusal::ClientId => advice(
            "connack-2",
            "the server does not take this client id.",
            lines(["--client-id with 1 to 128 characters, without a $ at the front."]),
        ),
        ConnectRefusal::ServerUnavailable => advice(
            "connack-3",
            "the service is busy, or limits how often this client id or account may connect.",
            lines(["the same again in a minute; each client id may connect once a second."]),
        ),
        ConnectRefusal::UserNameOrPassword => advice(
            "connack-4",
            "the server does not take the user name and password.",
            lines(["--user-name and --password.", "the custom authorizer's logs, if one decides."]),
        ),
        // 5, and whatever else may come.
        _ => {
            let tries = [Some(who.policy("iot:Connect", &format!("client/{}", who.client_id))), who.invented_id()];
            let authorizer = (who.way == Way::Authorizer)
                .then(|| "aws iot test-invoke-authorizer with the same token and signature.".to_owned());
            let means = "the server knows the device, and does not let it in.";
            advice("connack-5", means, tries.into_iter().chain([authorizer]).flatten())
        }
    }
}

/// What AWS IoT Core does to clients that may not connect (B-6).
fn closed_before_connack(who: &Situation) -> Advice {
    let mut tries = vec![who.policy("iot:Connect", &format!("client/{}", who.client_id))];
    tries.extend(who.invented_id());
    if who.way == Way::Certificate {
        tries.push(who.describe_certificate());
    }
    if who.own_id {
        tries.push(
            "half a minute of patience, if this client id has connected just now: one CONNECT a second.".to_owned(),
        );
    }
    advice(
        "connect-closed",
        "the policy does not allow this client id to connect, or the certificate is not active.",
        tries,
    )
}

/// AWS IoT Core says no to a publish or a subscription by closing the connection (B-16, B-34).
fn of_close(at: Step, who: &Situation) -> Advice {
    let topic = who.topic.as_deref().unwrap_or_default();
    let takeover = who
        .own_id
        .then(|| format!("that no other client is {:?}: the newer connection ends the older one.", who.client_id));
    let (class, means, first) = match at {
        Step::Subscribe => (
            "subscribe-closed",
            "the server closes the connection for the subscription: the policy does not allow it.",
            who.policy("iot:Subscribe", &format!("topicfilter/{topic}")),
        ),
        Step::Publish | Step::Receive => (
            "publish-closed",
            "the server closes the connection for the message: the policy does not allow it.",
            who.policy("iot:Publish", &format!("topic/{topic}")),
        ),
        Step::Shadow => (
            "shadow-closed",
            "the server closes the connection for the request: the policy does not allow it.",
            who.policy("iot:Publish and iot:Subscribe", "the topics below $aws/things/THING/shadow/"),
        ),
        Step::Stay => (
            "taken-over",
            "the server has closed an idle connection: most likely another client has connected with the same id.",
            "another --client-id: if the connection stays then, two devices share an id.".to_owned(),
        ),
        _ => return closed_before_connack(who),
    };
    advice(class, means, [Some(first), takeover].into_iter().flatten())
}

fn of_silence(waiting_for: ConnectStage) -> Advice {
    match waiting_for {
        ConnectStage::Proxy => advice(
            "proxy-timeout",
            "the proxy takes the connection and does not answer.",
            lines(["http:// or socks5:// in --proxy, and its port.", "a longer --connect-timeout."]),
        ),
        ConnectStage::Tls => advice(
            "tls-timeout",
            "the connection is there, and nobody answers the handshake: no TLS port, or something in between swallows it.",
            lines([
                "the port: 8883 or 443.",
                "a smaller MTU, if large packets get lost on the way (VPNs, mobile links).",
            ]),
        ),
        ConnectStage::WebSocket => advice(
            "websocket-timeout",
            "TLS is there, and nobody answers the upgrade.",
            lines(["port 443.", DESCRIBE_ENDPOINT]),
        ),
        ConnectStage::Connack => advice(
            "connack-timeout",
            "CONNECT was sent, and nobody answers: no MQTT port, or no port for this way to prove who it is.",
            lines(["the port: 8883 or 443.", "a longer --connect-timeout."]),
        ),
        _ => advice("connect-timeout", "there was no connection in time.", lines(["a longer --connect-timeout."])),
    }
}

#[cfg(test)]
mod tests;

//! What failures of TLS mean.

use thingwire_std::TlsError;

use super::{Advice, CLOCK, DESCRIBE_ENDPOINT, advice, lines};
use crate::doctor::endpoint::Kind;
use crate::doctor::situation::{Situation, Way};

pub(super) fn advice_on(why: &TlsError, who: &Situation) -> Advice {
    match why {
        TlsError::UnknownIssuer { issuer, .. } => unknown_issuer(issuer, who),
        TlsError::WrongName { .. } => advice(
            "tls-wrong-name",
            "somebody answers who is not this host: another server, or the name is only the way there.",
            lines([
                "the endpoint's own name instead of an address or an alias.",
                "--sni NAME for VPC endpoints and tunnels, with the name that the server calls itself.",
            ]),
        ),
        TlsError::Expired { .. } => advice(
            "tls-expired",
            "the server's certificate has expired, or this machine's clock is ahead.",
            lines([CLOCK, "the server's certificate: AWS renews its own in time, a proxy that looks inside may not."]),
        ),
        TlsError::NotYetValid { .. } => advice(
            "tls-not-yet-valid",
            "this machine's clock is behind: often one without a battery, that has not heard of the time yet.",
            lines([CLOCK]),
        ),
        TlsError::OtherPin { .. } => advice(
            "tls-pin",
            "the server's certificate is good, and its key is none of those pinned.",
            lines(["no pins: AWS IoT Core changes its keys without notice."]),
        ),
        TlsError::BadCertificate { .. } => advice(
            "tls-bad-certificate",
            "the server's certificate is of a kind that must not be trusted.",
            lines(["another server certificate, signed by an authority and not by itself."]),
        ),
        TlsError::DeviceRefused { certificate, alert } => device_refused(certificate.is_some(), alert, who),
        TlsError::Alert { name } => of_alert(name, who),
        TlsError::Closed => advice(
            "tls-closed",
            "the server hung up during the handshake; AWS IoT Core does so when it does not know the name that it is \
             asked for.",
            [DESCRIBE_ENDPOINT.to_owned(), "--sni, if --endpoint is only the way there.".to_owned()]
                .into_iter()
                .chain((who.way == Way::Certificate).then(|| who.describe_certificate())),
        ),
        TlsError::NotTls => advice(
            "tls-not-tls",
            "what answers there does not speak TLS.",
            lines(["the port: 8883 or 443.", "--plain, only if this is a broker without TLS."]),
        ),
        _ => advice("tls-failed", "the handshake failed in a way without advice.", lines(["the same again."])),
    }
}

fn unknown_issuer(issuer: &str, who: &Situation) -> Advice {
    let means = match who.kind {
        _ if ["VeriSign", "Symantec"].iter().any(|name| issuer.contains(name)) => {
            "this is an endpoint of the old kind, whose certificates lead to a root of VeriSign."
        }
        Kind::Other => "the server's certificate does not lead to the root that --ca gives.",
        _ if ["Amazon", "Starfield"].iter().any(|name| issuer.contains(name)) => {
            "the server is AWS's, and --ca gives other roots than Amazon's."
        }
        _ => {
            "somebody between this machine and AWS answers with a certificate of his own, as proxies do that look \
              inside of TLS."
        }
    };
    let tries = match who.kind {
        Kind::Other => lines(["--ca with the root of the server's authority, or --ca system for a public one."]),
        _ => lines([
            "--ca amazon, for endpoints with -ats in their names.",
            DESCRIBE_ENDPOINT,
            "another network, or an exception in the proxy: AWS IoT Core wants TLS from end to end.",
        ]),
    };
    advice("tls-unknown-issuer", means, tries)
}

fn device_refused(has_certificate: bool, alert: &str, who: &Situation) -> Advice {
    if !has_certificate {
        return advice(
            "device-certificate-missing",
            "the server lets nobody in without a certificate at this port.",
            lines(["--cert and --key.", "port 443, for custom authorizers and for --websocket."]),
        );
    }
    let (class, means) = match alert {
        "CertificateExpired" => ("device-expired", "the device's certificate has expired, by the server's clock."),
        "CertificateRevoked" => ("device-revoked", "the device's certificate is revoked."),
        _ => (
            "device-refused",
            "AWS IoT Core does not know the device's certificate in this account and region, or it is not active.",
        ),
    };
    let region = who.region.as_deref().unwrap_or("the endpoint's region");
    let tries = [
        who.describe_certificate(),
        format!("the endpoint of the account and region where it is registered; this one is {region}."),
        "aws iot update-certificate --certificate-id ID --new-status ACTIVE, if it is there and inactive.".to_owned(),
    ];
    advice(class, means, tries)
}

fn of_alert(name: &str, who: &Situation) -> Advice {
    match name {
        "NoApplicationProtocol" => advice(
            "alpn",
            "the server has none of the application protocols that were named to it.",
            lines([
                "no --alpn: the right one is named by itself, at port 443 x-amzn-mqtt-ca with a certificate, mqtt for \
                 custom authorizers, http/1.1 for WebSockets.",
                "port 8883, where none is needed.",
            ]),
        ),
        "UnrecognisedName" => advice(
            "tls-unknown-name",
            "the server does not know the name that it is asked for.",
            lines([DESCRIBE_ENDPOINT, "--sni, if --endpoint is only the way there."]),
        ),
        "ProtocolVersion" | "InsufficientSecurity" => advice(
            "tls-version",
            "the server has neither TLS 1.2 nor 1.3 with a cipher suite of today.",
            lines(["the security policy of the endpoint's domain configuration."]),
        ),
        _ => advice(
            "tls-alert",
            "the server has ended the handshake.",
            [DESCRIBE_ENDPOINT.to_owned()]
                .into_iter()
                .chain((who.way == Way::Certificate).then(|| who.describe_certificate())),
        ),
    }
}

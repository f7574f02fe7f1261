//! What is found out on the way, in words and for scripts.

use serde_json::{Value, json};
use thingwire_std::thingwire_core::host;
use thingwire_std::{CertificateInfo, Options, TlsConfig};

use super::report::{Line, Report, Status, Step};
use super::situation::Situation;

/// How long before its end a certificate is worth a word.
const EXPIRES_SOON: u64 = 30 * 86_400;
/// How far clocks may be apart before it is worth a word: signatures are good for five minutes.
const SKEW_WARNING: u64 = 60;

/// Where it goes, with what.
pub(super) fn setup(report: &mut Report, who: &Situation, options: &Options, tls: Option<&TlsConfig>) -> Line {
    let mut status = Status::Ok;
    let mut parts = vec![format!("{} is {}", who.host, who.kind.words())];
    if let Some(fault) = who.kind.fault() {
        status = Status::Warning;
        parts.push(fault.to_owned());
    }
    let roots = tls.map(TlsConfig::roots).unwrap_or_default();
    if !roots.is_empty() {
        let names: Vec<_> = roots.iter().take(3).map(|root| format!("{root:?}")).collect();
        let more = roots.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        parts.push(format!("trusted: {}{more}", names.join(", ")));
    }
    let device = tls.and_then(TlsConfig::device);
    if let Some(device) = device {
        parts.push(format!("device certificate {device}, {}, its key belongs to it", validity(device)));
        let now = host::unix_seconds();
        if now + EXPIRES_SOON > device.not_after_secs || device.is_too_early_at(now) {
            status = Status::Warning;
        }
    }
    if let Some(proxy) = &options.proxy {
        parts.push(format!("through the proxy {}", proxy.endpoint()));
    }
    let line = report.line(Step::Setup, status, parts.join("; "));
    let line = line.with("endpoint", who.endpoint.as_str()).with("client_id", who.client_id.as_str());
    let line = line.with("region", who.region.clone()).with("roots", roots);
    let line = line.with("device", device.map(certificate)).with("certificate_id", who.certificate_id.clone());
    line.with("proxy", options.proxy.as_ref().map(|proxy| proxy.endpoint().to_string()))
}

/// The server's own certificate comes first.
pub(super) fn chain(report: &mut Report, shown: &[CertificateInfo]) -> Line {
    let now = host::unix_seconds();
    let soon = shown.iter().any(|link| link.not_after_secs < now + EXPIRES_SOON);
    let status = if soon { Status::Warning } else { Status::Ok };
    let mut texts: Vec<_> = shown.iter().map(|link| format!("{link}, {}", validity(link))).collect();
    if let Some(last) = shown.last() {
        texts.push(format!("{:?}", last.issuer));
    }
    report
        .line(Step::Chain, status, texts.join(" <- "))
        .with("chain", shown.iter().map(certificate).collect::<Vec<_>>())
}

/// This machine's clock: it is within the dates of the server's certificates, or there would be no connection.
pub(super) fn clock(report: &mut Report, server: Option<u64>) -> Line {
    let now = host::unix_seconds();
    let here = host::readable_time(now);
    let Some(server) = server else {
        let text = format!("{here}, which is within the dates of the server's certificates");
        return report.line(Step::Clock, Status::Ok, text);
    };
    let (apart, side) = (server.abs_diff(now), if server < now { "behind" } else { "ahead" });
    let status = if apart > SKEW_WARNING { Status::Warning } else { Status::Ok };
    let text = if apart == 0 {
        format!("{here}, as the server's")
    } else {
        format!("{here}, and the server's is {apart} s {side}")
    };
    let ahead = i64::try_from(apart).map(|apart| if server < now { -apart } else { apart });
    report.line(Step::Clock, status, text).with("server_ahead_seconds", ahead.ok())
}

fn validity(certificate: &CertificateInfo) -> String {
    let day = |time| host::readable_time(time).split(' ').next().unwrap_or_default().to_owned();
    format!("valid from {} to {}", day(certificate.not_before_secs), day(certificate.not_after_secs))
}

fn certificate(info: &CertificateInfo) -> Value {
    json!({
        "subject": info.subject,
        "issuer": info.issuer,
        "names": info.names,
        "not_before": info.not_before_secs,
        "not_after": info.not_after_secs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_a_warning_and_which_way_is_told() {
        let mut report = Report::new(false);
        let now = host::unix_seconds();
        let behind = clock(&mut report, Some(now - 600)).to_string();
        assert!(behind.starts_with("warning clock") && behind.ends_with(" s behind"), "{behind}");
        let same = clock(&mut report, Some(now + 5)).to_string();
        assert!(same.starts_with("ok      clock"), "{same}");
    }
}

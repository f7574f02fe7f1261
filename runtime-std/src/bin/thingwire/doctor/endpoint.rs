//! What the name of an endpoint says about it.

use thingwire_std::thingwire_core::transport::sigv4::region_of;

/// The kinds of endpoints that AWS IoT has (AWS IoT Core developer guide, "AWS IoT Core - data plane endpoints" and
/// "Connecting devices to AWS IoT").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For devices, with certificates of Amazon Trust Services.
    Data,
    /// For devices, with certificates that lead to a root of Symantec.
    Legacy,
    /// For devices, with validated cryptography.
    Fips,
    /// For devices, inside of a private network.
    Vpc,
    /// Exchanges certificates for credentials.
    Credentials,
    /// The jobs service's, over HTTPS.
    Jobs,
    /// For managing things and policies.
    Control,
    /// A custom domain, or no endpoint of AWS at all.
    Other,
}

/// The kind of a host, and the region that it names.
pub(super) fn kind(host: &str) -> (Kind, Option<String>) {
    let region = region_of(host);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let at = labels.iter().position(|label| matches!(*label, "iot" | "iot-fips"));
    let (Some(_), Some(at)) = (&region, at) else { return (Kind::Other, region) };
    let before = at.checked_sub(1).map(|before| labels[before]);
    let kind = match before {
        Some("credentials") => Kind::Credentials,
        Some("jobs") => Kind::Jobs,
        None => Kind::Control,
        _ if labels[at] == "iot-fips" => Kind::Fips,
        _ if labels.contains(&"vpce") => Kind::Vpc,
        Some(label) if label == "ats" || label.ends_with("-ats") => Kind::Data,
        Some(_) => Kind::Legacy,
    };
    (kind, region)
}

impl Kind {
    /// What it is, in a few words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Data => "an endpoint of AWS IoT Core for devices",
            Self::Legacy => "an endpoint of AWS IoT Core of the old kind, without -ats",
            Self::Fips => "a FIPS endpoint of AWS IoT Core for devices",
            Self::Vpc => "an endpoint of AWS IoT Core in a VPC",
            Self::Credentials => "the endpoint of AWS IoT's credentials provider",
            Self::Jobs => "the endpoint of AWS IoT Jobs",
            Self::Control => "the endpoint of AWS IoT's control plane",
            Self::Other => "a custom domain or another broker",
        }
    }

    /// What is wrong with it for MQTT, where that can be told from the name.
    pub(super) const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Credentials | Self::Jobs | Self::Control => Some("it does not speak MQTT"),
            Self::Legacy => Some("its certificates lead to a root of VeriSign, which few systems still have"),
            Self::Data | Self::Fips | Self::Vpc | Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_the_name() {
        for (host, expected, region) in [
            ("a1b2c3-ats.iot.eu-west-1.amazonaws.com", Kind::Data, "eu-west-1"),
            ("A1B2C3-ATS.iot.eu-west-1.amazonaws.com.", Kind::Data, "eu-west-1"),
            ("a1b2c3.ats.iot.cn-north-1.amazonaws.com.cn", Kind::Data, "cn-north-1"),
            ("a1b2c3.iot.us-east-1.amazonaws.com", Kind::Legacy, "us-east-1"),
            ("data.iot-fips.us-gov-west-1.amazonaws.com", Kind::Fips, "us-gov-west-1"),
            ("vpce-1-2.data.iot.eu-west-1.vpce.amazonaws.com", Kind::Vpc, "eu-west-1"),
            ("a1b2c3.credentials.iot.eu-west-1.amazonaws.com", Kind::Credentials, "eu-west-1"),
            ("a1b2c3.jobs.iot.eu-west-1.amazonaws.com", Kind::Jobs, "eu-west-1"),
            ("iot.eu-west-1.amazonaws.com", Kind::Control, "eu-west-1"),
            ("iot.example.com", Kind::Other, ""),
            ("localhost", Kind::Other, ""),
        ] {
            let (kind, found) = kind(host);
            assert_eq!((kind, found.unwrap_or_default().as_str()), (expected, region), "{host}");
        }
    }
}

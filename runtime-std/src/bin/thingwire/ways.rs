//! Which way to the server: through a proxy, with which security, in a WebSocket, as whom.

use std::{env, fs};

use clap::Args;
use clap::builder::BoolishValueParser;
use thingwire_std::thingwire_core::host;
use thingwire_std::{
    Authorizer, ConfigError, Endpoint, Options, ProxyConfig, Security, SetupError, TlsConfig, WebSocketConfig,
};
use zeroize::Zeroizing;

use crate::args::{ConnectionArguments, PresetArgument};
use crate::failure::Failure;
use crate::say;

/// Besides the certificate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ways to the server")]
pub(crate) struct WayArguments {
    /// Speak MQTT in a WebSocket, at port 443 if --endpoint has none. The upgrade is signed with AWS credentials, see
    /// there, unless there is --unsigned, --plain or a custom authorizer.
    #[arg(short = 'w', long, env = "THINGWIRE_WEBSOCKET", value_parser = BoolishValueParser::new())]
    pub(crate) websocket: bool,
    /// With --websocket, do not sign: for other servers than AWS IoT Core.
    #[arg(long, env = "THINGWIRE_UNSIGNED", value_parser = BoolishValueParser::new())]
    pub(crate) unsigned: bool,
    /// The AWS region to sign for. Without it, the one that --endpoint names.
    #[arg(long, value_name = "REGION", env = "THINGWIRE_REGION")]
    pub(crate) region: Option<String>,
    /// Go through this proxy: `http://[USER:PASSWORD@]HOST[:PORT]` or the same with socks5; none: through none. Without
    /// it, the one in the variable `ALL_PROXY`, with --websocket first `HTTPS_PROXY`, is taken, unless `NO_PROXY`
    /// has the host.
    #[arg(long, value_name = "URL", env = "THINGWIRE_PROXY", hide_env_values = true)]
    pub(crate) proxy: Option<String>,
    /// The application protocols to name in TLS, the first one preferred. Without it, what AWS IoT Core wants: at port
    /// 443 x-amzn-mqtt-ca with --cert and mqtt without, http/1.1 for WebSockets, otherwise none.
    #[arg(long, value_name = "PROTOCOL,...", env = "THINGWIRE_ALPN", value_delimiter = ',')]
    pub(crate) alpn: Option<Vec<String>>,
    /// What the server calls itself, where --endpoint is only the way there, as with a VPC endpoint or a tunnel.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_SNI")]
    pub(crate) sni: Option<String>,
    /// Ask the custom authorizer of this name, at port 443 if --endpoint has none. --user-name and --password are
    /// passed on to it.
    #[arg(long, value_name = "NAME", env = "THINGWIRE_AUTHORIZER_NAME")]
    pub(crate) authorizer_name: Option<String>,
    /// The name of the key under which the custom authorizer looks for its token.
    #[arg(long, value_name = "KEY", env = "THINGWIRE_AUTHORIZER_TOKEN_KEY")]
    pub(crate) authorizer_token_key: Option<String>,
    /// The token. Better given by its variable: other users of this machine can see a command's flags.
    #[arg(long, value_name = "TOKEN", env = "THINGWIRE_AUTHORIZER_TOKEN", hide_env_values = true)]
    pub(crate) authorizer_token: Option<String>,
    /// The token's signature in base64, for authorizers that check it. Better given by its variable.
    #[arg(long, value_name = "SIGNATURE", env = "THINGWIRE_AUTHORIZER_SIGNATURE", hide_env_values = true)]
    pub(crate) authorizer_signature: Option<String>,
}

/// The options of the way that the flags describe.
pub(crate) fn options(arguments: &ConnectionArguments, id: &str) -> Result<Options, Failure> {
    check(arguments)?;
    let ways = &arguments.ways;
    let mut options = secured(arguments, id)?;
    if ways.websocket {
        options = options.with_websocket(websocket(arguments)?);
    }
    if let Some(authorizer) = authorizer(ways)? {
        options = options.with_authorizer(authorizer);
    }
    if let Some(proxy) = proxy(ways, &options.endpoint)? {
        options = options.with_proxy(proxy);
    }
    if let Security::Tls(tls) = &mut options.security {
        if arguments.preset == Some(PresetArgument::DeviceAdvisor) {
            *tls = tls.clone().with_aws_cipher_suites();
        }
        if let Some(protocols) = &ways.alpn {
            *tls = tls.clone().with_alpn(protocols.iter().map(String::as_str));
        }
        if let Some(name) = &ways.sni {
            *tls = tls.clone().with_server_name(name).map_err(|error| Failure::usage(format!("--sni: {error}")))?;
        }
    }
    Ok(options)
}

/// What excludes or needs each other.
fn check(arguments: &ConnectionArguments) -> Result<(), Failure> {
    let ConnectionArguments { ca, cert, key, plain, ways, credentials, .. } = arguments;
    let has_certificate = cert.is_some() || key.is_some();
    let is_signed = ways.websocket && !plain && !ways.unsigned && !ways.has_authorizer();
    credentials.check(is_signed, cert.is_some() && key.is_some())?;
    let rules = [
        (
            *plain && (ca.is_some() || has_certificate),
            "--plain is without TLS: leave out either it or --ca, --cert and --key",
        ),
        (
            ways.websocket && has_certificate && !credentials.are_for_a_certificate(),
            "X.509 certificates and WebSockets are mutually exclusive: leave out either --cert and --key or --websocket",
        ),
        (
            ways.has_authorizer() && has_certificate,
            "X.509 certificates and custom authorizers are mutually exclusive: leave out either --cert and --key or \
             --authorizer-name",
        ),
        (cert.is_some() != key.is_some(), "--cert and --key need each other: give both or neither"),
        (
            !plain && ca.is_none(),
            "--ca is missing: give amazon, system or a file with the server's root certificate, or --plain for no TLS",
        ),
        (*plain && (ways.alpn.is_some() || ways.sni.is_some()), "--alpn and --sni are parts of TLS: leave out --plain"),
        (
            !ways.websocket && (ways.unsigned || ways.region.is_some()),
            "--region and --unsigned are about the signature of a WebSocket: give --websocket as well",
        ),
    ];
    let broken = rules.into_iter().find(|(is_broken, _)| *is_broken);
    broken.map_or(Ok(()), |(_, rule)| Err(Failure::usage(rule)))
}

fn secured(arguments: &ConnectionArguments, id: &str) -> Result<Options, Failure> {
    let ConnectionArguments { endpoint, ca, cert, key, ways, .. } = arguments;
    let shared_port = ways.websocket || ways.has_authorizer();
    // A certificate that is exchanged for credentials is not shown to the server.
    let (cert, key) = if ways.websocket { (&None, &None) } else { (cert, key) };
    let mut options = match (ca, cert, key) {
        (Some(ca), Some(cert), Some(key)) => {
            let identity = match passphrase(arguments)? {
                Some(passphrase) => host::encrypted_identity(cert, key, passphrase.as_bytes())?,
                None => host::identity(cert, key)?,
            };
            if let Some(warning) = host::expiry_warning(identity.certificate()) {
                say(format!("warning: {}: {warning}", cert.display()));
            }
            Options::tls(endpoint.parse().map_err(SetupError::from)?, id, TlsConfig::mutual(identity, ca.roots()?))
        }
        (Some(ca), ..) => {
            let endpoint = endpoint.parse().map_err(SetupError::from)?;
            Options::tls(endpoint, id, TlsConfig::server_only(ca.roots()?))
        }
        (None, ..) => Options::plain(endpoint, id)?,
    };
    if shared_port {
        let port = if ca.is_some() { Endpoint::HTTPS_PORT } else { Endpoint::HTTP_PORT };
        options.endpoint = Endpoint::parse(endpoint, port).map_err(SetupError::from)?;
    }
    Ok(options)
}

/// Of the private key.
fn passphrase(arguments: &ConnectionArguments) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(path) = &arguments.key_passphrase_file else {
        return Ok(variable("THINGWIRE_KEY_PASSPHRASE").map(Zeroizing::new));
    };
    let failed = |error| Failure::usage(format!("--key-passphrase-file: cannot read {}: {error}", path.display()));
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned())))
}

fn websocket(arguments: &ConnectionArguments) -> Result<WebSocketConfig, Failure> {
    let ConnectionArguments { plain, ways, .. } = arguments;
    if *plain || ways.unsigned || ways.has_authorizer() {
        return Ok(WebSocketConfig::new());
    }
    let config = WebSocketConfig::signed(arguments.credentials.source(arguments)?);
    Ok(match &ways.region {
        Some(region) => config.with_region(region),
        None => config,
    })
}

fn authorizer(ways: &WayArguments) -> Result<Option<Authorizer>, Failure> {
    if !ways.has_authorizer() {
        return Ok(None);
    }
    let mut authorizer = ways.authorizer_name.as_ref().map_or_else(Authorizer::of_endpoint, Authorizer::new);
    authorizer = match (&ways.authorizer_token_key, &ways.authorizer_token) {
        (Some(key), Some(token)) => authorizer.with_token(key, token.as_str()),
        (None, None) => authorizer,
        _ => {
            return Err(Failure::usage(
                "--authorizer-token-key and --authorizer-token need each other: give both or neither",
            ));
        }
    };
    if let Some(signature) = &ways.authorizer_signature {
        authorizer = authorizer.with_signature(signature.as_str());
    }
    Ok(Some(authorizer))
}

impl WayArguments {
    fn has_authorizer(&self) -> bool {
        let flags =
            [&self.authorizer_name, &self.authorizer_token_key, &self.authorizer_token, &self.authorizer_signature];
        flags.into_iter().any(Option::is_some)
    }
}

/// The proxy on the way to `endpoint`.
pub(crate) fn proxy(ways: &WayArguments, endpoint: &Endpoint) -> Result<Option<ProxyConfig>, Failure> {
    let named = |name: &str, error: ConfigError| {
        Failure::usage(format!("{name}: {} is not a proxy; expected {}", error.value, error.rule))
    };
    if let Some(url) = &ways.proxy {
        let parse = |url| ProxyConfig::parse(url).map_err(|error| named("--proxy", error));
        return (url != "none").then(|| parse(url)).transpose();
    }
    if variable("NO_PROXY").or_else(|| variable("no_proxy")).is_some_and(|list| is_exempt(&list, endpoint.host())) {
        return Ok(None);
    }
    let https: &[&str] = if ways.websocket { &["HTTPS_PROXY", "https_proxy"] } else { &[] };
    for name in https.iter().chain(&["ALL_PROXY", "all_proxy"]) {
        if let Some(url) = variable(name) {
            return ProxyConfig::parse(&url).map(Some).map_err(|error| named(name, error));
        }
    }
    Ok(None)
}

/// Whether `NO_PROXY` has the host: itself, or a domain that it is in; `*` is every host.
fn is_exempt(list: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    list.split(',').map(|entry| entry.trim().trim_start_matches('.').to_ascii_lowercase()).any(|entry| {
        let inside = || host.strip_suffix(&entry).is_some_and(|front| front.is_empty() || front.ends_with('.'));
        entry == "*" || !entry.is_empty() && inside()
    })
}

/// A variable that is there and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_a_proxy() {
        for (list, host, exempt) in [
            ("*", "a.example", true),
            ("example.com", "example.com", true),
            (" other , .Example.com", "a.EXAMPLE.com", true),
            ("example.com", "badexample.com", false),
            ("a.example.com", "example.com", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("", "example.com", false),
            (",", "example.com", false),
        ] {
            assert_eq!(is_exempt(list, host), exempt, "{list:?} {host}");
        }
    }
}

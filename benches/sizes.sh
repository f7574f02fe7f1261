#!/usr/bin/env bash
# How much a client adds to a program: stripped sizes of three programs that each connect over mutual TLS or a signed
# WebSocket, the first with rustls alone.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}/sizes

program() { # name, dependencies, source
  mkdir -p "$dir/$1/src"
  printf '[package]\nname = "%s"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n[profile.release]\nlto = true\n' "$1" >"$dir/$1/Cargo.toml"
  printf 'codegen-units = 1\nstrip = true\npanic = "abort"\n\n[dependencies]\n%s\n' "$2" >>"$dir/$1/Cargo.toml"
  printf '%s\n' "$3" >"$dir/$1/src/main.rs"
  cp "$here/Cargo.lock" "$dir/$1/Cargo.lock"
  cargo build --quiet --release --manifest-path "$dir/$1/Cargo.toml"
  stat -c %s "$CARGO_TARGET_DIR/release/$1"
}

rustls=$(program bare-rustls 'rustls = { version = "0.23", default-features = false, features = ["ring", "std", "tls12"] }' '
use std::io::{Read, Write};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("HOST CERTIFICATE KEY ROOT");
    let (host, cert, key, root) = (next()?, next()?, next()?, next()?);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root)?)?;
    let chain = vec![CertificateDer::from_pem_file(cert)?];
    let config = rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    let socket = std::net::TcpStream::connect((host.as_str(), 8883))?;
    let connection = rustls::ClientConnection::new(std::sync::Arc::new(config), host.try_into()?)?;
    let mut stream = rustls::StreamOwned::new(connection, socket);
    stream.write_all(b"hello")?;
    let mut answer = [0; 64];
    println!("{}", stream.read(&mut answer)?);
    Ok(())
}')

talk='
fn talk(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect(options)?;
    let messages = client.subscribe(Filter::new("a")?, Qos::AtLeastOnce)?;
    client.publish(Publish::new(Topic::new("a")?, "hello"))?;
    println!("{:?}", messages.recv(std::time::Duration::from_secs(5)));
    Ok(())
}'
tls=$(program tls-client "thingwire-std = { path = \"$here/runtime-std\" }" "
use thingwire_std::{Client, Filter, Options, Publish, Qos, Topic};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(\"HOST CERTIFICATE KEY ROOT\");
    let (host, cert, key, root) = (next()?, next()?, next()?, next()?);
    talk(Options::mtls_from_path(&host, \"device\", cert, key, root)?)
}$talk")
websocket=$(program websocket-client "thingwire-std = { path = \"$here/runtime-std\", features = [\"websocket\"] }" "
use thingwire_std::{Client, CredentialsSource, Filter, Options, Publish, Qos, Topic, WebSocketConfig};
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(\"HOST CERTIFICATE KEY ROOT\");
    let (host, cert, key, root) = (next()?, next()?, next()?, next()?);
    if cert == \"-\" {
        let websocket = WebSocketConfig::signed(CredentialsSource::default_chain());
        return talk(Options::websocket_from_path(&host, \"device\", websocket, root)?);
    }
    talk(Options::mtls_from_path(&host, \"device\", cert, key, root)?)
}$talk")

row() { awk -v name="$1" -v size="$2" -v base="$3" 'BEGIN { printf "%-44s %6.2f MB  %+.2f\n", name, size / 1e6, (size - base) / 1e6 }'; }
row "rustls alone" "$rustls" "$rustls"
row "a client over mutual TLS" "$tls" "$rustls"
row "the same, with signed WebSockets as well" "$websocket" "$tls"

#!/usr/bin/env bash
# How much a client adds to a program: builds the programs in `footprint/`, each optimised for speed and for size, and
# prints what they take on disk without symbols: program, level, bytes, and the file.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$here/target}/sizes
# The profile below is what is measured, whatever the caller builds with.
unset CARGO_PROFILE_RELEASE_LTO CARGO_PROFILE_RELEASE_CODEGEN_UNITS CARGO_PROFILE_RELEASE_INCREMENTAL

rustls='rustls = { version = "0.23", default-features = false, features = ["ring", "std", "tls12"] }'
client="thingwire-std = { path = \"$here/runtime-std\" }"
websocket="thingwire-std = { path = \"$here/runtime-std\", features = [\"websocket\"] }"
rumqttc='rumqttc = { version = "0.25", default-features = false, features = ["use-rustls-no-provider"] }'

program() { # name, dependencies
  local out=$dir/$1
  mkdir -p "$out/src"
  cp "$here/benches/footprint/$1.rs" "$out/src/main.rs"
  cp "$here/Cargo.lock" "$out/Cargo.lock"
  cat >"$out/Cargo.toml" <<EOF
[package]
name = "footprint-$1"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
$2

[profile.release]
lto = "fat"
codegen-units = 1
strip = true
panic = "abort"

[profile.small]
inherits = "release"
opt-level = "z"
EOF
  for profile in release small; do
    cargo build --quiet --profile "$profile" --manifest-path "$out/Cargo.toml"
    local file=$CARGO_TARGET_DIR/$profile/footprint-$1
    printf '%s %s %s %s\n' "$1" "$profile" "$(stat -c %s "$file")" "$file"
  done
}

program rustls "$rustls"
program driver "$client"
program thingwire "$client"
program websocket "$websocket"
program rumqttc "$rustls"$'\n'"$rumqttc"

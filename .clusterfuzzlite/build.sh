#!/bin/bash -eu
# Builds every target with its corpus and its dictionary, as OSS-Fuzz and ClusterFuzzLite want them in $OUT.
cd "$SRC/thingwire/fuzz"
cargo fuzz build --fuzz-dir . -O --debug-assertions
for program in fuzz_targets/*.rs; do
  target=$(basename "$program" .rs)
  cp "../target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
  zip -q -j "$OUT/${target}_seed_corpus.zip" "corpus/$target"/*
  case $target in
    http | scenario | shadow) cp dictionaries/json.dict "$OUT/$target.dict" ;;
    file | lines | thing) cp dictionaries/thing.dict "$OUT/$target.dict" ;;
    *) cp dictionaries/mqtt.dict "$OUT/$target.dict" ;;
  esac
done

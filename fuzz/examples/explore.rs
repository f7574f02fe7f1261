//! Explores fuzz targets on stable Rust, without libFuzzer: files of the corpus are changed at random, with words of the
//! dictionaries. It sees no coverage, so it finds less than `cargo fuzz`; it is for a look at every change. The first
//! input that breaks a law is written to a file, and named.
//!
//! `cargo run -p thingwire-fuzz --example explore -- [--changes N | --seconds N] [--seed N] [TARGET...]`
//!
//! N inputs are made for each file of the corpus, always the same ones for a seed; or inputs are made for N seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to people")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use thingwire_core::Rng;
use thingwire_fuzz::{TARGETS, Target};

/// Longer inputs are cut.
const LEN_MAX: usize = 4_096;

fn main() -> ExitCode {
    let mut extent = Extent::Changes(10);
    let mut seed = 1;
    let mut chosen: Vec<&Target> = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        let known = match argument.as_str() {
            "--changes" => number(arguments.next()).map(|number| extent = Extent::Changes(number)),
            "--seconds" => number(arguments.next()).map(|number| extent = Extent::Seconds(number)),
            "--seed" => number(arguments.next()).map(|number| seed = number),
            name => TARGETS.iter().find(|target| target.name == name).map(|target| chosen.push(target)),
        };
        if known.is_none() {
            eprintln!("{argument:?} is neither a target nor --changes N nor --seconds N nor --seed N");
            return ExitCode::from(2);
        }
    }
    if chosen.is_empty() {
        chosen.extend(TARGETS);
    }
    for target in chosen {
        let time = Instant::now();
        let mut inputs = 0_u64;
        let mut mutator = Mutator::new(target, seed);
        let files = mutator.corpus.len() as u64;
        while match extent {
            Extent::Changes(changes) => inputs < changes * files,
            Extent::Seconds(seconds) => time.elapsed() < Duration::from_secs(seconds),
        } {
            let input = mutator.next();
            inputs += 1;
            if catch_unwind(AssertUnwindSafe(|| (target.body)(&input))).is_err() {
                let file = std::env::temp_dir().join(format!("thingwire-fuzz-{}-{seed}-{inputs}", target.name));
                let written = std::fs::write(&file, &input).map(|()| file);
                eprintln!("{} broke a law; try it again with --bin {0} FILE: {written:?}", target.name);
                return ExitCode::FAILURE;
            }
        }
        println!("{:<10} {inputs:>8} inputs in {:.1} s", target.name, time.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

/// How far a look goes.
#[derive(Clone, Copy)]
enum Extent {
    /// So many inputs for each file of the corpus.
    Changes(u64),
    Seconds(u64),
}

struct Mutator {
    rng: Rng,
    corpus: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    fn new(target: &Target, seed: u64) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut corpus: Vec<_> = read_all(&root.join("corpus").join(target.name));
        corpus.push(Vec::new());
        let dictionaries = read_all(&root.join("dictionaries"));
        let words = dictionaries.iter().flat_map(|file| words(&String::from_utf8_lossy(file))).collect();
        Self { rng: Rng::new(seed), corpus, words }
    }

    fn next(&mut self) -> Vec<u8> {
        let mut input = self.any_of_the_corpus();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(LEN_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1);
        match self.below(8) {
            0 | 1 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            2 => input.insert(at, self.rng.next_u64().to_le_bytes()[0]),
            3 => drop(input.drain(at..end)),
            4 => input.extend_from_within(at..end),
            5 if !self.words.is_empty() => {
                let word = self.below(self.words.len());
                input.splice(at..at, self.words[word].iter().copied());
            }
            6 => {
                let other = self.any_of_the_corpus();
                let from = self.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            _ => {
                for byte in &mut input[at..end] {
                    *byte = self.rng.next_u64().to_le_bytes()[0];
                }
            }
        }
    }

    fn any_of_the_corpus(&mut self) -> Vec<u8> {
        let index = self.below(self.corpus.len());
        self.corpus[index].clone()
    }

    fn below(&mut self, n: usize) -> usize {
        let drawn = self.rng.next_u64() % u64::try_from(n.max(1)).unwrap_or(1);
        usize::try_from(drawn).unwrap_or(0)
    }
}

/// The files of a folder, in order; none where there is none.
fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).collect()
}

/// The words of a dictionary of libFuzzer's: `"..."` on lines of their own, with `\xHH`, `\\` and `\"`.
fn words(text: &str) -> Vec<Vec<u8>> {
    let quoted = |line: &str| Some(line.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned());
    text.lines().filter_map(quoted).map(|word| unescaped(&word)).collect()
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        let escaped = match (byte, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                rest = after;
                let digits = [*high, *low];
                std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            (b'\\', [byte, after @ ..]) => {
                rest = after;
                Some(*byte)
            }
            (byte, _) => Some(*byte),
        };
        bytes.extend(escaped);
    }
    bytes
}

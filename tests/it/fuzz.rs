//! Every parser on the committed corpus of the fuzzers and on seeded mutations of it. The fuzzers
//! themselves (`tests/fuzz`) look further, and need cargo-fuzz.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use vae::rng::Rng;

#[path = "../fuzz/parsers.rs"]
mod parsers;

/// The mutations of each parser's corpus, unless `VAE_TEST_MUTATIONS` has another number.
const MUTATIONS: u64 = 3000;

/// The longest that a parser may take over one input of a few kilobytes, in seconds; a loaded machine is slow.
const LONGEST: f64 = 5.0;

/// Words that parsers treat in a special way, and numbers at the limits of their types.
const WORDS: [&[u8]; 18] = [
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\x80",
    b"\x1f\x8b\x08",
    b"1e999",
    b"-1",
    b"NaN",
    b"null",
    b"18446744073709551616",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":",
    b"\"",
    b"\n",
    b"\r\n",
    b",",
    b"=",
    b"\xf0\x9f\xa6",
];

/// Random numbers that depend on a seed only.
struct Draws(Rng, u64);

impl Draws {
    /// Returns a number below `limit`, which is at least 1.
    fn below(&mut self, limit: usize) -> usize {
        self.1 += 1;
        self.0.below(self.1, limit as u64) as usize
    }
}

/// Returns `input` after a few changes; `other` gives its end now and then.
fn mutated(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=draws.below(4) {
        let place = draws.below(bytes.len() + 1);
        match draws.below(8) {
            0 => bytes.truncate(place),
            1 => bytes.truncate(bytes.len().saturating_sub(1 + draws.below(16))),
            2 => {
                let end = (place + draws.below(64)).min(bytes.len());
                bytes.drain(place..end);
            }
            3 => {
                let end = (place + draws.below(64)).min(bytes.len());
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            4 => {
                let word = WORDS[draws.below(WORDS.len())];
                let end = (place + word.len() * draws.below(2)).min(bytes.len());
                bytes.splice(place..end, word.iter().copied());
            }
            5 => {
                bytes.truncate(place);
                bytes.extend(&other[draws.below(other.len() + 1)..]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << draws.below(8);
                }
            }
        }
    }
    bytes
}

#[test]
fn no_mutation_of_the_corpus_makes_a_parser_panic_or_hang() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let wanted = std::env::var("VAE_TEST_MUTATIONS");
    let mutation_count = wanted.map_or(MUTATIONS, |count| count.parse().unwrap());
    for (name, parse) in parsers::PARSERS {
        let mut paths: Vec<_> = fs::read_dir(corpus.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        let mut draws = Draws(Rng::new(1).stream(name), 0);
        let mutations = (0..mutation_count).map(|_| {
            let [input, other] = [(); 2].map(|()| &inputs[draws.below(inputs.len())]);
            mutated(input, other, &mut draws)
        });
        for input in inputs.clone().into_iter().chain(mutations) {
            let began = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| parse(&input)));
            let seconds = began.elapsed().as_secs_f64();
            if result.is_err() || seconds > LONGEST {
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
                fs::write(&kept, &input).unwrap();
                panic!("{name}: {seconds:.1} s, or a panic, on {}", kept.display());
            }
        }
    }
}

//! What the machine can do at most: fused multiply-adds, and reading and copying memory, on one core and on all.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use pulp::{Simd, WithSimd};
use sysinfo::{CpuRefreshKind, RefreshKind, System};
use vae::ops::instruction_set::InstructionSet;
use vae::ops::{pool, simd};

/// The fastest of as many tries counts: a ceiling is what the machine can do when nothing else runs.
const TRIES: usize = 7;

/// The number of bytes that a core reads in one try, at least.
const BYTES: usize = 1 << 26;

/// Float32 numbers in 64 bytes, the line of a cache.
const LINE: usize = 16;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The measured limits of this machine.
pub struct Machine {
    pub threads: usize,
    /// GFLOP/s of fused multiply-adds on one core and on all.
    pub peak: [f64; 2],
    /// From the nearest to the farthest.
    pub levels: Vec<Level>,
}

/// A level of the memory with its measured speed.
pub struct Level {
    pub name: &'static str,
    /// The number of bytes that all cores together have of it; none for memory, which is large enough.
    pub capacity: Option<usize>,
    /// The number of bytes that were read in each pass by one core and by all together.
    size: [usize; 2],
    /// GB/s on one core and on all.
    pub read: [f64; 2],
    /// GB/s on one core and on all, of reading and writing together.
    pub copy: [f64; 2],
}

impl Machine {
    pub fn measure() -> Self {
        let threads = pool::threads();
        let caches = cache_sizes();
        let [first, second, third] = caches;
        let own = |name, size: usize| (name, Some(size * threads), [size / 2, size / 2 * threads]);
        // Far beyond the caches of the cores, and well below the shared one, of which others may use a part.
        let within_third = (third / 8).max(4 * second * threads).min(third / 2);
        let beyond = (4 * third).clamp(256 * MIB, 512 * MIB);
        let levels = [
            own("L1", first),
            own("L2", second),
            ("L3", Some(third), [within_third; 2]),
            ("memory", None, [beyond; 2]),
        ];
        Self {
            threads,
            peak: [1, threads].map(peak),
            levels: levels
                .map(|(name, capacity, size)| Level {
                    name,
                    capacity,
                    size,
                    read: [
                        bandwidth(1, size[0], false),
                        bandwidth(threads, size[1], false),
                    ],
                    copy: [
                        bandwidth(1, size[0], true),
                        bandwidth(threads, size[1], true),
                    ],
                })
                .into(),
        }
    }

    /// Returns the nearest level that holds as many bytes.
    pub fn level(&self, bytes: f64) -> &Level {
        let fits = |level: &&Level| {
            level
                .capacity
                .is_none_or(|capacity| bytes <= capacity as f64)
        };
        self.levels.iter().find(fits).expect("memory holds all")
    }

    /// Returns the limits as a table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, {}, {} threads\n\n| | size | one core | all cores |\n|---|---|---|---|\n",
            processor(),
            InstructionSet::used().name(),
            self.threads
        );
        let mut row = |what: &str, size: String, unit: &str, [one, all]: [f64; 2]| {
            writeln!(
                text,
                "| {what} | {size} | {one:.0} {unit} | {all:.0} {unit} |"
            )
            .expect("a string can be written to");
        };
        row("multiply-adds", String::new(), "GFLOP/s", self.peak);
        for level in &self.levels {
            let [one, all] = level.size.map(|bytes| bytes.div_ceil(KIB));
            let size = if one == all {
                format!("{one} KiB")
            } else {
                format!("{one} KiB, {all} KiB")
            };
            row(
                &format!("reading {}", level.name),
                size.clone(),
                "GB/s",
                level.read,
            );
            row(
                &format!("copying in {}", level.name),
                size,
                "GB/s",
                level.copy,
            );
        }
        text
    }
}

/// Returns the processor's name.
fn processor() -> String {
    let cpus = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(cpus);
    let name = system
        .cpus()
        .first()
        .map(|cpu| cpu.brand().trim().to_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Returns the sizes of the three levels of caches in bytes, as Linux states them or else as they usually are.
fn cache_sizes() -> [usize; 3] {
    let mut sizes = [16 * KIB, 256 * KIB, 8 * MIB];
    for index in 0..8 {
        let read = |what: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
            std::fs::read_to_string(path).map(|text| text.trim().to_owned())
        };
        let (Ok(level), Ok(kind), Ok(size)) = (read("level"), read("type"), read("size")) else {
            continue;
        };
        let size = size
            .strip_suffix('K')
            .and_then(|size| size.parse::<usize>().ok());
        let level = level
            .parse::<usize>()
            .ok()
            .filter(|level| (1..=3).contains(level));
        if let (Some(level), Some(size)) = (level, size)
            && kind != "Instruction"
        {
            sizes[level - 1] = size * KIB;
        }
    }
    sizes
}

/// Returns the GFLOP/s of fused multiply-adds on as many threads.
fn peak(threads: usize) -> f64 {
    const ROUNDS: usize = 2_000_000;
    let once = || {
        let start = Instant::now();
        let done: usize = pool::map(0..threads, |_| simd::dispatch(MultiplyAdds(ROUNDS)))
            .into_iter()
            .sum();
        2.0 * done as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..TRIES).map(|_| once()).fold(0.0, f64::max)
}

/// A loop of that many rounds of independent fused multiply-adds.
struct MultiplyAdds(usize);

impl MultiplyAdds {
    /// The number of sums: more than the latency of a multiply-add times the number of multipliers, and fewer than the
    /// registers of AVX2.
    const SUMS: usize = 12;
}

impl WithSimd for MultiplyAdds {
    /// The number of multiply-adds of single values.
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        // The compiler cannot know these, nor that the sums are not used: it has to compute them.
        let factor = simd.splat_f32s(black_box(0.999));
        let addend = simd.splat_f32s(black_box(0.001));
        let mut sums = [simd.splat_f32s(black_box(1.0)); Self::SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, factor, addend);
            }
        }
        black_box(sums.map(|sum| simd.reduce_sum_f32s(sum)));
        self.0 * Self::SUMS * S::F32_LANES
    }
}

/// Returns the GB/s at which as many threads together read, or copy within, `size` bytes again and again. Each thread
/// has a part of its own.
fn bandwidth(threads: usize, size: usize, copy: bool) -> f64 {
    let length = size / 4 / threads;
    let passes = (BYTES / (4 * length)).max(1);
    let mut parts: Vec<Vec<f32>> = (0..threads).map(|_| vec![1.0; length + LINE]).collect();
    let mut once = || {
        let start = Instant::now();
        pool::for_each(&mut parts, |part| {
            // From the start of a line on, so that no vector lies in two.
            let skipped = part.as_ptr().align_offset(4 * LINE).min(LINE);
            let part = &mut part[skipped..][..length];
            if !copy {
                black_box(simd::dispatch(Sum {
                    values: part,
                    passes,
                }));
                return;
            }
            for _ in 0..passes {
                let (to, from) = black_box(&mut *part).split_at_mut(length / 2);
                to.copy_from_slice(&from[..to.len()]);
            }
        });
        (threads * passes * length * 4) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..TRIES).map(|_| once()).fold(0.0, f64::max)
}

/// The sum of many values, in eight vectors of sums, again and again: a pass over the nearest cache is so short that a sum of
/// its own would take longer.
struct Sum<'a> {
    values: &'a [f32],
    passes: usize,
}

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat_f32s(0.0); 8];
        for _ in 0..self.passes {
            let (vectors, _) = S::as_simd_f32s(black_box(self.values));
            let (blocks, _) = vectors.as_chunks::<8>();
            for block in blocks {
                for (sum, &vector) in sums.iter_mut().zip(block) {
                    *sum = simd.add_f32s(*sum, vector);
                }
            }
        }
        sums.map(|sum| simd.reduce_sum_f32s(sum)).iter().sum()
    }
}

//! Random numbers as a function of (seed, stream, step): there is no state, so there is nothing to save.
//!
//! The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2,
//! 3, 2011). It only adds, xors and rotates, so that a GPU can make the same numbers.
//! `Rng::new(seed).stream("noise").at(step)` names a sequence; element `i` of it depends on nothing else. The
//! transcendental functions are polynomials of operations that round once, so every machine draws the same bytes.

/// A named sequence of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rng {
    key: [u32; 2],
}

/// The rotations of the second word, for alternating groups of four rounds.
pub const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
/// The constant of Threefry's key schedule: the third word of a key is this constant xored with the other two.
pub const PARITY: u32 = 0x1BD1_1BDA;

/// Returns the two words of Threefry-2x32-20 for `counter` under `key`.
#[inline(always)]
pub fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
    let [mut x, mut y] = [
        counter[0].wrapping_add(keys[0]),
        counter[1].wrapping_add(keys[1]),
    ];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x = x.wrapping_add(y);
            y = y.rotate_left(rotation) ^ x;
        }
        x = x.wrapping_add(keys[(group + 1) % 3]);
        y = y.wrapping_add(keys[(group + 2) % 3].wrapping_add(group as u32 + 1));
    }
    [x, y]
}

#[inline(always)]
fn words(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// Returns the top 24 bits as a number in [0, 1).
#[inline(always)]
fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self {
            key: threefry([0x7661_6500, 0], words(seed)),
        }
    }

    /// Returns the sequence for one purpose: "noise", "shuffle", "weights", ...
    #[must_use]
    pub fn stream(self, name: &str) -> Self {
        // The hash is FNV-1a with 64 bits.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        self.at(hash)
    }

    /// Returns the sequence of one step, image or tensor within a stream.
    #[must_use]
    #[inline(always)]
    pub fn at(self, index: u64) -> Self {
        Self {
            key: threefry(self.key, words(index)),
        }
    }

    /// Returns the sequence of each index.
    pub fn at_each(self, indices: &[u32]) -> Vec<Self> {
        indices
            .iter()
            .map(|&index| self.at(u64::from(index)))
            .collect()
    }

    /// Returns the key that encrypts the blocks.
    pub fn key(self) -> [u32; 2] {
        self.key
    }

    /// Returns block `index` of this sequence: two random words.
    #[inline(always)]
    pub fn block(self, index: u64) -> [u32; 2] {
        threefry(self.key, words(index))
    }

    /// Returns element `index` of the sequence of uniform numbers in [0, 1), which are multiples of 2^-24.
    #[inline]
    pub fn uniform(self, index: u64) -> f32 {
        unit(self.block(index / 2)[(index % 2) as usize])
    }

    /// Returns element `index` of the sequence of standard normal numbers.
    #[inline]
    pub fn normal(self, index: u64) -> f32 {
        normals(self.block(index / 2))[(index % 2) as usize]
    }

    /// Returns a uniform integer below `bound`, with a negligible bias (multiplication with 64 random bits, Lemire
    /// 2019).
    pub fn below(self, index: u64, bound: u64) -> u64 {
        let [low, high] = self.block(index);
        let word = u64::from(high) << 32 | u64::from(low);
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }

    /// Fills `out` with elements `0..out.len()` of [`Rng::uniform`].
    #[inline(always)]
    pub fn fill_uniform(self, out: &mut [f32]) {
        self.fill(out, |[a, b]| [unit(a), unit(b)]);
    }

    /// Fills `out` with elements `0..out.len()` of [`Rng::normal`].
    #[inline(always)]
    pub fn fill_normal(self, out: &mut [f32]) {
        self.fill(out, normals);
    }

    #[inline(always)]
    fn fill(self, out: &mut [f32], pair: impl Fn([u32; 2]) -> [f32; 2]) {
        let mut index = 0;
        let (pairs, rest) = out.as_chunks_mut::<2>();
        for slot in pairs {
            *slot = pair(self.block(index));
            index += 1;
        }
        if let [last] = rest {
            *last = pair(self.block(index))[0];
        }
    }

    /// Returns a uniformly random permutation of `0..count` (Fisher and Yates, as in Durstenfeld 1964).
    pub fn permutation(self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64, last as u64 + 1) as usize);
        }
        order
    }
}

/// Returns two independent standard normal numbers from two words (Box, Muller 1958).
#[inline(always)]
pub fn normals([a, b]: [u32; 2]) -> [f32; 2] {
    // `u` is in (0, 1], so that there is no logarithm of 0. The largest radius is sqrt(2 ln 2^24) = 5.77.
    let u = ((a >> 8) + 1) as f32 * (1.0 / 16_777_216.0);
    let radius = (-2.0 * ln(u)).sqrt();
    let [cos, sin] = cos_sin_turn(unit(b));
    [radius * cos, radius * sin]
}

/// Returns the natural logarithm of a normal positive number, with a relative error below 3e-7 on (0, 1] (tested).
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1).
    let bits = x.to_bits();
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32 >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0)));
    exponent * std::f32::consts::LN_2 + (2.0 * s + 2.0 * s * q * series)
}

/// Returns (cos, sin) of `turn` turns, `turn` in [0, 1), with an absolute error below 2e-7 (tested).
#[inline(always)]
pub fn cos_sin_turn(turn: f32) -> [f32; 2] {
    // The nearest quarter of a turn and the remaining angle, in [-pi/4, pi/4]. Adding 1.5 * 2^23 leaves the quarter in
    // the lowest bits; a conversion to an integer would prevent vector instructions.
    let whole = (turn * 4.0 + 0.5).floor();
    let quarter = (whole + 12_582_912.0).to_bits();
    let angle = (turn * 4.0 - whole) * std::f32::consts::FRAC_PI_2;
    let q = angle * angle;
    let sin = angle
        * (1.0
            + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362_880.0)))));
    let cos = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40_320.0))));
    let (c, s) = if quarter & 1 == 0 {
        (cos, sin)
    } else {
        (sin, cos)
    };
    let c = if (quarter + 1) & 2 == 0 { c } else { -c };
    let s = if quarter & 2 == 0 { s } else { -s };
    [c, s]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with Random123.
    #[test]
    fn threefry_gives_the_published_answers() {
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(
            threefry([u32::MAX; 2], [u32::MAX; 2]),
            [0x1cb9_96fc, 0xbb00_2be7]
        );
        assert_eq!(
            threefry([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }

    #[test]
    fn polynomials_are_as_exact_as_they_say() {
        for i in 1..=200_000_u32 {
            let x = i as f32 / 200_000.0;
            let exact = f64::from(x).ln();
            assert!(
                (f64::from(ln(x)) - exact).abs() <= 3e-7 * exact.abs() + 1e-12,
                "ln {x}"
            );
            let turn = (i - 1) as f32 / 200_000.0;
            let angle = f64::from(turn) * std::f64::consts::TAU;
            let [c, s] = cos_sin_turn(turn);
            assert!((f64::from(c) - angle.cos()).abs() < 2e-7, "cos {turn}");
            assert!((f64::from(s) - angle.sin()).abs() < 2e-7, "sin {turn}");
        }
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal() {
        let mut values = vec![0.0; 1_000_001];
        Rng::new(7).stream("test").fill_normal(&mut values);
        let n = values.len() as f64;
        let moment = |p: i32| values.iter().map(|&v| f64::from(v).powi(p)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.005, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.01, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.02, "skewness {}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.05, "kurtosis {}", moment(4));
    }

    #[test]
    fn an_element_depends_on_its_index_alone() {
        let rng = Rng::new(1).stream("a").at(3);
        let mut long = vec![0.0; 101];
        rng.fill_normal(&mut long);
        for (i, value) in long.iter().enumerate() {
            assert_eq!(*value, rng.normal(i as u64));
        }
        assert_ne!(rng, Rng::new(1).stream("a").at(4));
        assert_ne!(rng, Rng::new(1).stream("b").at(3));
        assert_ne!(rng, Rng::new(2).stream("a").at(3));
    }

    #[test]
    fn a_permutation_holds_each_number_once_and_mixes_them() {
        let mut order = Rng::new(1).permutation(10_000);
        let moved = order
            .iter()
            .enumerate()
            .filter(|&(i, &v)| i as u32 != v)
            .count();
        assert!(moved > 9_900);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, &v)| i as u32 == v));
    }
}

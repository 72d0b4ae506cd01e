//! The numbers of [`Rng`] computed by tensor operations, so that a GPU makes its own noise.
//!
//! Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw 2011) runs on unsigned 32-bit integers. Its words give the
//! same uniform numbers to the bit, and the same normal numbers up to rounding (Box, Muller 1958).

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::made_on;
use crate::rng::{PARITY, ROTATIONS, Rng};

/// The smallest number of values that a GPU makes itself. That takes about two hundred operations, which we expect to
/// cost as much time as one core needs for this number of values; fewer values are faster to upload. Not measured on a
/// GPU.
const MANY: usize = 65_536;

/// Returns whether `count` random numbers for `device` should be made there.
pub fn belong_on(device: &Device, count: usize) -> bool {
    count >= MANY && !super::on_host(device)
}

/// Returns elements `0..count` of each sequence of uniform numbers, the rows of [`Rng::fill_uniform`].
///
/// # Shapes
/// `rngs`: `[N]`; result: `[N, count]`.
pub fn uniforms(rngs: &[Rng], count: usize, device: &Device) -> Tensor<2> {
    let words = words(rngs, count.div_ceil(2), device);
    made_on(device, interleaved(words.map(unit), count))
}

/// Returns elements `0..count` of each sequence of standard normal numbers, the rows of [`Rng::fill_normal`] up to an
/// absolute error below 5e-6 (tested on burn-flex and llvmpipe).
///
/// # Shapes
/// `rngs`: `[N]`; result: `[N, count]`.
pub fn normals(rngs: &[Rng], count: usize, device: &Device) -> Tensor<2> {
    let [a, b] = words(rngs, count.div_ceil(2), device);
    let u = a
        .bitwise_right_shift_scalar(8_u32)
        .add_scalar(1_u32)
        .float()
        * (1.0 / 16_777_216.0);
    let radius = (minus_ln(u) * 2.0).sqrt();
    let [cos, sin] = cos_sin_turn(unit(b));
    made_on(
        device,
        interleaved([radius.clone() * cos, radius * sin], count),
    )
}

/// Returns both words of the blocks `0..count` of each sequence.
///
/// # Shapes
/// Each: `[N, count]`, without autodiff.
fn words(rngs: &[Rng], count: usize, device: &Device) -> [Tensor<2, Int>; 2] {
    let device = device.clone().inner();
    let unsigned = || (&device, DType::U32);
    let key = |word: usize| {
        let words: Vec<u32> = rngs.iter().map(|rng| rng.key()[word]).collect();
        Tensor::<2, Int>::from_data(TensorData::new(words, [rngs.len(), 1]), unsigned())
    };
    let [first, second] = [key(0), key(1)];
    let third = first
        .clone()
        .bitwise_xor(second.clone())
        .bitwise_xor_scalar(PARITY);
    let keys = [first, second, third];
    // Made as signed integers and cast, because burn 0.22 makes the sequence by adding -1.
    let index = Tensor::<1, Int>::arange(0..count as i64, (&device, DType::I32))
        .cast(DType::U32)
        .reshape([1, count]);
    let mut x = index + keys[0].clone(); // [N, count]
    // The upper half of the index of a block is 0.
    let mut y = keys[1].clone().expand([rngs.len(), count]);
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x = x + y.clone();
            let left = y.clone().bitwise_left_shift_scalar(rotation);
            y = left
                .bitwise_or(y.bitwise_right_shift_scalar(32 - rotation))
                .bitwise_xor(x.clone());
        }
        x = x + keys[(group + 1) % 3].clone();
        y = (y + keys[(group + 2) % 3].clone()).add_scalar(group as u32 + 1);
    }
    [x, y]
}

/// Returns the top 24 bits as a number in [0, 1).
fn unit(word: Tensor<2, Int>) -> Tensor<2> {
    word.bitwise_right_shift_scalar(8_u32).float() * (1.0 / 16_777_216.0)
}

/// Returns -ln(u) for `u` in (0, 1].
///
/// Near 1, where a GPU's logarithm may be wrong by 2^-21 and the radius by 1e-3, it is the series of 2 atanh(s),
/// s = (1 - u) / (1 + u), whose first omitted term is at most 4e-8.
fn minus_ln(u: Tensor<2>) -> Tensor<2> {
    let s = (u.clone().neg() + 1.0) / (u.clone() + 1.0);
    let near = horner(
        &s.clone().square(),
        [2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0],
    ) * s;
    near.mask_where(u.clone().lower_elem(0.6), u.log().neg())
}

/// Returns (cos, sin) of `turn` turns, `turn` in [0, 1). These are polynomials, because a GPU's own functions may be
/// wrong by 2^-11: of a quarter of the angle from -pi to pi, which is then doubled twice; the half turn changes both
/// signs.
fn cos_sin_turn(turn: Tensor<2>) -> [Tensor<2>; 2] {
    let angle = (turn - 0.5) * std::f32::consts::FRAC_PI_2;
    let q = angle.clone().square();
    let sin = angle
        * horner(
            &q,
            [1.0, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0],
        );
    let cos = horner(&q, [1.0, -0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0]);
    let doubled = |[cos, sin]: [Tensor<2>; 2]| [sin.clone().square() * -2.0 + 1.0, sin * cos * 2.0];
    doubled(doubled([cos, sin])).map(Tensor::neg)
}

/// Returns c\[0\] + c\[1\] q + c\[2\] q^2 + ...
fn horner(q: &Tensor<2>, coefficients: [f64; 5]) -> Tensor<2> {
    let [c0, c1, c2, c3, c4] = coefficients;
    [c2, c1, c0]
        .into_iter()
        .fold(q.clone() * c4 + c3, |sum, c| sum * q.clone() + c)
}

/// Interleaves two tensors `[N, count / 2]` (rounded up) to one `[N, count]`.
fn interleaved(pair: [Tensor<2>; 2], count: usize) -> Tensor<2> {
    let [rows, pairs] = pair[0].dims();
    Tensor::stack::<3>(pair.to_vec(), 2)
        .reshape([rows, 2 * pairs])
        .narrow(1, 0, count)
}

//! The transforms of one row or column of a tile, which Winograd's algorithm applies along both axes.
//!
//! They multiply polynomials by their values at some points (Toom and Cook; Lavin and Gray 2016, sections 4.1 and 4.3): a kernel
//! of r taps and m pixels take m + r - 1 points. With one tap fewer, the last point, which is infinity, is left out, and with it
//! the last row of every matrix here and the last column of B^T and of G.
//!
//! Two pixels use the points 0, 1, -1, infinity (section 4.1), and round about as the definition does. Four pixels use 0, s, -s, t,
//! -t, infinity with s = 3/4 and t = 3/2 instead of the 1 and 2 of section 4.3: in random sums of 32 channels the errors for
//! three taps are then half as large. Points with opposite signs share their sums.

use pulp::Simd;

/// The largest number of places in a row of a transformed tile.
pub const MAX_SIDE: usize = 6;

/// The largest number of taps in a row of a kernel.
pub const MAX_TAPS: usize = 3;

const S: f32 = 0.75;
const T: f32 = 1.5;
const SS: f32 = S * S;
const TT: f32 = T * T;

/// One over the product of the differences of s, and of t, from the other finite points.
const BY_S: f32 = 0.5 / (SS * (SS - TT));
const BY_T: f32 = 0.5 / (TT * (TT - SS));

/// Returns G g, for taps g; of two taps the third is 0.
///
/// A row of G has the powers of a point over the product of its differences from the other finite points, and the last row only the
/// last tap. With two pixels the row of the point 0 has the opposite sign, as that of B^T has.
#[inline(always)]
pub fn by_g<V: Simd, const N: usize>(simd: V, g: [V::f32s; MAX_TAPS]) -> [V::f32s; N] {
    let all = |number: f32| simd.splat_f32s(number);
    let mul_add = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let mut product = [g[MAX_TAPS - 1]; N];
    if N <= 4 {
        let (even, odd) = (
            simd.mul_f32s(all(0.5), simd.add_f32s(g[0], g[2])),
            simd.mul_f32s(all(0.5), g[1]),
        );
        product[0] = g[0];
        product[1] = simd.add_f32s(even, odd);
        product[2] = simd.sub_f32s(even, odd);
        return product;
    }
    product[0] = simd.mul_f32s(all(1.0 / (SS * TT)), g[0]);
    let even = simd.mul_f32s(all(BY_S), mul_add(all(SS), g[2], g[0]));
    product[1] = mul_add(all(BY_S * S), g[1], even);
    product[2] = mul_add(all(-BY_S * S), g[1], even);
    let even = simd.mul_f32s(all(BY_T), mul_add(all(TT), g[2], g[0]));
    product[3] = mul_add(all(BY_T * T), g[1], even);
    product[4] = mul_add(all(-BY_T * T), g[1], even);
    product
}

/// Returns G^T u. For a kernel of two taps the third number means nothing.
#[inline(always)]
pub fn by_g_transposed<V: Simd, const N: usize>(simd: V, u: [V::f32s; N]) -> [V::f32s; MAX_TAPS] {
    let (add, sub) = (|a, b| simd.add_f32s(a, b), |a, b| simd.sub_f32s(a, b));
    let all = |number: f32| simd.splat_f32s(number);
    let mul_add = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let mut taps;
    if N <= 4 {
        let even = simd.mul_f32s(all(0.5), add(u[1], u[2]));
        taps = [
            add(u[0], even),
            simd.mul_f32s(all(0.5), sub(u[1], u[2])),
            even,
        ];
    } else {
        let (even_s, odd_s) = (add(u[1], u[2]), sub(u[1], u[2]));
        let (even_t, odd_t) = (add(u[3], u[4]), sub(u[3], u[4]));
        let first = mul_add(all(BY_S), even_s, simd.mul_f32s(all(BY_T), even_t));
        taps = [
            mul_add(all(1.0 / (SS * TT)), u[0], first),
            mul_add(all(BY_S * S), odd_s, simd.mul_f32s(all(BY_T * T), odd_t)),
            mul_add(
                all(BY_S * SS),
                even_s,
                simd.mul_f32s(all(BY_T * TT), even_t),
            ),
        ];
    }
    // The last place is the point infinity, unless it is left out.
    if N.is_multiple_of(2) {
        taps[2] = add(taps[2], u[N - 1]);
    }
    taps
}

/// Returns B^T d.
#[inline(always)]
pub fn by_b<V: Simd, const N: usize>(simd: V, d: [V::f32s; N]) -> [V::f32s; N] {
    let mut product = d;
    if N <= 4 {
        product[0] = simd.sub_f32s(d[0], d[2]);
        product[1] = simd.add_f32s(d[1], d[2]);
        product[2] = simd.sub_f32s(d[2], d[1]);
        if N == 4 {
            product[N - 1] = simd.sub_f32s(d[N - 1], d[1]);
        }
        return product;
    }
    let all = |number: f32| simd.splat_f32s(number);
    let mul_add = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    // The products of the distances from the other points, as polynomials: (x^2 - s^2) (x^2 - t^2) for 0, and
    // x (x + s) (x^2 - t^2) for s.
    let (from_s, from_t) = (all(-SS), all(-TT));
    let (inner, both) = (all(SS * TT), all(-SS - TT));
    product[0] = mul_add(inner, d[0], mul_add(both, d[2], d[4]));
    let even = mul_add(from_t, d[2], d[4]);
    let odd = mul_add(from_t, d[1], d[3]);
    product[1] = mul_add(all(S), odd, even);
    product[2] = mul_add(all(-S), odd, even);
    let even = mul_add(from_s, d[2], d[4]);
    let odd = mul_add(from_s, d[1], d[3]);
    product[3] = mul_add(all(T), odd, even);
    product[4] = mul_add(all(-T), odd, even);
    if N == 6 {
        product[N - 1] = mul_add(inner, d[1], mul_add(both, d[3], d[N - 1]));
    }
    product
}

/// Returns A y, for P pixels y.
#[inline(always)]
pub fn by_a<V: Simd, const P: usize, const N: usize>(simd: V, y: [V::f32s; P]) -> [V::f32s; N] {
    let mut product = [y[0]; N];
    if P == 2 {
        product[1] = simd.add_f32s(y[0], y[1]);
        product[2] = simd.sub_f32s(y[0], y[1]);
        if N == 4 {
            product[N - 1] = y[1];
        }
        return product;
    }
    let all = |number: f32| simd.splat_f32s(number);
    let mul_add = |a, b, c| simd.mul_add_e_f32s(a, b, c);
    let even = mul_add(all(SS), y[2], y[0]);
    let odd = mul_add(all(SS), y[P - 1], y[1]);
    product[1] = mul_add(all(S), odd, even);
    product[2] = mul_add(all(-S), odd, even);
    let even = mul_add(all(TT), y[2], y[0]);
    let odd = mul_add(all(TT), y[P - 1], y[1]);
    product[3] = mul_add(all(T), odd, even);
    product[4] = mul_add(all(-T), odd, even);
    if N == 6 {
        product[N - 1] = y[P - 1];
    }
    product
}

/// Returns A^T m, P pixels.
#[inline(always)]
pub fn by_a_transposed<V: Simd, const P: usize, const N: usize>(
    simd: V,
    m: [V::f32s; N],
) -> [V::f32s; P] {
    let (add, sub) = (|a, b| simd.add_f32s(a, b), |a, b| simd.sub_f32s(a, b));
    let mut pixels = [m[0]; P];
    if P == 2 {
        pixels[0] = add(add(m[0], m[1]), m[2]);
        pixels[1] = sub(m[1], m[2]);
    } else {
        let all = |number: f32| simd.splat_f32s(number);
        let mul_add = |a, b, c| simd.mul_add_e_f32s(a, b, c);
        let (even_s, odd_s) = (add(m[1], m[2]), sub(m[1], m[2]));
        let (even_t, odd_t) = (add(m[3], m[4]), sub(m[3], m[4]));
        pixels[0] = add(m[0], add(even_s, even_t));
        pixels[1] = mul_add(all(S), odd_s, simd.mul_f32s(all(T), odd_t));
        pixels[2] = mul_add(all(SS), even_s, simd.mul_f32s(all(TT), even_t));
        pixels[P - 1] = mul_add(all(S * SS), odd_s, simd.mul_f32s(all(T * TT), odd_t));
    }
    // The point infinity has a place for as many taps as the kernel may have.
    if N == P + MAX_TAPS - 1 {
        pixels[P - 1] = add(pixels[P - 1], m[N - 1]);
    }
    pixels
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::*;

    #[test]
    fn the_transform_of_a_gradient_is_the_transposed_one() {
        check::<3>(2);
        check::<4>(3);
        check::<5>(2);
        check::<6>(3);
    }

    /// Compares all numbers of G for `taps` taps and N places.
    fn check<const N: usize>(taps: usize) {
        let unit = |at: usize, i: usize| if i == at { 1.0 } else { 0.0 };
        for tap in 0..taps {
            let column: [f32; N] = by_g(Scalar::new(), std::array::from_fn(|i| unit(tap, i)));
            for (place, number) in column.into_iter().enumerate() {
                let u: [f32; N] = std::array::from_fn(|i| unit(place, i));
                let transposed = by_g_transposed(Scalar::new(), u)[tap];
                assert!(
                    (number - transposed).abs() < 1e-6,
                    "{N} places: {number}, {transposed}"
                );
            }
        }
    }
}

//! Chooses at run time for which vector instructions a loop is compiled: AVX-512, AVX2 or none on x86-64.

#[cfg(feature = "cpu")]
use pulp::{Arch, WithSimd};

/// Runs `work` compiled for the widest vectors of this machine.
///
/// This affects only code that is inlined: `work` and all functions that it calls have to be `#[inline(always)]`. A
/// closure that can be called more than once has to be passed by reference: passed by value it would be called through
/// a separate function, which is compiled for the narrowest vectors and takes about three times as long.
#[inline(always)]
#[cfg_attr(
    feature = "cpu",
    expect(unused_mut, reason = "only without that feature is it called here")
)]
pub fn with_widest_simd<R>(mut work: impl FnMut() -> R) -> R {
    #[cfg(feature = "cpu")]
    {
        struct Work<F>(F);

        impl<F: FnMut() -> R, R> pulp::NullaryFnOnce for Work<F> {
            type Output = R;

            #[inline(always)]
            fn call(mut self) -> R {
                (self.0)()
            }
        }
        Arch::new().dispatch(Work(work))
    }
    #[cfg(not(feature = "cpu"))]
    work()
}

/// Runs `kernel` with the widest vectors of this machine as its argument.
#[cfg(feature = "cpu")]
#[inline(always)]
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    Arch::new().dispatch(kernel)
}

/// Returns every kind of vectors that [`dispatch`] can choose on some machine and that this machine has.
#[cfg(all(test, feature = "cpu"))]
pub fn every_arch() -> Vec<Arch> {
    let mut every = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        every.extend(pulp::x86::V3::try_new().map(Arch::V3));
        every.extend(pulp::x86::V4::try_new().map(Arch::V4));
    }
    every
}

#[cfg(all(test, feature = "cpu", target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// Without pulp's feature for a kind of vectors the dispatch falls back to scalar code, at a tenth of the speed.
    #[test]
    fn dispatch_chooses_the_widest_vectors_of_the_machine() {
        struct Lanes;

        impl WithSimd for Lanes {
            type Output = usize;

            fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        let expected = if is_x86_feature_detected!("avx512f") {
            16
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            8
        } else {
            1
        };
        assert_eq!(dispatch(Lanes), expected);
        let lanes: Vec<usize> = every_arch()
            .into_iter()
            .map(|arch| arch.dispatch(Lanes))
            .collect();
        assert!(
            lanes.is_sorted() && lanes.last() == Some(&expected),
            "{lanes:?}"
        );
    }
}

//! Runs loops compiled for the vector instructions that this process uses: AVX-512, AVX2 or NEON, or none.

#[cfg(all(test, feature = "cpu"))]
use pulp::Arch;
#[cfg(feature = "cpu")]
use pulp::WithSimd;

#[cfg(all(feature = "cpu", not(test)))]
use super::instruction_set::used_arch as arch;

/// Runs `work` compiled for the vectors that this process uses.
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
        arch().dispatch(Work(work))
    }
    #[cfg(not(feature = "cpu"))]
    work()
}

/// Runs `kernel` with the vectors that this process uses as its argument.
#[cfg(feature = "cpu")]
#[inline(always)]
pub fn dispatch<K: WithSimd>(kernel: K) -> K::Output {
    arch().dispatch(kernel)
}

/// Returns the kind of vectors that a test asked for, or else the one that this process uses.
#[cfg(all(test, feature = "cpu"))]
fn arch() -> Arch {
    tests::ASKED_FOR
        .get()
        .unwrap_or_else(super::instruction_set::used_arch)
}

/// Returns every kind of vectors that [`dispatch`] can choose on some machine and that this machine has.
#[cfg(all(test, feature = "cpu"))]
pub fn every_arch() -> Vec<Arch> {
    use super::instruction_set::InstructionSet;
    let every = InstructionSet::on_this_machine().into_iter();
    every.filter_map(InstructionSet::arch).collect()
}

/// Returns what `work` returns with each kind of vectors whose multiplication and addition round once. Only the kernels that
/// run on this thread use them.
#[cfg(all(test, feature = "cpu"))]
pub fn with_every_fused_arch<R>(work: impl Fn() -> R) -> Vec<(Arch, R)> {
    let fused = |arch: &Arch| !matches!(arch, Arch::Scalar);
    let with = |arch: Arch| {
        tests::ASKED_FOR.set(Some(arch));
        let result = work();
        tests::ASKED_FOR.set(None);
        (arch, result)
    };
    every_arch().into_iter().filter(fused).map(with).collect()
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use std::cell::Cell;

    use super::super::instruction_set::InstructionSet;
    use super::*;

    thread_local! {
        pub static ASKED_FOR: Cell<Option<Arch>> = const { Cell::new(None) };
    }

    struct Lanes;

    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: pulp::Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }

    #[test]
    fn dispatch_uses_the_vectors_of_the_chosen_set() {
        let lanes = |set| match set {
            InstructionSet::Scalar => 1,
            InstructionSet::Neon => 4,
            InstructionSet::Avx2 => 8,
            InstructionSet::Avx512 => 16,
        };
        assert_eq!(dispatch(Lanes), lanes(InstructionSet::used()));
        let every = InstructionSet::on_this_machine().into_iter().map(lanes);
        let dispatched = every_arch().into_iter().map(|arch| arch.dispatch(Lanes));
        assert_eq!(dispatched.collect::<Vec<_>>(), every.collect::<Vec<_>>());
        for (arch, asked_for) in with_every_fused_arch(|| dispatch(Lanes)) {
            assert_eq!(asked_for, arch.dispatch(Lanes));
        }
    }
}

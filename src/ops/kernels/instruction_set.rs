//! The sets of vector instructions that the kernels are compiled for. A process chooses one of them, once: the widest that
//! the machine has, unless an environment variable names another one.

use std::env;
use std::ffi::OsStr;
use std::sync::OnceLock;

use pulp::Arch;

/// The environment variable that names the set to use, for tests and measurements.
pub const VARIABLE: &str = "VAE_SIMD";

/// The value of [`VARIABLE`] that replaces the kernels on tensors by the plain definitions, which are burn's own operations.
/// The thread pool, and vectors elsewhere, stay.
pub const PLAIN: &str = "plain";

/// A set of instructions. All but [`Scalar`](Self::Scalar) multiply and add with a single rounding, and the kernels give
/// the same bytes with each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstructionSet {
    /// The instructions that every processor of this architecture has.
    Scalar,
    /// Vectors of 8 floats.
    Avx2,
    /// Vectors of 16 floats.
    Avx512,
    /// Vectors of 4 floats.
    Neon,
}

impl InstructionSet {
    /// All sets. Of those that a machine has, the last one is the widest.
    pub const ALL: [Self; 4] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon];

    /// Returns the name that [`VARIABLE`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    /// Returns the sets that this machine has.
    pub fn on_this_machine() -> Vec<Self> {
        let mut every = Self::ALL.to_vec();
        every.retain(|set| set.arch().is_some());
        every
    }

    /// Returns the widest set that this machine has.
    pub fn widest() -> Self {
        let every = Self::on_this_machine();
        every.last().copied().unwrap_or(Self::Scalar)
    }

    /// Returns the set that the kernels of this process use.
    #[inline]
    pub fn used() -> Self {
        choice().set
    }

    /// Returns whether the set has AVX, with its vectors of 8 floats.
    #[inline]
    pub fn has_avx(self) -> bool {
        matches!(self, Self::Avx2 | Self::Avx512)
    }

    /// Returns what stands for the set in the dispatch, or `None` if this machine does not have the set.
    pub(super) fn arch(self) -> Option<Arch> {
        match self {
            Self::Scalar => Some(Arch::Scalar),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Arch::V3),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().map(Arch::V4),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().map(Arch::Neon),
            _ => None,
        }
    }
}

/// The reason why [`VARIABLE`] is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedSet {
    /// No set has this name.
    Unknown(String),
    /// This machine does not have the set.
    Missing(InstructionSet),
}

/// The choice of a process.
struct ChosenSet {
    set: InstructionSet,
    arch: Arch,
    is_plain: bool,
    refused: Option<RefusedSet>,
}

static CHOICE: OnceLock<ChosenSet> = OnceLock::new();

/// Returns the choice. It is asked for by every kernel, so all but the first calls are a load and a branch.
#[inline(always)]
fn choice() -> &'static ChosenSet {
    #[cold]
    #[inline(never)]
    fn first() -> &'static ChosenSet {
        CHOICE.get_or_init(|| choose(env::var_os(VARIABLE).as_deref()))
    }
    match CHOICE.get() {
        Some(choice) => choice,
        None => first(),
    }
}

/// Returns what stands in the dispatch for the set that is used.
#[inline(always)]
pub(super) fn used_arch() -> Arch {
    choice().arch
}

/// Returns whether the plain definitions run instead of the kernels on tensors.
#[inline]
pub fn is_plain() -> bool {
    choice().is_plain
}

/// Checks that [`VARIABLE`] names a set of this machine, or none.
///
/// # Errors
/// Returns the reason why it is not followed. The widest set is used then.
pub fn check() -> Result<(), RefusedSet> {
    choice().refused.clone().map_or(Ok(()), Err)
}

/// Chooses the set that the variable's value names, or else the widest.
fn choose(wanted: Option<&OsStr>) -> ChosenSet {
    let widest = |refused: Option<RefusedSet>| {
        let set = InstructionSet::widest();
        ChosenSet {
            set,
            arch: set.arch().unwrap_or(Arch::Scalar),
            is_plain: false,
            refused,
        }
    };
    if wanted.is_some_and(|wanted| wanted == PLAIN) {
        return ChosenSet {
            is_plain: true,
            ..widest(None)
        };
    }
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
        return widest(None);
    };
    let named = InstructionSet::ALL.iter().find(|set| wanted == set.name());
    let Some(&set) = named else {
        let name = wanted.to_string_lossy().into_owned();
        return widest(Some(RefusedSet::Unknown(name)));
    };
    match set.arch() {
        Some(arch) => ChosenSet {
            set,
            arch,
            is_plain: false,
            refused: None,
        },
        None => widest(Some(RefusedSet::Missing(set))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without pulp's feature for a set of instructions the dispatch would fall back to scalar code, at a tenth of the
    /// speed.
    #[test]
    fn the_widest_set_is_the_one_that_the_processor_has() {
        #[cfg(target_arch = "x86_64")]
        let expected =
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                InstructionSet::Avx512
            } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                InstructionSet::Avx2
            } else {
                InstructionSet::Scalar
            };
        #[cfg(target_arch = "aarch64")]
        let expected = InstructionSet::Neon;
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let expected = InstructionSet::Scalar;
        assert_eq!(InstructionSet::widest(), expected);
        assert_eq!(choose(None).set, expected);
        assert_eq!(choose(Some(OsStr::new(""))).set, expected);
    }

    #[test]
    fn the_variable_chooses_any_set_of_the_machine_and_no_other() {
        let here = InstructionSet::on_this_machine();
        for set in InstructionSet::ALL {
            let choice = choose(Some(OsStr::new(set.name())));
            if here.contains(&set) {
                assert_eq!((choice.set, choice.refused), (set, None));
            } else {
                assert_eq!(choice.set, InstructionSet::widest());
                assert_eq!(choice.refused, Some(RefusedSet::Missing(set)));
            }
        }
        let choice = choose(Some(OsStr::new(PLAIN)));
        assert_eq!((choice.is_plain, choice.refused), (true, None));
        let choice = choose(Some(OsStr::new("AVX2 ")));
        let unknown = RefusedSet::Unknown("AVX2 ".to_owned());
        assert_eq!(choice.refused, Some(unknown));
    }

    /// Tests and benches call the kernels directly, without the start of the program that checks the variable.
    #[test]
    fn the_variable_of_this_process_is_followed() {
        assert_eq!(check(), Ok(()), "{VARIABLE}");
    }
}

//! The vector instructions of the CPU kernels: which are used, and why not wider ones.

use super::backend::KernelInstructions;
use crate::error::{Error, Result, did_you_mean};
use crate::ops::instruction_set::{InstructionSet, PLAIN, RefusedSet, VARIABLE, check, is_plain};

/// Returns the vector instructions that the kernels use.
///
/// # Errors
/// Returns an error if the environment asks for a set of instructions that is not known, or that the processor does not
/// have.
pub fn instructions() -> Result<KernelInstructions> {
    check().map_err(|refused| refusal(&refused))?;
    let (used, widest) = (InstructionSet::used(), InstructionSet::widest());
    if is_plain() {
        return Ok(KernelInstructions {
            used: PLAIN,
            widest: widest.name(),
            reason: format!(
                "burn's own operations run instead of the kernels, because {VARIABLE}={PLAIN} is set; the widest of this processor is {}",
                widest.name()
            ),
        });
    }
    Ok(KernelInstructions {
        used: used.name(),
        widest: widest.name(),
        reason: reason(used, widest, std::env::consts::ARCH),
    })
}

/// Returns the error of a variable that cannot be followed.
fn refusal(refused: &RefusedSet) -> Error {
    let here: Vec<&str> = InstructionSet::on_this_machine()
        .into_iter()
        .map(InstructionSet::name)
        .collect();
    let here = here.join(", ");
    let widest = InstructionSet::widest().name();
    match refused {
        RefusedSet::Unknown(name) => {
            let mut names = InstructionSet::ALL.map(InstructionSet::name).to_vec();
            names.push(PLAIN);
            let error = Error::request(format!(
                "{VARIABLE}={name}: not known; expected an instruction set ({}), or {PLAIN} for burn's own operations",
                InstructionSet::ALL.map(InstructionSet::name).join(", ")
            ));
            error.with_hint(
                match did_you_mean(&name.to_lowercase(), names.iter().copied()) {
                    Some(PLAIN) => format!("did you mean `{PLAIN}`?"),
                    Some(meant) => format!("did you mean `{meant}`? this processor has {here}"),
                    None => format!(
                        "this processor has {here}; without {VARIABLE} the kernels use {widest}"
                    ),
                },
            )
        }
        RefusedSet::Missing(set) => Error::request(format!(
            "{VARIABLE}={}: this processor does not have it; expected one of {here}",
            set.name()
        ))
        .with_hint(format!("without {VARIABLE} the kernels use {widest}")),
    }
}

/// Returns a clause that says why the set `used` is used on a processor of this architecture.
fn reason(used: InstructionSet, widest: InstructionSet, architecture: &str) -> String {
    const SLOW: &str = "the kernels run as scalar code, at about a tenth of the speed";
    let scalar = used == InstructionSet::Scalar;
    if used != widest {
        let kernels = if scalar { SLOW } else { "the kernels use it" };
        format!(
            "{kernels}, because {VARIABLE}={} is set; the widest of this processor is {}",
            used.name(),
            widest.name()
        )
    } else if !scalar {
        "the kernels use it, the widest of this processor".to_owned()
    } else if architecture == "x86_64" {
        format!("this processor has no AVX2 with FMA, so {SLOW}")
    } else {
        format!("there are no vector kernels for {architecture}, so they run as scalar code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_says_what_keeps_the_kernels_from_wider_vectors() {
        use InstructionSet::{Avx2, Avx512, Scalar};
        for (used, widest, architecture, expected) in [
            (
                Avx512,
                Avx512,
                "x86_64",
                "the kernels use it, the widest of this processor",
            ),
            (
                Avx2,
                Avx512,
                "x86_64",
                "the kernels use it, because VAE_SIMD=avx2 is set; the widest of this processor is avx512",
            ),
            (
                Scalar,
                Avx2,
                "x86_64",
                "the kernels run as scalar code, at about a tenth of the speed, because VAE_SIMD=scalar is set; the widest of this processor is avx2",
            ),
            (
                Scalar,
                Scalar,
                "x86_64",
                "this processor has no AVX2 with FMA, so the kernels run as scalar code, at about a tenth of the speed",
            ),
            (
                Scalar,
                Scalar,
                "riscv64",
                "there are no vector kernels for riscv64, so they run as scalar code",
            ),
        ] {
            assert_eq!(reason(used, widest, architecture), expected);
        }
    }

    #[test]
    fn a_set_that_cannot_be_used_is_a_wrong_request() {
        let error = refusal(&RefusedSet::Unknown("AVX512F".to_owned()));
        assert_eq!(error.code(), 2);
        assert_eq!(
            error.to_string(),
            "VAE_SIMD=AVX512F: not known; expected an instruction set (scalar, avx2, avx512, neon), or plain for burn's own operations"
        );
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("did you mean `avx512`? this processor has scalar"),
            "{hint}"
        );
        let error = refusal(&RefusedSet::Missing(InstructionSet::Neon));
        let text = "VAE_SIMD=neon: this processor does not have it; expected one of scalar";
        assert!(error.to_string().starts_with(text), "{error}");
        let widest = InstructionSet::widest().name();
        let hint = format!("without VAE_SIMD the kernels use {widest}");
        assert_eq!((error.code(), error.hint()), (2, Some(hint.as_str())));
    }
}

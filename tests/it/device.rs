//! Tests the names that `--device` takes, on any machine and with any features.
//! `tests/cmd/built-in.trycmd` tests what does not depend on the machine, `tests/gpu.py` what needs
//! an adapter.

use vae::device::{built_in, not_built_in, on_this_machine, select};

#[test]
fn a_device_that_is_not_there_is_a_wrong_request_and_the_hint_says_what_to_do() {
    for name in ["wgpu:99", "cuda:99", "cpu:1", "auto:0", "gpu", "wgpu:", ""] {
        let error = select(name).unwrap_err();
        assert_eq!(error.code(), 2, "{name}");
        assert!(
            error.to_string().starts_with(&format!("--device {name}: ")),
            "{name}: {error}"
        );
        assert!(
            error.hint().is_some_and(|hint| hint.len() > 10) || name == "gpu" || name.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn every_backend_is_built_in_or_not() {
    let mut names: Vec<&str> = built_in()
        .into_iter()
        .chain(not_built_in())
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["cpu", "cuda", "ndarray", "wgpu"]);
    for (name, _) in built_in() {
        assert!(
            on_this_machine()
                .iter()
                .any(|(there, _)| there.split(':').next() == Some(name)),
            "{name}"
        );
    }
}

#[test]
fn auto_is_never_a_software_adapter_and_says_why_it_is_no_gpu() {
    let Ok(chosen) = select("auto") else {
        // This happens only in a build without a backend for the processor.
        assert!(
            built_in()
                .iter()
                .all(|(name, _)| !["cpu", "ndarray"].contains(name))
        );
        return;
    };
    let there = on_this_machine();
    let (_, about) = there.iter().find(|(name, _)| *name == chosen.name).unwrap();
    assert!(!about.contains("software"), "{about}");
    let could = built_in()
        .iter()
        .any(|(name, _)| ["wgpu", "cuda"].contains(name));
    assert_eq!(chosen.remark.is_some(), could && chosen.model.is_none());
}

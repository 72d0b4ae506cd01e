//! What the kernels need of `src/ops`.

#[path = "../../src/ops/activation.rs"]
pub mod activation;
#[path = "kernels.rs"]
pub mod kernels;

//! The files of the kernels that do not need burn, at the places where they expect each other, with their own tests.

#[path = "ops.rs"]
pub mod ops;
#[path = "os.rs"]
pub mod os;
#[path = "../../src/rng.rs"]
pub mod rng;

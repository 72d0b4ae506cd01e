//! The kernels for the CPU, their thread pool and SIMD dispatch. With `os`, all unsafe code of the program is here.

#![expect(
    unsafe_code,
    reason = "kernels share memory between threads and load vectors through pointers; each block says why it is sound"
)]

#[cfg(feature = "cpu")]
pub mod activation;
#[cfg(feature = "cpu")]
pub mod flex;
#[cfg(feature = "cpu")]
mod group_norm;
#[cfg(feature = "cpu")]
pub mod instruction_set;
pub mod math;
pub mod pool;
#[cfg(feature = "cpu")]
mod product;
mod shares;
pub mod simd;
pub mod simulation;

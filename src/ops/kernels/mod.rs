//! The kernels for the CPU, their thread pool, SIMD dispatch and the allocator. All unsafe code of the program is here.

#![expect(
    unsafe_code,
    reason = "kernels share memory between threads and load vectors through pointers; each block says why it is sound"
)]

pub mod allocator;
#[cfg(feature = "cpu")]
pub mod flex;
pub mod math;
pub mod pool;
#[cfg(feature = "cpu")]
mod product;
pub mod simd;

//! What `src/ops/kernels` has without burn.

#[path = "../../src/ops/kernels/instruction_set.rs"]
pub mod instruction_set;
#[path = "../../src/ops/kernels/math.rs"]
pub mod math;
#[path = "../../src/ops/kernels/pool.rs"]
pub mod pool;
#[path = "../../src/ops/kernels/product/mod.rs"]
pub mod product;
#[path = "../../src/ops/kernels/shares.rs"]
mod shares;
#[path = "../../src/ops/kernels/simd.rs"]
pub mod simd;
#[path = "../../src/ops/kernels/simulation.rs"]
mod simulation;

//! Matrix products: cut into parts that run side by side, each of them computed tile by tile in registers.

mod cut;
mod dots;
mod matrix;
mod nonzero;
mod operands;
mod output;
mod parts;
mod scattered;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod vectors;

pub use cut::{MatrixProduct, run};
pub use dots::{DotProducts, MAX_COLUMNS};
pub use matrix::Matrix;
pub use operands::{InitialSum, LeftFactor, RightFactor, TiledProduct};
pub use output::{OutputCells, filled_vec, filled_vecs};
pub use transpose::transpose;

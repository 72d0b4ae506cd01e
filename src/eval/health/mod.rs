//! Diagnostics of the latents: what each one carries, whether the posteriors together look like the prior, and whether the
//! decoder uses them.

mod aggregate;
mod course;
mod decomposition;
mod diagnostics;
mod saturation;
mod shuffled;
mod verdict;

pub use aggregate::{ACTIVE, AggregatePosterior, LatentStatistics};
pub use course::{Course, Early, EpochLosses};
pub use decomposition::{KlDecomposition, decompose};
pub use diagnostics::Diagnostics;
pub use saturation::{LayerUnits, MORE_THAN, saturated_units};
pub use shuffled::Shuffled;
pub use verdict::{COLLAPSED, Finding, IGNORED, OUTSIDE, PARTLY, findings, judged};

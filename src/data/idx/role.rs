//! The two kinds of IDX files that a data set has.

/// The content of a file of a data set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Images,
    Labels,
}

impl Role {
    pub fn magic(self) -> u32 {
        match self {
            Self::Images => 0x0803,
            Self::Labels => 0x0801,
        }
    }

    /// Returns how many numbers the header has after the magic one.
    pub fn rank(self) -> usize {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    /// Returns the name of one of them.
    pub fn one(self) -> &'static str {
        match self {
            Self::Images => "image",
            Self::Labels => "label",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

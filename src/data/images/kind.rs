//! Images of one's own as a data set that a config can name.

use super::load::load;
use super::settings::Images;
use crate::data::{DataKind, DataPaths, Dataset, Outline, Pixels};
use crate::error::Result;

impl DataKind for Images {
    fn load(&self, place: &DataPaths) -> Result<Dataset> {
        Ok(load(self, place, false)?.0)
    }

    fn reads_files(&self) -> bool {
        true
    }

    fn pixels(&self) -> Pixels {
        self.pixels
    }

    fn pixels_name(&self) -> &'static str {
        self.pixels.name_for(self.channels.unwrap_or(1))
    }

    fn validation(&self) -> usize {
        self.validation
    }

    fn outline(&self) -> Option<Outline> {
        None
    }

    fn check(&self) -> Result<()> {
        self.check_values()
    }
}

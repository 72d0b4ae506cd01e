//! The facts of a model that a figure depends on. They are known before training, so that a figure that cannot be drawn
//! when it ends is refused when it starts.

use crate::error::{Error, Result, did_you_mean};

/// The most images on one sheet: beyond, each would be smaller than it was drawn.
pub const MOST_PICTURES: usize = 10_000;

/// Values of all images of a figure, together: a quarter of a gigabyte of them while they are drawn.
const MOST_VALUES: usize = 50_000_000;

#[derive(Clone, Copy, Debug)]
pub struct FigureContext<'a> {
    pub latent_count: usize,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// The names of the data's classes; none where they have no labels.
    pub classes: &'a [String],
    /// Whether the model is told the class.
    pub conditional: bool,
}

impl FigureContext<'_> {
    /// Returns the class to decode as, which `--label` names; `None` for a model that is not conditional.
    ///
    /// # Errors
    /// Where a class is asked of a model that is not conditional, none is named to one that is, or there is no such class.
    pub fn class(&self, label: Option<&str>) -> Result<Option<u32>> {
        let known = format!("the classes are {}", self.classes.join(", "));
        match label {
            None if !self.conditional => Ok(None),
            None => Err(Error::request("this model is conditional: name a class")
                .with_hint(format!("pass `--label CLASS`; {known}"))),
            Some(label) if !self.conditional => Err(Error::request(format!(
                "--label {label}: this model is not conditional, it was trained without labels: it cannot be asked for a class"
            ))
            .with_hint("train one that can: add `[condition]` to its config, or `--set condition.decoder=add`")),
            Some(label) => match class_named(self.classes, label) {
                Some(class) => Ok(Some(class)),
                None => Err(Error::request(format!("--label {label}: no such class")).with_hint(
                    match did_you_mean(label, self.classes.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => known,
                    },
                )),
            },
        }
    }

    /// Checks that the number of images that `flag` asks for fits on a sheet, into an animation and into memory.
    pub fn fits(&self, flag: &str, images: usize) -> Result<()> {
        let most = (MOST_VALUES / self.shape.iter().product::<usize>()).min(MOST_PICTURES);
        if images <= most {
            return Ok(());
        }
        Err(Error::request(format!(
            "{flag} asks for {images} images; expected at most {most} in one figure"
        )))
    }
}

/// A class by its name, or else by its number.
pub fn class_named(classes: &[String], name: &str) -> Option<u32> {
    let by_name = classes
        .iter()
        .position(|class| class.eq_ignore_ascii_case(name));
    let by_number = || name.parse().ok().filter(|number| *number < classes.len());
    by_name
        .or_else(by_number)
        .and_then(|class| u32::try_from(class).ok())
}

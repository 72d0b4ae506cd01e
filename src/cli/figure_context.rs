//! The properties of a model that its figures depend on. They are known before training, so a figure that cannot be
//! drawn when training ends is refused when it starts.

use crate::error::{Error, Result, did_you_mean};

/// The most images on one sheet. With more, each image would be smaller than its own pixels.
pub const MOST_IMAGES: usize = 10_000;

/// The most values in all images of a figure together. They take a quarter of a gigabyte while the figure is drawn.
const MOST_VALUES: usize = 50_000_000;

#[derive(Clone, Copy, Debug)]
pub struct FigureContext<'a> {
    pub latent_count: usize,
    /// Channels, height, width.
    pub shape: [usize; 3],
    /// The names of the data's classes; empty if the data has no labels.
    pub classes: &'a [String],
    /// Whether the model is conditional on the class.
    pub conditional: bool,
}

impl FigureContext<'_> {
    /// Returns the class to decode as, which `--label` names, or `None` for a model that is not conditional.
    ///
    /// # Errors
    /// Returns an error if `label` names a class for a model that is not conditional, if it names none for a
    /// conditional model, or if the class does not exist.
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

    /// Checks that the number of images that `flag` asks for fits on a sheet, in an animation and in memory.
    pub fn fits(&self, flag: &str, images: usize) -> Result<()> {
        let most = (MOST_VALUES / self.shape.iter().product::<usize>()).min(MOST_IMAGES);
        if images <= most {
            return Ok(());
        }
        Err(Error::request(format!(
            "{flag} asks for {images} images; expected at most {most} in one figure"
        )))
    }
}

/// Returns the class with this name, or else, if the names are words, the class with this number. If the names are numbers,
/// only a name selects a class: with classes 3 and 200, `1` selects none.
pub fn class_named(classes: &[String], name: &str) -> Option<u32> {
    let by_name = classes
        .iter()
        .position(|class| class.eq_ignore_ascii_case(name));
    let are_words = !classes.iter().any(|class| class.parse::<u64>().is_ok());
    let number = || name.parse().ok().filter(|number| *number < classes.len());
    let by_number = || are_words.then(number).flatten();
    by_name
        .or_else(by_number)
        .and_then(|class| u32::try_from(class).ok())
}

//! A part of a split: the images that a measurement is made on. A part is drawn at random, because many data sets are
//! sorted, and the first images of such a set say little about the others.

use super::Split;
use crate::rng::Rng;

/// The way in which the images of a part are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Every image of the split.
    All,
    /// This many images at random, the same ones in every run and on every machine.
    AtRandom(usize),
    /// This many images from the beginning of the split.
    First(usize),
}

/// Some images of a split. Each keeps its own id, and with that its noise: a measurement on a part gives every image the
/// number that a measurement on the whole split gives it.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    pub split: &'a Split,
    /// The ids of the images in the split, in the order in which they are measured.
    pub ids: Vec<u32>,
    /// The choice that was made: [`Choice::All`] if it asked for as many images as there are, or more.
    pub choice: Choice,
}

impl Choice {
    /// Returns the choice that two flags ask for: this many images at random, or this many from the beginning.
    pub fn of(at_random: Option<usize>, first: Option<usize>) -> Self {
        match (first, at_random) {
            (Some(count), _) => Self::First(count),
            (None, Some(count)) => Self::AtRandom(count),
            (None, None) => Self::All,
        }
    }

    /// Returns the flag that chose the images, where `at_random` is the one for images at random.
    pub fn flag(self, at_random: &str) -> &str {
        match self {
            Self::First(_) => "--first",
            Self::All | Self::AtRandom(_) => at_random,
        }
    }

    /// Returns the name in a report's JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AtRandom(_) => "random",
            Self::First(_) => "first",
        }
    }

    /// Describes the chosen ones of `images`: `1000 test images at random`.
    pub fn of_images(self, images: &str) -> String {
        match self {
            Self::All => format!("all {images}"),
            Self::AtRandom(count) => format!("{count} {images} at random"),
            Self::First(count) => format!("the first {count} {images}"),
        }
    }
}

impl<'a> Part<'a> {
    /// Chooses images of a split.
    ///
    /// The images at random are the first ones of a permutation that depends on the number of images in the split and
    /// on nothing else. So the parts of a split are nested, and two runs are measured on the same images.
    pub fn new(split: &'a Split, choice: Choice) -> Self {
        let all = split.len();
        let (ids, choice) = match choice {
            Choice::AtRandom(count) if count < all => {
                let mut ids = Rng::new(0).stream("part of a split").permutation(all);
                ids.truncate(count);
                (ids, choice)
            }
            Choice::First(count) if count < all => (split.first_ids(count), choice),
            _ => (split.first_ids(all), Choice::All),
        };
        Self { split, ids, choice }
    }

    /// Returns the number of images in the part.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns the class of each image of the part, or `None` if the split has no labels.
    pub fn labels(&self) -> Option<Vec<u32>> {
        let labels = self.split.labels.as_ref()?;
        Some(self.ids.iter().map(|&id| labels[id as usize]).collect())
    }
}

/// Every image of the split.
impl<'a> From<&'a Split> for Part<'a> {
    fn from(split: &'a Split) -> Self {
        Self::new(split, Choice::All)
    }
}

impl<'a> From<&Part<'a>> for Part<'a> {
    fn from(part: &Part<'a>) -> Self {
        part.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(count: usize) -> Split {
        Split::in_memory(vec![0; count], [1, 1, 1]).with_labels((0..count as u32).collect())
    }

    #[test]
    fn parts_at_random_are_nested_and_spread_over_the_split() {
        let split = split(1000);
        let ids = |count| Part::new(&split, Choice::AtRandom(count)).ids;
        assert_eq!(ids(100)[..10], ids(10));
        assert_eq!(ids(999)[..100], ids(100));
        let mean = ids(100).iter().map(|&id| f64::from(id)).sum::<f64>() / 100.0;
        assert!((mean - 500.0).abs() < 100.0, "{mean}");
        let mut all = ids(999);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 999);
    }

    #[test]
    fn a_part_of_all_images_is_the_split_in_its_order() {
        let split = split(20);
        for choice in [Choice::All, Choice::AtRandom(20), Choice::First(21)] {
            let part = Part::new(&split, choice);
            assert_eq!((part.choice, part.ids), (Choice::All, split.first_ids(20)));
        }
    }

    #[test]
    fn labels_stay_with_their_images() {
        let split = split(20);
        for choice in [Choice::AtRandom(7), Choice::First(7)] {
            let part = Part::new(&split, choice);
            assert_eq!((part.len(), part.labels().unwrap()), (7, part.ids));
        }
    }

    #[test]
    fn the_first_images_are_measured_only_where_they_are_asked_for() {
        assert_eq!(Choice::of(None, None), Choice::All);
        assert_eq!(Choice::of(Some(3), None), Choice::AtRandom(3));
        assert_eq!(Choice::of(Some(3), Some(2)), Choice::First(2));
        assert_eq!(Choice::of(Some(3), Some(2)).flag("--n"), "--first");
        assert_eq!(Choice::of(Some(3), None).flag("--n"), "--n");
    }
}

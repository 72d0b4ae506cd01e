//! The classes of labels in files: those that occur in the training set, with their own names.

use super::published::IdxDataset;

/// The classes that occur in a training set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassNames {
    /// The label of each class, in ascending order.
    pub labels: Vec<u8>,
    /// The name of each class: the published name, or the label as a number.
    pub names: Vec<String>,
}

impl ClassNames {
    /// Returns the classes of the labels `training`, which were found in place of those of `set`.
    ///
    /// The published names are for the published labels alone: a person's ten classes are no articles of clothing. The
    /// first labels of both published sets are known, and tell them from any other.
    pub fn of(set: &IdxDataset, training: &[u8]) -> Self {
        let mut occurs = [false; 256];
        training
            .iter()
            .for_each(|&label| occurs[usize::from(label)] = true);
        let labels: Vec<u8> = (0..=u8::MAX)
            .filter(|&label| occurs[usize::from(label)])
            .collect();
        let is_published = training.starts_with(&set.first_labels)
            && labels.iter().copied().eq(0..set.classes.len() as u8);
        let names = if is_published {
            set.classes.map(str::to_owned).to_vec()
        } else {
            labels.iter().map(ToString::to_string).collect()
        };
        Self { labels, names }
    }

    /// Returns the number of the class of each label, an index into the names.
    ///
    /// # Errors
    /// The place of the first label that does not occur in the training set.
    pub fn numbers(&self, labels: &[u8]) -> Result<Vec<u32>, usize> {
        let mut number_of = [None; 256];
        for (number, &label) in (0_u32..).zip(&self.labels) {
            number_of[usize::from(label)] = Some(number);
        }
        labels
            .iter()
            .enumerate()
            .map(|(place, &label)| number_of[usize::from(label)].ok_or(place))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FASHION_MNIST, MNIST};

    #[test]
    fn classes_are_the_labels_that_occur() {
        let classes = ClassNames::of(&MNIST, &[200, 3, 3, 200]);
        assert_eq!(classes.names, ["3", "200"]);
        assert_eq!(classes.numbers(&[3, 200, 3]), Ok(vec![0, 1, 0]));
        assert_eq!(classes.numbers(&[3, 4]), Err(1));
        assert_eq!(ClassNames::of(&MNIST, &[2, 0, 1]).names, ["0", "1", "2"]);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(
            ClassNames::of(&MNIST, &all).numbers(&all).unwrap()[255],
            255
        );
    }

    #[test]
    fn only_the_published_labels_have_the_published_names() {
        let published = FASHION_MNIST.first_labels;
        let all: Vec<u8> = (0..10).collect();
        let labels = [&published[..], &all].concat();
        assert_eq!(ClassNames::of(&FASHION_MNIST, &labels).names[7], "Sneaker");
        // Ten classes of somebody's own, and published labels that are too few.
        assert_eq!(ClassNames::of(&FASHION_MNIST, &all).names[7], "7");
        assert_eq!(ClassNames::of(&FASHION_MNIST, &published).names.len(), 9);
    }
}

//! Factors that images differ in, as levels: those of the program's own data, or a table for a person's data
//! (comma-separated as in RFC 4180: names in the first line, then a line for each image).

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::files::decode;
use crate::words::counted;

/// Numbers with more different values than this are put into [`STEPS`] steps.
const MOST_NUMBERS: usize = 50;
/// Steps that hold equally many images.
const STEPS: usize = 20;
/// The most different words of a factor; a column with more holds names of single images, or texts.
const MOST_WORDS: usize = 256;

/// One factor of `N` images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    pub name: String,
    /// `[N]`, from 0 to `size - 1`.
    pub levels: Vec<u16>,
    /// The number of levels.
    pub size: usize,
    /// Whether the levels are classes, whose order means nothing.
    pub nominal: bool,
}

impl Factor {
    /// Returns the images of each level, in order, `[size]`.
    pub fn groups(&self) -> Vec<Vec<u32>> {
        let mut groups = vec![Vec::new(); self.size];
        for (index, &level) in (0_u32..).zip(&self.levels) {
            groups[usize::from(level)].push(index);
        }
        groups
    }

    /// Returns how many levels occur among the images.
    pub fn occurring(&self) -> usize {
        self.groups()
            .iter()
            .filter(|group| !group.is_empty())
            .count()
    }

    /// Returns H(v), the entropy of the level of an image drawn at random, in nats.
    pub fn entropy(&self) -> f64 {
        let n = self.levels.len() as f64;
        let shares = self
            .groups()
            .into_iter()
            .map(|group| group.len() as f64 / n)
            .filter(|&share| share > 0.0);
        -shares.map(|share| share * share.ln()).sum::<f64>()
    }

    /// Returns the factor of the images `indices`, in their order.
    #[must_use]
    pub fn of(&self, indices: &[u32]) -> Self {
        let levels = indices
            .iter()
            .map(|&index| self.levels[index as usize])
            .collect();
        Self {
            levels,
            name: self.name.clone(),
            ..*self
        }
    }

    /// Returns the level of each number, in their order. Many different values are put into steps of equally many images;
    /// equal numbers always share a step.
    pub fn of_numbers(name: &str, numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let runs: Vec<(f64, usize)> = sorted
            .chunk_by(|a, b| a == b)
            .map(|run| (run[0], run.len()))
            .collect();
        let in_steps = runs.len() > MOST_NUMBERS;
        let (mut before, mut steps) = (0, Vec::new());
        for (rank, (_, count)) in runs.iter().enumerate() {
            // By the middle of the ranks that equal numbers share.
            steps.push(if in_steps {
                (2 * before + count) * STEPS / (2 * numbers.len())
            } else {
                rank
            });
            before += count;
        }
        // Steps that nobody is in are left out.
        let mut occurring = steps.clone();
        occurring.dedup();
        let level = |number: &f64| {
            let run = runs.partition_point(|(value, _)| value < number);
            occurring.partition_point(|step| *step < steps[run]) as u16
        };
        let levels = numbers.iter().map(level).collect();
        Self {
            name: name.to_owned(),
            levels,
            size: occurring.len(),
            nominal: false,
        }
    }

    /// Returns the class of each word, the classes in alphabetical order; `None` if there are too many of them.
    fn of_words(name: &str, words: &[&str]) -> Option<Self> {
        let mut classes: BTreeMap<&str, u16> = words.iter().map(|word| (*word, 0)).collect();
        if classes.len() > MOST_WORDS {
            return None;
        }
        classes
            .values_mut()
            .zip(0..)
            .for_each(|(class, number)| *class = number);
        let levels = words.iter().map(|word| classes[word]).collect();
        Some(Self {
            name: name.to_owned(),
            levels,
            size: classes.len(),
            nominal: true,
        })
    }
}

/// Parses the factors of a table of `count` images. A column of numbers is ordered, any other column holds classes. `path`
/// and `images`, which says what the images are, go into messages.
///
/// # Errors
/// It is no such table; the message names the line.
pub fn parse(bytes: &[u8], count: usize, path: &Path, images: &str) -> Result<Vec<Factor>> {
    let wrong = |what: String| Error::file(path, what);
    let records = records(&decode(path, bytes)?).map_err(|error| wrong(error.to_string()))?;
    let Some(((_, names), rows)) = records.split_first() else {
        return Err(wrong("nothing in it".to_owned()).with_hint(FORMAT));
    };
    if let [name] = &names[..]
        && name.contains([';', '\t'])
    {
        return Err(wrong(format!(
            "line 1 is one name, `{name}`: values are to be separated by commas"
        ))
        .with_hint(FORMAT));
    }
    for (column, name) in names.iter().enumerate() {
        if name.is_empty() || names[..column].contains(name) {
            let problem = if name.is_empty() {
                "no name".to_owned()
            } else {
                format!("the name `{name}` again")
            };
            return Err(wrong(format!("column {} has {problem}", column + 1)).with_hint(FORMAT));
        }
    }
    for (line, cells) in rows {
        if cells.len() != names.len() {
            let what = format!(
                "line {line} has {} of the {} values that the first line names",
                cells.len(),
                names.len()
            );
            return Err(wrong(what).with_hint("put quotes around a value with a comma in it"));
        }
        if let Some(column) = cells.iter().position(String::is_empty) {
            return Err(wrong(format!(
                "line {line}: nothing is said of `{}`",
                names[column]
            ))
            .with_hint("every image needs a value of every factor"));
        }
    }
    if rows.len() != count {
        return Err(wrong(format!(
            "it has factors of {}, and there are {count} {images}",
            counted(rows.len(), "image")
        ))
        .with_hint(
            "expected one line for each image, in the data's order, after the line of names",
        ));
    }
    let columns = names.iter().enumerate().map(|(column, name)| {
        let cells: Vec<&str> = rows.iter().map(|(_, cells)| cells[column].as_str()).collect();
        let numbers: Option<Vec<f64>> =
            cells.iter().map(|cell| cell.parse().ok().filter(|number: &f64| number.is_finite())).collect();
        let is_number = |cell: &&str| cell.parse().is_ok_and(|number: f64| number.is_finite());
        let wrong_cell = cells.iter().position(|cell| !is_number(cell));
        if let Some(row) = wrong_cell.filter(|_| 2 * cells.iter().filter(|cell| is_number(cell)).count() > cells.len())
        {
            let what = format!("line {}: `{}` is no number, as most of `{name}` are", rows[row].0, cells[row]);
            return Err(wrong(what).with_hint("a column is of numbers, or of words"));
        }
        match numbers {
            Some(numbers) => Ok(Factor::of_numbers(name, &numbers)),
            None => Factor::of_words(name, &cells).ok_or_else(|| {
                wrong(format!("`{name}` has more than {MOST_WORDS} different words: it is no factor")).with_hint(
                    "leave the column out; only a column of nothing but numbers may have any number of values",
                )
            }),
        }
    });
    columns.collect()
}

const FORMAT: &str = "expected a line of names, then a line of their values for each image: \
                      `shape,size`, `square,0.5`, ...";

/// Returns the cells of each line that has any, with the line's number.
fn records(text: &str) -> csv::Result<Vec<(u64, Vec<String>)>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    reader
        .records()
        .map(|record| {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            Ok((line, record.iter().map(str::to_owned).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, count: usize) -> Result<Vec<Factor>> {
        parse(
            text.as_bytes(),
            count,
            Path::new("factors.csv"),
            "test images",
        )
    }

    #[test]
    fn a_column_of_numbers_is_ordered_and_one_of_words_is_not() {
        let text = "\u{feff}size, shape,\"a, b\"\r\n10,square,1e1\r\n\r\n9,\"heart\",-2\r\n10,\"a \"\"b\"\"\n\",7\r\n";
        let found = table(text, 3).unwrap();
        let expected = [
            ("size", vec![1, 0, 1], 2, false),
            ("shape", vec![2, 1, 0], 3, true),
            ("a, b", vec![2, 0, 1], 3, false),
        ];
        for (factor, (name, levels, size, nominal)) in found.iter().zip(expected) {
            assert_eq!(
                (
                    factor.name.as_str(),
                    &factor.levels,
                    factor.size,
                    factor.nominal
                ),
                (name, &levels, size, nominal)
            );
        }
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn many_numbers_become_steps_of_equally_many_images() {
        // All different, then half of them equal.
        let numbers: Vec<f64> = (0..1000).map(|i| f64::from(i * 7 % 1000).powi(3)).collect();
        let factor = Factor::of_numbers("x", &numbers);
        assert_eq!((factor.size, factor.occurring()), (20, 20));
        assert!(factor.groups().iter().all(|group| group.len() == 50));
        assert!((factor.entropy() - 20_f64.ln()).abs() < 1e-12);
        let halved: Vec<f64> = numbers
            .iter()
            .map(|&number| number.max(500_f64.powi(3)))
            .collect();
        let factor = Factor::of_numbers("x", &halved);
        assert_eq!(factor.groups().iter().map(Vec::len).max(), Some(501));
        for (a, b) in [(0, 1), (3, 500), (999, 2)] {
            assert_eq!(halved[a] < halved[b], factor.levels[a] < factor.levels[b]);
        }
        assert_eq!(factor.size, factor.occurring());
    }

    #[test]
    fn a_wrong_table_is_named_by_its_line() {
        for (text, part) in [
            ("", "nothing in it"),
            ("a,,b\n1,2,3\n", "column 2 has no name"),
            ("a,b,a\n1,2,3\n", "column 3 has the name `a` again"),
            ("a;b\n1;2\n", "separated by commas"),
            (
                "a\n1\n2\nx\n3\n",
                "line 4: `x` is no number, as most of `a` are",
            ),
            ("a,b\n1,2\n3\n", "line 3 has 1 of the 2 values"),
            ("a,b\n1,2\n3,\n", "line 3: nothing is said of `b`"),
            ("a,b\n1,2\n3,", "line 3: nothing is said of `b`"),
            ("a,b\n\"x\ny\",2\n3\n", "line 4 has 1 of"),
            // A quote that nothing closes.
            ("a\n\"x\n1\n", "it has factors of 1 image,"),
            (
                "a\n1\n2\n3\n",
                "it has factors of 3 images, and there are 2 test images",
            ),
        ] {
            let error = table(
                text,
                if text.contains('x') && text.starts_with("a\n1") {
                    4
                } else {
                    2
                },
            )
            .unwrap_err();
            assert!(
                error.to_string().contains(part) && error.hint().is_some(),
                "{text:?}: {}",
                error.render()
            );
            assert_eq!(error.code(), 2);
        }
        let names: String = (0..300).map(|i| format!("image-{i}\n")).collect();
        let error = table(&format!("file\n{names}"), 300).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`file` has more than 256 different words"),
            "{}",
            error.render()
        );
        assert!(parse(&[0xff, 0xfe], 1, Path::new("x"), "").is_err());
    }

    #[test]
    fn levels_that_nobody_has_count_for_nothing() {
        let factor = Factor {
            name: "x".into(),
            levels: vec![3, 3, 1, 1],
            size: 5,
            nominal: true,
        };
        assert_eq!(factor.occurring(), 2);
        assert!((factor.entropy() - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(factor.of(&[2, 0]).levels, [1, 3]);
    }
}

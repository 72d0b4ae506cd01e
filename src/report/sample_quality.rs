//! The part of the report of `vae eval` that says how good a model's samples are, beside real held-out images.

use serde_json::{Map, Value, json};

use super::{Cell, Column, Report, Table};
use crate::eval::Estimate;
use crate::eval::sample_quality::{
    CONFIDENT, ClassifierFigures, NEAREST, NEIGHBOURS, NETWORK, QUANTILE, RESAMPLES, SampleQuality,
};

/// The figures of a model's samples, and what the samples are.
pub struct SampleFigures {
    pub quality: SampleQuality,
    /// The origin of the latents: `prior`, or `mixture:10`.
    pub from: String,
    pub temperature: f32,
    /// The name of the held-out split: `test` or `validation`.
    pub split: String,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The file that shows samples beside their nearest training images; `None` if there is none.
    pub sheet: Option<String>,
}

/// A row of the table: a figure of the samples beside the same of the held-out images.
struct FigureRow {
    key: &'static str,
    title: &'static str,
    digits: usize,
    samples: Option<Estimate>,
    held_out: Option<Estimate>,
    about: String,
}

impl FigureRow {
    /// Returns the row of a figure: its value for the samples and its value for the held-out images.
    fn new(
        [key, title]: [&'static str; 2],
        digits: usize,
        [samples, held_out]: [Estimate; 2],
        about: impl Into<String>,
    ) -> Self {
        Self {
            key,
            title,
            digits,
            samples: Some(samples),
            held_out: Some(held_out),
            about: about.into(),
        }
    }
}

/// Returns the figures of a classifier's predictions.
fn classifier_rows(classifier: &ClassifierFigures) -> [FigureRow; 4] {
    let trained = "a classifier, trained on the training images,";
    let accuracy = match classifier.as_asked {
        Some(_) => format!("share for which {trained} predicts the class: asked for, or labelled"),
        None => format!("share for which {trained} predicts the label"),
    };
    let most = (classifier.histogram.len() as f64).ln();
    [
        FigureRow {
            samples: classifier.as_asked,
            ..FigureRow::new(["accuracy"; 2], 3, [classifier.accuracy; 2], accuracy)
        },
        FigureRow::new(
            ["confidence"; 2],
            3,
            classifier.confidence,
            "its mean probability for the class that it predicts",
        ),
        FigureRow::new(
            ["confident"; 2],
            3,
            classifier.confident,
            format!("share with a probability of at least {CONFIDENT}"),
        ),
        FigureRow::new(
            ["class_entropy", "class entropy"],
            3,
            classifier.entropy,
            format!("of the classes that it predicts, in nats; at most {most:.3}"),
        ),
    ]
}

/// The share of the images for which a class is predicted.
struct ClassShare {
    class: String,
    shares: [f64; 2],
}

const CLASSES: &[Column<ClassShare>] = &[
    Column {
        key: "class",
        title: "predicted class",
        cell: |row| Cell::text(&*row.class),
    },
    Column {
        key: "samples",
        title: "samples",
        cell: |row| Cell::number(row.shares[0], 3),
    },
    Column {
        key: "held_out",
        title: "held out",
        cell: |row| Cell::number(row.shares[1], 3),
    },
];

/// The most classes that the text lists.
const MOST_CLASSES: usize = 20;

impl SampleFigures {
    /// Adds the figures to a report: tables and sentences in the text, and the object `sample_quality` in the JSON.
    pub fn add(&self, report: &mut Report) {
        let rows = self.rows();
        report.table(self.table(&rows));
        let classes = self.class_table();
        if let Some(table) = &classes {
            report.table(Table {
                key: None,
                ..table.clone()
            });
        }
        if let Some(fidelity) = &self.quality.fidelity {
            let about = format!("dB, reconstructions of {} images", self.split);
            report.text_row("PSNR", Cell::estimate(Some(fidelity.psnr), 2), about);
            let about = "structural similarity, 1 for equal images";
            report.text_row("SSIM", Cell::estimate(fidelity.ssim, 4), about);
        }
        for line in self.notes() {
            report.line(line);
        }
        report.field("sample_quality", self.json(&rows, classes));
    }

    fn table(&self, rows: &[FigureRow]) -> Table {
        let SampleQuality { count, .. } = self.quality;
        let cells = rows.iter().map(|figure| {
            vec![
                Cell::text(figure.title),
                Cell::estimate(figure.samples, figure.digits),
                Cell::estimate(figure.held_out, figure.digits),
                Cell::text(&figure.about),
            ]
        });
        let held_out = format!("{} images", self.split);
        let titles = ["sample quality", "samples", &held_out, " "];
        Table {
            heading: Some(format!(
                "{count} samples (from {}, temperature {}) and {count} {held_out}, each beside {count} training images:",
                self.from, self.temperature
            )),
            columns: titles.map(|title| (String::new(), title.to_owned())).into(),
            rows: cells.collect(),
            has_titles: true,
            ..Table::default()
        }
    }

    fn class_table(&self) -> Option<Table> {
        let classifier = self.quality.classifier.as_ref()?;
        let shares = self.classes.iter().zip(&classifier.histogram);
        let rows: Vec<ClassShare> = shares
            .map(|(class, &shares)| ClassShare {
                class: class.clone(),
                shares,
            })
            .collect();
        Some(Table {
            most: Some(MOST_CLASSES),
            ..Table::of("classes", &rows, CLASSES)
        })
    }

    /// Returns the rows of the table, in order.
    fn rows(&self) -> Vec<FigureRow> {
        let mut rows = self.feature_rows();
        rows.extend(self.pixel_rows());
        if let Some(classifier) = &self.quality.classifier {
            rows.extend(classifier_rows(classifier));
        }
        rows
    }

    /// Returns the figures in the features of the random network.
    fn feature_rows(&self) -> Vec<FigureRow> {
        let SampleQuality {
            samples, held_out, ..
        } = &self.quality;
        vec![
            FigureRow::new(
                ["precision"; 2],
                3,
                [samples.precision, held_out.precision],
                "share that lies among training images: realistic",
            ),
            FigureRow::new(
                ["recall"; 2],
                3,
                [samples.recall, held_out.recall],
                "share of training images that lie among these: varied",
            ),
            FigureRow::new(
                ["density"; 2],
                3,
                [samples.density, held_out.density],
                "how many training images these lie close to, on the mean",
            ),
            FigureRow::new(
                ["coverage"; 2],
                3,
                [samples.coverage, held_out.coverage],
                "share of training images that have one of these close by",
            ),
            FigureRow::new(
                ["kernel_distance", "kernel distance"],
                5,
                [samples.kernel_distance, held_out.kernel_distance],
                "from the training images; 0 for the same distribution",
            ),
        ]
    }

    /// Returns the figures of the nearest training images.
    fn pixel_rows(&self) -> [FigureRow; 2] {
        let SampleQuality {
            memorised,
            searched: [searched, all],
            ..
        } = &self.quality;
        let among = if searched < all {
            format!("{searched} of {all} training images, drawn at random")
        } else {
            format!("{all} training images")
        };
        [
            FigureRow::new(
                ["memorised"; 2],
                3,
                [memorised.samples, memorised.held_out],
                "share that is like a copy of one training image",
            ),
            FigureRow::new(
                ["nearest_distance", "nearest image"],
                4,
                memorised.distances,
                format!("root mean square per value, among {among}"),
            ),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let SampleQuality {
            count,
            feature_count,
            ..
        } = self.quality;
        let [percent, next] = [100.0 * QUANTILE, (NEAREST - 1) as f64];
        let mut notes = vec![
            format!(
                "the first five figures are of {feature_count} features of a fixed random network, {NETWORK}: they depend on it and on N = {count}; compare them with others at equal N, and with nothing that is computed in another network"
            ),
            format!(
                "memorised: as near to one training image, beside the next {next}, as {percent} % of the {} images are; ± in the table is the bootstrap's, from {RESAMPLES} resamples",
                self.split
            ),
        ];
        if let Some(sheet) = &self.sheet {
            notes.push(format!(
                "the samples that are most like copies, above their nearest training images: {sheet}"
            ));
        }
        notes
    }

    fn json(&self, rows: &[FigureRow], classes: Option<Table>) -> Value {
        let quality = &self.quality;
        let mut object = Map::new();
        let mut add = |key: String, value: Value| {
            object.insert(key, value);
        };
        add("samples".into(), quality.count.into());
        add("from".into(), self.from.as_str().into());
        add("temperature".into(), self.temperature.into());
        add("held_out_split".into(), self.split.as_str().into());
        add("network".into(), NETWORK.into());
        add("features".into(), quality.feature_count.into());
        add("neighbours".into(), NEIGHBOURS.into());
        add("resamples".into(), RESAMPLES.into());
        for figure in rows {
            let held_out = format!("{}_held_out", figure.key);
            Cell::estimate(figure.samples, 0).fields(figure.key, &mut add);
            Cell::estimate(figure.held_out, 0).fields(&held_out, &mut add);
        }
        add(
            "memorised_threshold".into(),
            quality.memorised.threshold.into(),
        );
        add("nearest_searched".into(), quality.searched[0].into());
        add("training_images".into(), quality.searched[1].into());
        add("nearest_sheet".into(), json!(self.sheet));
        let fidelity = quality.fidelity;
        let psnr = fidelity.map(|fidelity| fidelity.psnr);
        Cell::estimate(psnr, 0).fields("psnr", &mut add);
        let ssim = fidelity.and_then(|fidelity| fidelity.ssim);
        Cell::estimate(ssim, 0).fields("ssim", &mut add);
        let mut classes_of = Report::new();
        classes
            .into_iter()
            .for_each(|table| classes_of.table(table));
        object.extend(classes_of.json().as_object().cloned().unwrap_or_default());
        object.into()
    }
}

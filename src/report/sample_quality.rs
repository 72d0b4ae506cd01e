//! The part of the report of `vae eval` that says how good a model's samples are, beside real held-out images.

use serde_json::{Map, Value, json};

use super::{Cell, Column, Report, Table};
use crate::eval::Estimate;
use crate::eval::sample_quality::{NEIGHBOURS, NETWORK, QUANTILE, RESAMPLES, SURE, SampleQuality};

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

/// A figure of the samples beside the same of the held-out images.
struct Beside {
    key: &'static str,
    title: &'static str,
    digits: usize,
    samples: Option<Estimate>,
    held_out: Option<Estimate>,
    about: String,
}

/// The share of the images that are read as a class.
struct ClassShare {
    class: String,
    shares: [f64; 2],
}

const CLASSES: &[Column<ClassShare>] = &[
    Column {
        key: "class",
        title: "read as",
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
        let figures = self.figures();
        report.table(self.table(&figures));
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
        report.field("sample_quality", self.json(&figures, classes));
    }

    fn table(&self, figures: &[Beside]) -> Table {
        let SampleQuality { count, .. } = self.quality;
        let rows = figures.iter().map(|figure| {
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
            rows: rows.collect(),
            has_titles: true,
            ..Table::default()
        }
    }

    fn class_table(&self) -> Option<Table> {
        let judged = self.quality.judged.as_ref()?;
        let shares = self.classes.iter().zip(&judged.histogram);
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

    /// Returns the figures, in order.
    fn figures(&self) -> Vec<Beside> {
        let SampleQuality {
            samples,
            held_out,
            memorised,
            searched: [searched, all],
            judged,
            ..
        } = &self.quality;
        let beside = |key, title, digits, [samples, held_out]: [Estimate; 2], about: &str| Beside {
            key,
            title,
            digits,
            samples: Some(samples),
            held_out: Some(held_out),
            about: about.to_owned(),
        };
        let among = if searched < all {
            format!("{searched} of {all} training images, drawn at random")
        } else {
            format!("{all} training images")
        };
        let mut figures = vec![
            beside(
                "precision",
                "precision",
                3,
                [samples.precision, held_out.precision],
                "share that lies among training images: realistic",
            ),
            beside(
                "recall",
                "recall",
                3,
                [samples.recall, held_out.recall],
                "share of training images that lie among these: varied",
            ),
            beside(
                "density",
                "density",
                3,
                [samples.density, held_out.density],
                "how many training images these lie close to, on the mean",
            ),
            beside(
                "coverage",
                "coverage",
                3,
                [samples.coverage, held_out.coverage],
                "share of training images that have one of these close by",
            ),
            beside(
                "kernel_distance",
                "kernel distance",
                5,
                [samples.kernel_distance, held_out.kernel_distance],
                "from the training images; 0 for the same distribution",
            ),
            beside(
                "memorised",
                "memorised",
                3,
                [memorised.samples, memorised.held_out],
                "share that is like a copy of one training image",
            ),
            beside(
                "nearest_distance",
                "nearest image",
                4,
                memorised.distances,
                &format!("root mean square per value, among {among}"),
            ),
        ];
        let Some(judged) = judged else {
            return figures;
        };
        let classifier = "a classifier that was trained on the training images";
        figures.push(Beside {
            samples: judged.as_asked,
            ..beside(
                "read_right",
                "read right",
                3,
                [judged.accuracy; 2],
                &match judged.as_asked {
                    Some(_) => format!("by {classifier}: samples as asked, images as labelled"),
                    None => format!("by {classifier}: as labelled"),
                },
            )
        });
        figures.extend([
            beside(
                "confidence",
                "confidence",
                3,
                judged.confidence,
                "its mean probability for the class that it reads",
            ),
            beside(
                "sure",
                "sure",
                3,
                judged.sure,
                &format!("share with a probability of at least {SURE}"),
            ),
            beside(
                "class_entropy",
                "class entropy",
                3,
                judged.entropy,
                &format!(
                    "of the classes that it reads, in nats; at most {:.3}",
                    (judged.histogram.len() as f64).ln()
                ),
            ),
        ]);
        figures
    }

    fn notes(&self) -> Vec<String> {
        let SampleQuality {
            count,
            feature_count,
            ..
        } = self.quality;
        let percent = 100.0 * QUANTILE;
        let mut notes = vec![
            format!(
                "the first five figures are of {feature_count} features of a fixed random network, {NETWORK}: they depend on it and on N = {count}; compare them with others at equal N, and with nothing that is computed in another network"
            ),
            format!(
                "memorised: as near to one training image, beside the next {NEIGHBOURS}, as {percent} % of the {} images are; ± in the table is the bootstrap's, from {RESAMPLES} resamples",
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

    fn json(&self, figures: &[Beside], classes: Option<Table>) -> Value {
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
        for figure in figures {
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

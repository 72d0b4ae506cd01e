//! Histograms of groups of values, one below the other over one axis, with a threshold across all of them.

use plotters::prelude::{DrawingBackend, PathElement, RGBColor, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::axis::{Range, drawable, number};
use super::chart::{
    AxisStyle, Chart, Drawn, FAINT, INK, LINE, LegendEntry, MARGIN, Page, TEXT, TITLE, row_width,
};
use super::font;

/// The colours of the groups and of the threshold, from Okabe and Ito (2008), which colour-blind readers can distinguish.
const FIRST: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const OTHERS: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const MARK: RGBColor = RGBColor(0x00, 0x00, 0x00);

/// The width of the plot without its axes, and the height of a group.
const WIDTH: f64 = 560.0;
const ROW: f64 = 56.0;
/// The room below the plot, for the numbers and the label of the axis.
const BELOW: f64 = 50.0;
const BINS: usize = 48;
/// The shares of a group's values between which its bulk lies, and the room beyond it, as a share of its length.
const MOST: [f64; 2] = [0.02, 0.9];
const ROOM: f64 = 0.25;
/// The most characters of a group's name.
const LONGEST_NAME: usize = 28;

/// The most groups that a chart shows.
pub const MOST_GROUPS: usize = 16;

/// A group of values, with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramGroup {
    pub name: String,
    pub values: Vec<f64>,
}

/// A chart of histograms. Each is as high as the others, whatever the number of its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Histograms {
    pub title: String,
    pub x_label: String,
    /// The first group has a colour of its own.
    pub groups: Vec<HistogramGroup>,
    /// A value that is marked, and its meaning.
    pub threshold: Option<(f64, String)>,
}

impl Chart for Histograms {
    fn size(&self) -> [f64; 2] {
        let title = f64::from(font::width(&self.title, TITLE as f32));
        let width = (self.left() + WIDTH + MARGIN)
            .max(title)
            .max(row_width(&self.entries()));
        [2.0 * MARGIN + width, MARGIN + self.top() + self.height()]
    }

    /// Draws the groups. Values that are not finite are left out. Values that are far from the bulk of every group stand at the end of the
    /// axis, and a remark says how far they go.
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Drawn<B> {
        page.text(&self.title, [MARGIN, MARGIN + 8.0], TITLE, INK, HPos::Left)?;
        page.legend_row(
            &self.entries(),
            [MARGIN, MARGIN + 20.0 + LINE / 2.0],
            |page, [x, y], colour| page.line(&[[x, y], [x + 20.0, y]], colour),
        )?;
        let groups = self.groups.iter().take(MOST_GROUPS);
        let values: Vec<Vec<f64>> = groups
            .map(|group| group.values.iter().copied().filter_map(drawable).collect())
            .collect();
        let threshold = self.threshold.as_ref().and_then(|(at, _)| drawable(*at));
        let shown = Range::of(
            values
                .iter()
                .flat_map(|values| bulk(values))
                .chain(threshold),
        );
        let count = values.len();
        let rows = Range {
            low: -0.5,
            high: count.max(1) as f64 - 0.5,
        };
        let name = |value: &f64| {
            let row = (value.fract() == 0.0 && *value >= 0.0).then_some(*value as usize);
            // The first group is the highest.
            let group = row.and_then(|row| count.checked_sub(row + 1));
            group.map_or_else(String::new, |group| self.name(group))
        };
        let style = AxisStyle {
            x_label: &self.x_label,
            y_label: "",
            x_count: 8,
            x_name: &|value: &f64| number(*value),
            y_count: count + 1,
            y_name: Some(&name),
            x_grid: true,
            left: self.left(),
        };
        let size = [self.left() + WIDTH + MARGIN, self.height()];
        let part = page.part([MARGIN, MARGIN + self.top()], size);
        let mut plot = part.axes(shown.padded(0.02), rows, &style)?;
        let bin = (shown.high - shown.low) / BINS as f64;
        for (group, values) in values.iter().enumerate() {
            let colour = if group == 0 { FIRST } else { OTHERS };
            let base = (count - 1 - group) as f64 - 0.42;
            let heights = heights(values, shown);
            let bars = heights
                .into_iter()
                .enumerate()
                .filter(|(_, high)| *high > 0.0);
            plot.draw_series(bars.map(|(i, high)| {
                let left = shown.low + bin * i as f64;
                Rectangle::new(
                    [(left, base), (left + bin, base + 0.84 * high)],
                    colour.filled(),
                )
            }))?;
        }
        if let Some(at) = threshold {
            let line = vec![(at, rows.low), (at, rows.high)];
            plot.draw_series([PathElement::new(line, page.line_style(MARK, 1.8))])?;
        }
        let all = || values.iter().flatten().copied();
        let ends = [
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        ];
        let right = self.left() + WIDTH;
        if ends[1] > shown.high {
            let text = format!("\u{2192} up to {}", super::axis::short(ends[1]));
            part.text(&text, [right, 14.0], TEXT, FAINT, HPos::Right)?;
        }
        if ends[0] < shown.low {
            let text = format!("\u{2190} down to {}", super::axis::short(ends[0]));
            part.text(&text, [self.left() + 10.0, 14.0], TEXT, FAINT, HPos::Left)?;
        }
        Ok(())
    }
}

impl Histograms {
    fn name(&self, group: usize) -> String {
        let name = self.groups.get(group).map_or("", |group| &group.name);
        name.chars().take(LONGEST_NAME).collect()
    }

    fn entries(&self) -> Vec<LegendEntry<'_>> {
        let threshold = self.threshold.iter();
        threshold
            .map(|(_, name)| LegendEntry { name, colour: MARK })
            .collect()
    }

    /// Returns the room for the names of the groups.
    fn left(&self) -> f64 {
        let count = self.groups.len().min(MOST_GROUPS);
        let widths = (0..count).map(|group| font::width(&self.name(group), TEXT as f32));
        24.0 + f64::from(widths.max().unwrap_or(0))
    }

    /// Returns the height of the title and the legend.
    fn top(&self) -> f64 {
        20.0 + if self.threshold.is_some() { LINE } else { 0.0 }
    }

    fn height(&self) -> f64 {
        ROW * self.groups.len().clamp(1, MOST_GROUPS) as f64 + BELOW
    }
}

/// Returns the ends of most values, with some room beyond them: scores of abnormal images have a long tail, which would flatten
/// the rest.
fn bulk(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64).round() as usize];
    if sorted.is_empty() {
        return Vec::new();
    }
    let [low, high] = [at(MOST[0]), at(MOST[1])];
    let room = ROOM * (high - low);
    vec![(low - room).max(at(0.0)), (high + room).min(at(1.0))]
}

/// Returns the number of values in each bin, relative to the fullest one. Values beyond the range are in the bins at its ends.
fn heights(values: &[f64], range: Range) -> Vec<f64> {
    let mut counts = vec![0.0_f64; BINS];
    for value in values {
        let place = (value - range.low) / (range.high - range.low) * BINS as f64;
        counts[(place.max(0.0) as usize).min(BINS - 1)] += 1.0;
    }
    let most = counts.iter().fold(1.0_f64, |most, count| most.max(*count));
    counts.into_iter().map(|count| count / most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(name: &str, values: &[f64]) -> HistogramGroup {
        HistogramGroup {
            name: name.to_owned(),
            values: values.to_vec(),
        }
    }

    #[test]
    fn bins_are_relative_to_the_fullest_and_hold_what_is_beyond() {
        let range = Range {
            low: 0.0,
            high: BINS as f64,
        };
        let found = heights(&[0.5, 0.7, 3.1, 1e9, -5.0], range);
        assert_eq!(
            (found[0], found[3], found[BINS - 1]),
            (1.0, 1.0 / 3.0, 1.0 / 3.0)
        );
        assert_eq!(found.iter().filter(|high| **high > 0.0).count(), 3);
    }

    #[test]
    fn groups_and_the_threshold_are_named_and_an_outlier_is_told() {
        let spread: Vec<f64> = (0..50).map(f64::from).collect();
        let chart = Histograms {
            title: "scores".to_owned(),
            x_label: "nats".to_owned(),
            groups: vec![
                group("normal (50)", &spread),
                group(
                    "crack <b>",
                    &[
                        60.0,
                        60.5,
                        61.0,
                        62.0,
                        62.5,
                        63.0,
                        64.0,
                        65.0,
                        66.0,
                        1e6,
                        f64::NAN,
                    ],
                ),
            ],
            threshold: Some((48.0, "flagged above".to_owned())),
        };
        let svg = chart.svg().unwrap();
        for text in [
            "normal (50)",
            "crack &lt;b&gt;",
            "flagged above",
            "nats",
            "→ up to 1.00e6",
        ] {
            assert!(svg.lines().any(|line| line.trim() == text), "{text}: {svg}");
        }
        assert_eq!(chart.png().unwrap(), chart.png().unwrap());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_groups_make_an_image(
            groups in prop::collection::vec((any::<String>(), prop::collection::vec(any::<f64>(), 0..20)), 0..20),
            at in prop::option::of(any::<f64>()),
            title in any::<String>(),
        ) {
            let groups = groups.iter().map(|(name, values)| group(name, values)).collect();
            let threshold = at.map(|at| (at, title.clone()));
            let chart = Histograms { title: title.clone(), x_label: title, groups, threshold };
            chart.png().unwrap();
            chart.svg().unwrap();
        }
    }
}

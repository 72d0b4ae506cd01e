//! Charts of points in a plane, coloured by class, with a legend beside them.

use plotters::prelude::{Circle, DrawingBackend, RGBColor};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::axis::{Range, drawable, number, short};
use super::chart::{AxisStyle, Chart, Drawn, FAINT, INK, LINE, MARGIN, Page, TEXT, TITLE};
use super::font;
use crate::rng::Rng;

/// Ten colours from Okabe and Ito (2008) and Tol (2021) that all readers can distinguish as small, transparent points
/// on white. For each kind of colour blindness (simulated after Machado et al. 2009) the two nearest are 0.050 apart in
/// Oklab. In Petroff's sequence of ten (2021), which was made for the purpose, they are 0.034 apart.
const COLOURS: [[u8; 3]; 10] = [
    [0x00, 0x77, 0xbb],
    [0xcc, 0xbb, 0x44],
    [0x88, 0x22, 0x55],
    [0x56, 0xb4, 0xe9],
    [0x00, 0x00, 0x00],
    [0xee, 0x33, 0x77],
    [0x33, 0x22, 0x88],
    [0xcc, 0x79, 0xa7],
    [0x99, 0x77, 0x00],
    [0x11, 0x77, 0x33],
];

/// The length of the plot's longer side, and the minimum of the other side.
const LONG: f64 = 560.0;
const SHORT: f64 = 280.0;
/// The height of a lane.
const LANE: f64 = 36.0;
/// The room above the plot, for the title, and below it, for the numbers and the label.
const ABOVE: f64 = 34.0;
const BELOW: f64 = 44.0;
/// The most characters of a class's name that are shown.
const LONGEST_NAME: usize = 20;
/// The number of points from which on points are drawn small.
const MANY: usize = 1500;

/// A scatter plot.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    pub title: &'a str,
    /// The labels of the horizontal and the vertical axis.
    pub axes: [&'a str; 2],
    /// The points `[x, y]`. Points that are not finite are left out.
    pub points: &'a [[f64; 2]],
    /// The class of each point, an index into `classes`. If it is `None`, all points have one colour and there is no
    /// legend.
    pub labels: Option<&'a [u32]>,
    pub classes: &'a [String],
    /// Whether the vertical axis shows the names of the classes. The points of a class then lie around the class's
    /// index.
    pub lanes: bool,
}

/// Returns points for [`Scatter::lanes`]: one-dimensional values, in a lane for each class. The height within the lane
/// is random, so that equal values do not cover each other.
pub fn in_lanes(values: impl IntoIterator<Item = f64>, labels: Option<&[u32]>) -> Vec<[f64; 2]> {
    let rng = Rng::new(0).stream("lanes");
    let lane = |index: usize| {
        let label = labels.and_then(|labels| labels.get(index));
        label.copied().map_or(0.0, f64::from)
    };
    let height = |index: usize| lane(index) + 0.7 * (f64::from(rng.uniform(index as u64)) - 0.5);
    let points = values.into_iter().enumerate();
    points
        .map(|(index, value)| [value, height(index)])
        .collect()
}

/// The positions and sizes of a plot's parts.
struct ScatterLayout {
    ranges: [Range; 2],
    /// The size of the plot without its axes.
    plot: [f64; 2],
    /// The room left of the plot, for the numbers and the label.
    left: f64,
    /// The width of the legend's columns, and the number of its rows.
    legend: (f64, usize),
}

impl Chart for Scatter<'_> {
    fn size(&self) -> [f64; 2] {
        let layout = self.layout();
        let [width, height] = layout.plot;
        let columns = self.shown().len().div_ceil(layout.legend.1);
        let wide = layout.left + width + 2.0 * MARGIN + layout.legend.0 * columns as f64;
        let title = f64::from(font::width(self.title, TITLE as f32));
        [
            wide.max(title) + 2.0 * MARGIN,
            ABOVE + height + BELOW + 2.0 * MARGIN,
        ]
    }

    /// Draws the points in a random but fixed order, so that no class covers the others.
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Drawn<B> {
        let layout = self.layout();
        let [width, height] = layout.plot;
        page.text(
            self.title,
            [MARGIN, MARGIN + ABOVE / 2.0 - 6.0],
            TITLE,
            INK,
            HPos::Left,
        )?;
        let x = layout.ranges[0];
        let class_name = |value: &f64| {
            // Every whole number is a lane.
            let name = (value.fract() == 0.0).then(|| self.name(*value as usize));
            name.unwrap_or_default()
        };
        let style = AxisStyle {
            x_label: self.axes[0],
            y_label: self.axes[1],
            x_count: 8,
            x_name: &|value: &f64| number(*value),
            y_count: if self.lanes {
                self.classes.len() + 2
            } else {
                8
            },
            y_name: self.lanes.then_some(&class_name as &dyn Fn(&f64) -> String),
            x_grid: true,
            left: layout.left,
        };
        let size = [layout.left + width + MARGIN, height + BELOW + MARGIN / 2.0];
        let part = page.part([MARGIN, MARGIN + ABOVE - MARGIN / 2.0], size);
        let mut plot = part.axes(x, layout.ranges[1], &style)?;
        let drawn: Vec<(usize, (f64, f64))> = Rng::new(0)
            .stream("scatter")
            .permutation(self.points.len())
            .into_iter()
            .filter_map(|index| {
                let [x, y] = self.points[index as usize].map(drawable);
                Some((index as usize, (x?, y?)))
            })
            .collect();
        let (radius, alpha) = if drawn.len() < MANY {
            (3.0, 0.7)
        } else {
            (2.5, 0.6)
        };
        let radius = page.px(radius);
        let labels = self.labels.unwrap_or_default();
        plot.draw_series(drawn.iter().map(|&(index, at)| {
            let class = labels.get(index).copied().map_or(0, |label| label as usize);
            Circle::new(at, radius, colour(class).mix(alpha).filled())
        }))?;
        if drawn.is_empty() {
            let at = [
                MARGIN + layout.left + width / 2.0,
                MARGIN + ABOVE + height / 2.0,
            ];
            page.text("no values", at, TEXT, FAINT, HPos::Center)?;
        }
        for (place, class) in self.shown().into_iter().enumerate() {
            let (column, row) = (place / layout.legend.1, place % layout.legend.1);
            let x = layout.left + width + 3.0 * MARGIN + layout.legend.0 * column as f64;
            let y = MARGIN + ABOVE + LINE * (row as f64 + 0.5);
            page.dot([x + 5.0, y], 5.0, colour(class))?;
            page.text(&self.name(class), [x + 18.0, y], TEXT, INK, HPos::Left)?;
        }
        Ok(())
    }
}

impl Scatter<'_> {
    /// Returns the classes in the legend, which are the classes with a point. Lanes already have their names beside
    /// them.
    fn shown(&self) -> Vec<usize> {
        if self.lanes {
            return Vec::new();
        }
        let labels = self.labels.unwrap_or_default();
        let has_point = |class: &usize| labels.iter().any(|&label| label as usize == *class);
        (0..self.classes.len()).filter(has_point).collect()
    }

    fn layout(&self) -> ScatterLayout {
        let values = |axis: usize| {
            self.points
                .iter()
                .filter_map(move |point| drawable(point[axis]))
        };
        let mut ranges = [0, 1].map(|axis| Range::of(values(axis)).padded(0.04));
        let lanes = self.classes.len().max(1);
        if self.lanes {
            let high = lanes as f64 - 0.4;
            ranges[1] = Range { low: -0.6, high };
        }
        // Both axes have the same unit length, so that distances are visible, unless one side would become too short.
        let lengths = ranges.map(|range| range.high - range.low);
        let longest = lengths[0].max(lengths[1]);
        let mut plot = lengths.map(|length| (LONG * length / longest).max(SHORT));
        if self.lanes {
            plot = [LONG, (LANE * lanes as f64).clamp(SHORT / 2.0, LONG)];
        }
        let text = |text: &str| f64::from(font::width(text, TEXT as f32));
        let widest = if self.lanes {
            let names = (0..self.classes.len()).map(|class| text(&self.name(class)));
            names.fold(0.0, f64::max)
        } else {
            text(&short(ranges[1].low)).max(text(&short(ranges[1].high)))
        };
        let names = self
            .shown()
            .into_iter()
            .map(|class| text(&self.name(class)));
        ScatterLayout {
            ranges,
            plot,
            left: 34.0 + widest,
            legend: (
                18.0 + names.fold(0.0, f64::max) + MARGIN,
                (plot[1] / LINE).max(1.0) as usize,
            ),
        }
    }

    /// Returns the name of a class, cut to the available room.
    fn name(&self, class: usize) -> String {
        let name = self.classes.get(class).map_or("", String::as_str);
        name.chars().take(LONGEST_NAME).collect()
    }
}

/// Returns the colour of a class. From the eleventh class on the colours repeat, darker.
fn colour(class: usize) -> RGBColor {
    let round = (class / COLOURS.len()) as i32;
    let [red, green, blue] =
        COLOURS[class % COLOURS.len()].map(|value| (f64::from(value) * 0.6_f64.powi(round)) as u8);
    RGBColor(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    fn drawn(scatter: &Scatter) -> RgbImage {
        let png = scatter.png().unwrap();
        image::load_from_memory(&png).unwrap().into_rgb8()
    }

    /// Counts the pixels that a class's points leave on the bare page.
    fn inked(image: &RgbImage, class: usize, alpha: f64) -> usize {
        let RGBColor(red, green, blue) = colour(class);
        let mixed = [red, green, blue].map(|value| 255.0 + alpha * (f64::from(value) - 255.0));
        let is_near = |pixel: &image::Rgb<u8>| {
            pixel
                .0
                .iter()
                .zip(mixed)
                .all(|(a, b)| (f64::from(*a) - b).abs() < 4.0)
        };
        image.pixels().filter(|pixel| is_near(pixel)).count()
    }

    #[test]
    fn points_have_the_colour_of_their_class_and_the_legend_has_each_class_with_a_point() {
        let points = [[-1.3, 0.2], [2.1, 3.3], [0.7, -1.1]];
        let classes = names(12);
        let scatter = Scatter {
            title: "three points",
            axes: ["x", "y"],
            points: &points,
            labels: Some(&[0, 3, 11]),
            classes: &classes,
            lanes: false,
        };
        let image = drawn(&scatter);
        // Class 4 is left out because it is black like the text.
        for class in (0..12).filter(|class| *class != 4) {
            let is_shown = [0, 3, 11].contains(&class);
            let name = &classes[class];
            assert_eq!(
                inked(&image, class, 0.7) > 20,
                is_shown,
                "a point of {name}"
            );
            assert_eq!(inked(&image, class, 1.0) > 100, is_shown, "{name}");
        }
        let svg = scatter.svg().unwrap();
        assert!(
            svg.contains("\nclass 11\n") && !svg.contains("\nclass 10\n"),
            "{svg}"
        );
        let bare = Scatter {
            labels: None,
            ..scatter
        };
        assert!(bare.size()[0] < scatter.size()[0] && !bare.svg().unwrap().contains("class"));
    }

    #[test]
    fn one_unit_is_as_long_on_both_axes() {
        let points = [[0.0, 0.0], [4.0, 3.0]];
        let scatter = Scatter {
            title: "",
            axes: ["", ""],
            points: &points,
            labels: None,
            classes: &[],
            lanes: false,
        };
        let ScatterLayout { ranges, plot, .. } = scatter.layout();
        let unit = [0, 1].map(|axis| plot[axis] / (ranges[axis].high - ranges[axis].low));
        assert!((unit[0] - unit[1]).abs() < 1e-6, "{unit:?}");
    }

    #[test]
    fn no_class_hides_another() {
        // Two classes have points at the same positions, the second after the first in the data.
        let grid = (0..2).flat_map(|_| (0..900).map(|i| [f64::from(i % 30), f64::from(i / 30)]));
        let points: Vec<[f64; 2]> = grid.collect();
        let labels: Vec<u32> = (0..1800).map(|i| u32::from(i >= 900)).collect();
        let classes = names(2);
        let scatter = Scatter {
            title: "",
            axes: ["", ""],
            points: &points,
            labels: Some(&labels),
            classes: &classes,
            lanes: false,
        };
        let image = drawn(&scatter);
        // The first class has more blue than red, and the second has more red. The pixel's colour shows which one is on
        // top.
        let coloured = image
            .pixels()
            .filter(|pixel| pixel[0].abs_diff(pixel[2]) > 30);
        let (blue, all) = coloured.fold((0, 0), |(blue, all), pixel| {
            (blue + usize::from(pixel[2] > pixel[0]), all + 1)
        });
        let share = f64::from(blue as u32) / f64::from(all);
        assert!((0.35..0.65).contains(&share), "{share}");
    }

    #[test]
    fn lanes_are_named_and_their_points_stay_in_them() {
        let labels = [0, 1, 2, 2, 1, 0];
        let points = in_lanes((0..6).map(f64::from), Some(&labels));
        let mut heights = points.iter().zip(labels);
        assert!(heights.all(|(point, label)| (point[1] - f64::from(label)).abs() <= 0.35));
        assert_eq!(points, in_lanes((0..6).map(f64::from), Some(&labels)));
        let classes = names(3);
        let scatter = Scatter {
            title: "",
            axes: ["z0", ""],
            points: &points,
            labels: Some(&labels),
            classes: &classes,
            lanes: true,
        };
        let svg = scatter.svg().unwrap();
        for class in &classes {
            assert!(svg.contains(&format!("\n{class}\n")), "{class}: {svg}");
        }
        assert_eq!(in_lanes([5.0], None)[0][0], 5.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_points_make_an_image(
            points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..30),
            labels in prop::option::of(prop::collection::vec(0..300_u32, 0..30)),
            count in 0_usize..40,
            lanes in any::<bool>(),
            title in any::<String>(),
        ) {
            let points: Vec<[f64; 2]> = points.into_iter().map(|(x, y)| [x, y]).collect();
            let classes = names(count);
            let axes = [title.as_str(), ""];
            let scatter = Scatter {
                title: &title, axes, points: &points, labels: labels.as_deref(), classes: &classes, lanes,
            };
            drawn(&scatter);
            scatter.svg().unwrap();
        }
    }
}

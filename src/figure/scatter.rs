//! Points in a plane, coloured by class, on axes with ticks and beside a legend.

use image::{Rgb, RgbImage};

use super::axis::{Range, Tick, drawable, plain};
use super::font;
use crate::rng::Rng;

/// Of the colours of Okabe and Ito (2008) and of Tol (2021) ten that are told apart as small, see-through points on white,
/// by all readers: with each kind of colour blindness (as Machado et al. 2009 simulate it) the two nearest are 0.050
/// apart in Oklab. In Petroff's sequence of ten (2021), made for the purpose, it is 0.034.
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

/// The plot's longer side, and the least of the other, in pixels as everything here.
const LONG: f64 = 760.0;
const SHORT: f64 = 380.0;
/// Around the figure, and between the plot and what is beside it.
const MARGIN: u32 = 16;
const PAD: u32 = 8;
/// A line of text and the room below it.
const LINE: u32 = 24;
const TEXT: u32 = 2;
/// A name in the legend has room for so many characters.
const LONGEST_NAME: u32 = 16;
/// Fewer points than this are drawn larger.
const MANY: usize = 1500;

const PAGE: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([34; 3]);
const GRID: Rgb<u8> = Rgb([228; 3]);

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    pub title: &'a str,
    /// What the horizontal and the vertical axis show.
    pub axes: [&'a str; 2],
    /// One that is not finite is left out.
    pub points: &'a [[f64; 2]],
    /// The class of each point, an index into `classes`. Without, all have one colour, and there is no legend.
    pub labels: Option<&'a [u8]>,
    pub classes: &'a [String],
    /// Whether the vertical axis shows classes by their names: the points of each around its index.
    pub lanes: bool,
}

/// Values that have a single coordinate, a lane for each class: points for [`Scatter::lanes`]. Within its lane a point's
/// height is drawn by lot, so that those of one value do not cover each other.
pub fn in_lanes(values: impl IntoIterator<Item = f64>, labels: Option<&[u8]>) -> Vec<[f64; 2]> {
    let rng = Rng::new(0).stream("lanes");
    let lane = |index: usize| {
        labels
            .and_then(|labels| labels.get(index))
            .copied()
            .map_or(0.0, f64::from)
    };
    let height = |index: usize| lane(index) + 0.7 * (f64::from(rng.uniform(index as u64)) - 0.5);
    values
        .into_iter()
        .enumerate()
        .map(|(index, value)| [value, height(index)])
        .collect()
}

/// Where things are.
struct Layout {
    /// Of the plot: its upper left corner and its size.
    corner: [u32; 2],
    size: [u32; 2],
    ranges: [Range; 2],
    ticks: [Vec<Tick>; 2],
    canvas: [u32; 2],
    /// Rows of the legend's columns, and the width of a column.
    legend: [u32; 2],
}

impl Scatter<'_> {
    /// The points are drawn in an order that is drawn by lot, once and for all: no class lies on top of the others.
    pub fn draw(&self) -> RgbImage {
        let layout = self.layout();
        let mut canvas = RgbImage::from_pixel(layout.canvas[0], layout.canvas[1], PAGE);
        let title = font::fit(self.title, layout.canvas[0] - 2 * MARGIN, TEXT);
        font::draw(&mut canvas, &title, [MARGIN, MARGIN], TEXT, INK);
        self.draw_axes(&mut canvas, &layout);
        let drawn = self
            .points
            .iter()
            .filter(|point| point.iter().all(|value| drawable(*value).is_some()))
            .count();
        let (radius, alpha) = if drawn < MANY { (4.0, 0.7) } else { (2.5, 0.6) };
        for index in Rng::new(0).stream("scatter").permutation(self.points.len()) {
            let [Some(x), Some(y)] = self.points[index as usize].map(drawable) else {
                continue;
            };
            let label = self
                .labels
                .and_then(|labels| labels.get(index as usize))
                .copied()
                .unwrap_or(0);
            disc(
                &mut canvas,
                layout.place([x, y]),
                radius,
                colour(usize::from(label)),
                alpha,
            );
        }
        if drawn == 0 {
            let [x, y] = [0, 1].map(|axis| layout.corner[axis] + layout.size[axis] / 2);
            font::draw(
                &mut canvas,
                "no values",
                [x - font::width("no values", TEXT) / 2, y],
                TEXT,
                INK,
            );
        }
        self.draw_legend(&mut canvas, &layout);
        canvas
    }

    /// The classes in the legend: those that have a point. Lanes have their names beside them already.
    fn shown(&self) -> Vec<usize> {
        if self.lanes {
            return Vec::new();
        }
        let labels = self.labels.unwrap_or_default();
        (0..self.classes.len())
            .filter(|&class| labels.iter().any(|&label| usize::from(label) == class))
            .collect()
    }

    fn layout(&self) -> Layout {
        let values = |axis: usize| {
            self.points
                .iter()
                .filter_map(move |point| drawable(point[axis]))
        };
        let mut ranges = [0, 1].map(|axis| Range::of(values(axis)).padded(0.04));
        if self.lanes {
            ranges[1] = Range {
                low: -0.6,
                high: self.classes.len().max(1) as f64 - 0.4,
            };
        }
        // One unit is as long on both axes, so that distances can be seen; up to a point.
        let lengths = ranges.map(|range| range.high - range.low);
        let longest = lengths[0].max(lengths[1]);
        let mut size = lengths.map(|length| (LONG * length / longest).max(SHORT) as u32);
        if self.lanes {
            size = [
                LONG as u32,
                (LINE * 2 * self.classes.len() as u32).clamp(SHORT as u32 / 2, LONG as u32),
            ];
        }
        let across = ranges[0].ticks(6, false);
        let up = if self.lanes {
            self.names()
        } else {
            ranges[1].ticks(6, false)
        };
        let ticks = [across, up].map(|ticks| ticks.into_iter().map(plain).collect::<Vec<_>>());
        let widest = ticks[1]
            .iter()
            .map(|tick| font::width(&tick.label, TEXT))
            .max()
            .unwrap_or(0);
        let corner = [MARGIN + widest + PAD, MARGIN + 2 * LINE + PAD];
        let rows = (size[1] / LINE).max(1);
        let shown = self.shown();
        let name = shown
            .iter()
            .map(|&class| font::width(&self.name(class), TEXT))
            .max()
            .unwrap_or(0);
        let legend = [rows, LINE + name + PAD];
        let beside = (shown.len() as u32).div_ceil(rows) * legend[1];
        let wide =
            (corner[0] + size[0] + 2 * PAD + beside).max(MARGIN + font::width(self.title, TEXT));
        let canvas = [wide + MARGIN, corner[1] + size[1] + PAD + 2 * LINE + MARGIN];
        Layout {
            corner,
            size,
            ranges,
            ticks,
            canvas,
            legend,
        }
    }

    /// A class's name, as long as there is room for.
    fn name(&self, class: usize) -> String {
        font::fit(&self.classes[class], LONGEST_NAME * 6 * TEXT, TEXT)
    }

    fn names(&self) -> Vec<Tick> {
        (0..self.classes.len())
            .map(|class| Tick {
                value: class as f64,
                label: self.name(class),
            })
            .collect()
    }

    fn draw_axes(&self, canvas: &mut RgbImage, layout: &Layout) {
        let [left, top] = layout.corner;
        let [width, height] = layout.size;
        let bottom = top + height;
        for tick in &layout.ticks[0] {
            let x = layout.place([tick.value, 0.0])[0] as u32;
            bar(canvas, [x, top], [1, height], GRID);
            bar(canvas, [x, bottom], [1, 5], INK);
            let at = x.saturating_sub(font::width(&tick.label, TEXT) / 2);
            font::draw(canvas, &tick.label, [at, bottom + PAD], TEXT, INK);
        }
        for tick in &layout.ticks[1] {
            let y = layout.place([0.0, tick.value])[1] as u32;
            bar(canvas, [left, y], [width, 1], GRID);
            bar(canvas, [left - 5, y], [5, 1], INK);
            let at = left - PAD - font::width(&tick.label, TEXT);
            font::draw(
                canvas,
                &tick.label,
                [at, y.saturating_sub(font::CAPITAL * TEXT / 2)],
                TEXT,
                INK,
            );
        }
        bar(canvas, [left, top], [1, height], INK);
        bar(canvas, [left, bottom], [width, 1], INK);
        let [across, up] = self.axes;
        let middle = left + (width / 2).saturating_sub(font::width(across, TEXT) / 2);
        font::draw(canvas, across, [middle, bottom + PAD + LINE], TEXT, INK);
        // Above its axis: the font does not turn.
        font::draw(canvas, up, [MARGIN, top - LINE], TEXT, INK);
    }

    fn draw_legend(&self, canvas: &mut RgbImage, layout: &Layout) {
        let [rows, width] = layout.legend;
        for (place, class) in self.shown().into_iter().enumerate() {
            let (column, row) = (place as u32 / rows, place as u32 % rows);
            let x = layout.corner[0] + layout.size[0] + 2 * PAD + column * width;
            let y = layout.corner[1] + row * LINE;
            let middle = [x, y].map(|at| f64::from(at) + f64::from(font::CAPITAL * TEXT) / 2.0);
            disc(canvas, middle, 6.0, colour(class), 1.0);
            font::draw(canvas, &self.name(class), [x + LINE, y], TEXT, INK);
        }
    }
}

impl Layout {
    /// Where a point lies on the canvas.
    fn place(&self, point: [f64; 2]) -> [f64; 2] {
        let [x, y] = [
            self.ranges[0].place(point[0]),
            1.0 - self.ranges[1].place(point[1]),
        ];
        [(0, x), (1, y)]
            .map(|(axis, share)| f64::from(self.corner[axis]) + share * f64::from(self.size[axis]))
    }
}

/// The colour of class `index`: from the eleventh on darker ones.
fn colour(index: usize) -> [u8; 3] {
    let round = (index / COLOURS.len()) as i32;
    COLOURS[index % COLOURS.len()].map(|value| (f64::from(value) * 0.6_f64.powi(round)) as u8)
}

/// A disc with a soft edge, mixed with what lies below it.
fn disc(canvas: &mut RgbImage, [x, y]: [f64; 2], radius: f64, colour: [u8; 3], alpha: f64) {
    let around = |at: f64| (at - radius - 1.0).max(0.0) as u32..(at + radius + 2.0).max(0.0) as u32;
    for row in around(y) {
        for column in around(x) {
            let away = (f64::from(column) + 0.5 - x).hypot(f64::from(row) + 0.5 - y);
            let share = alpha * (radius + 0.5 - away).clamp(0.0, 1.0);
            if let Some(pixel) = canvas.get_pixel_mut_checked(column, row) {
                let mixed = |below: u8, above: u8| {
                    f64::from(below) + share * (f64::from(above) - f64::from(below))
                };
                *pixel = Rgb([0, 1, 2].map(|i| mixed(pixel[i], colour[i]).round() as u8));
            }
        }
    }
}

fn bar(canvas: &mut RgbImage, [left, top]: [u32; 2], [width, height]: [u32; 2], ink: Rgb<u8>) {
    for (x, y) in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
        if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
            *pixel = ink;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    fn near(pixel: &Rgb<u8>, colour: [u8; 3]) -> bool {
        pixel.0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 4)
    }

    /// The colour of a point on the bare page.
    fn mixed(class: usize, alpha: f64) -> [u8; 3] {
        colour(class).map(|value| (255.0 + alpha * (f64::from(value) - 255.0)).round() as u8)
    }

    #[test]
    fn points_lie_where_they_belong_in_their_class_s_colour() {
        let points = [[-1.3, 0.2], [2.1, 3.3], [0.7, -1.1]];
        let classes = names(3);
        let scatter = Scatter {
            title: "",
            axes: ["x", "y"],
            points: &points,
            labels: Some(&[0, 1, 2]),
            classes: &classes,
            lanes: false,
        };
        let (layout, drawn) = (scatter.layout(), scatter.draw());
        assert_eq!(drawn.dimensions(), layout.canvas.into());
        for (class, point) in points.into_iter().enumerate() {
            let [x, y] = layout.place(point).map(|at| at as u32);
            assert!(
                near(drawn.get_pixel(x, y), mixed(class, 0.7)),
                "{point:?}: {:?}",
                drawn.get_pixel(x, y)
            );
            assert!(x > layout.corner[0] && x < layout.corner[0] + layout.size[0]);
            assert!(y > layout.corner[1] && y < layout.corner[1] + layout.size[1]);
        }
        // To the right is more, and up is more.
        assert!(layout.place(points[1])[0] > layout.place(points[0])[0]);
        assert!(layout.place(points[1])[1] < layout.place(points[0])[1]);
        // One unit is as long on both axes.
        let [a, b] = [[0.0, 0.0], [1.0, 1.0]].map(|point| layout.place(point));
        assert!(((b[0] - a[0]) - (a[1] - b[1])).abs() < 1.0);
        assert_eq!(drawn, scatter.draw());
    }

    #[test]
    fn the_legend_has_each_class_that_has_a_point() {
        let classes = names(12);
        let labels = [0, 3, 11];
        let points = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.5]];
        let scatter = Scatter {
            title: "three points",
            axes: ["", ""],
            points: &points,
            labels: Some(&labels),
            classes: &classes,
            lanes: false,
        };
        let layout = scatter.layout();
        let beside = layout.corner[0] + layout.size[0] + PAD;
        let drawn = scatter.draw();
        let count = |wanted: [u8; 3]| {
            drawn
                .enumerate_pixels()
                .filter(|(x, _, p)| *x > beside && p.0 == wanted)
                .count()
        };
        for class in 0..12 {
            assert_eq!(
                count(colour(class)) > 50,
                labels.contains(&(class as u8)),
                "class {class}"
            );
        }
        let bare = Scatter {
            labels: None,
            ..scatter
        };
        assert_eq!(
            bare.layout().canvas[0],
            bare.layout().corner[0] + bare.layout().size[0] + 2 * PAD + MARGIN
        );
    }

    #[test]
    fn no_class_hides_another() {
        // Two classes at the same places, the one after the other in the data.
        let points: Vec<[f64; 2]> = (0..2)
            .flat_map(|_| (0..900).map(|i| [f64::from(i % 30), f64::from(i / 30)]))
            .collect();
        let labels: Vec<u8> = (0..1800).map(|i| u8::from(i >= 900)).collect();
        let classes = names(2);
        let scatter = Scatter {
            title: "",
            axes: ["", ""],
            points: &points,
            labels: Some(&labels),
            classes: &classes,
            lanes: false,
        };
        let (layout, drawn) = (scatter.layout(), scatter.draw());
        // The first has more blue than red, the second the reverse: what lies on top decides.
        let blue = points[..900].iter().filter(|&&point| {
            let [x, y] = layout.place(point).map(|at| at as u32);
            let Rgb([red, _, blue]) = *drawn.get_pixel(x, y);
            blue > red
        });
        let blue = blue.count();
        assert!((350..550).contains(&blue), "{blue} of 900");
    }

    #[test]
    fn lanes_are_named_and_their_points_stay_in_them() {
        let labels = [0, 1, 2, 2, 1, 0];
        let points = in_lanes((0..6).map(f64::from), Some(&labels));
        assert!(
            points
                .iter()
                .zip(labels)
                .all(|(point, label)| (point[1] - f64::from(label)).abs() <= 0.35)
        );
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
        let shown: Vec<String> = scatter.layout().ticks[1]
            .iter()
            .map(|tick| tick.label.clone())
            .collect();
        assert_eq!(shown, classes);
        scatter.draw();
        assert_eq!(in_lanes([5.0], None)[0][0], 5.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_points_make_an_image(
            points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..30),
            labels in prop::option::of(prop::collection::vec(any::<u8>(), 0..30)),
            count in 0_usize..40,
            lanes in any::<bool>(),
            title in any::<String>(),
        ) {
            let points: Vec<[f64; 2]> = points.into_iter().map(|(x, y)| [x, y]).collect();
            let classes = names(count);
            let axes = [title.as_str(), ""];
            Scatter { title: &title, axes, points: &points, labels: labels.as_deref(), classes: &classes, lanes }.draw();
        }
    }
}

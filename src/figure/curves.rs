//! Training curves as SVG text: panels side by side, one legend above them.

use std::fmt::Write;
use std::path::Path;

use super::axis::{Range, Tick, drawable, short};
use super::svg::{dot, line, text};
use crate::error::Result;
use crate::files;

/// One line of a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says. A name has one colour in all panels.
    pub name: String,
    /// `(x, y)` from left to right; a point that is not finite interrupts the line.
    pub points: Vec<(f64, f64)>,
}

/// One pair of axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    pub title: String,
    /// The quantity, and its unit.
    pub y_label: String,
    pub series: Vec<Series>,
}

/// The area inside the axes, in CSS pixels, as everything here.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 200.0;
/// Above the axes, for the title.
const TITLE: f64 = 28.0;
/// Below the axes, for the ticks' numbers and the label.
const BELOW: f64 = 46.0;
/// A row of the legend.
const ROW: f64 = 18.0;
/// Around the figure, and between a panel's axes and the next panel.
const MARGIN: f64 = 14.0;
/// The sample of line in the legend.
const SAMPLE: f64 = 24.0;
/// Width of a character: an estimate for sans-serif at 12 px, on the safe side.
const CHARACTER: f64 = 7.0;
/// Series with more points than this are drawn without dots.
const MOST_DOTS: usize = 40;

const TEXT: &str = "#222222";
const GRID: &str = "#e4e4e4";
const FAINT: &str = "#767676";

/// The panels side by side as a complete SVG document.
///
/// Values that are not finite are left out. Where a few values dwarf the rest (the first epoch's, as a rule) the
/// y axis shows the rest; the line leaves the panel, and a remark says how far.
pub fn curves(panels: &[Panel], x_label: &str) -> String {
    let names = names(panels);
    let lefts: Vec<f64> = panels.iter().map(|panel| Axes::of(panel).left()).collect();
    let width = MARGIN + lefts.iter().map(|left| left + WIDTH + MARGIN).sum::<f64>();
    let (legend, rows) = legend(&names, width);
    let top = MARGIN + rows as f64 * ROW + TITLE;
    let height = top + HEIGHT + BELOW;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\" \
         fill=\"{TEXT}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{legend}"
    );
    let mut x = MARGIN;
    for (panel, left) in panels.iter().zip(lefts) {
        svg += &draw_panel(panel, x_label, &names, [x + left, top], left);
        x += left + WIDTH + MARGIN;
    }
    svg + "</svg>\n"
}

/// Writes what [`curves`] made.
pub fn write_svg(path: &Path, svg: &str) -> Result<()> {
    files::write(path, svg.as_bytes())
}

/// The names of all series, each once, in the order in which they come.
fn names(panels: &[Panel]) -> Vec<&str> {
    let mut names = Vec::new();
    for series in panels.iter().flat_map(|panel| &panel.series) {
        if !names.contains(&series.name.as_str()) {
            names.push(series.name.as_str());
        }
    }
    names
}

/// What a panel shows, and what it leaves out.
struct Axes {
    x: Range,
    y: Range,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    /// The lowest and the highest value, where they are off the panel.
    below: Option<f64>,
    above: Option<f64>,
    empty: bool,
}

impl Axes {
    fn of(panel: &Panel) -> Self {
        let series: Vec<Vec<(f64, f64)>> = panel
            .series
            .iter()
            .map(|series| finite(&series.points))
            .collect();
        let xs: Vec<f64> = series.iter().flatten().map(|point| point.0).collect();
        let ys: Vec<Vec<f64>> = series
            .iter()
            .map(|points| points.iter().map(|point| point.1).collect())
            .collect();
        let whole = xs.iter().all(|x| x.fract() == 0.0);
        let [x, y] = [
            Range::of(xs.iter().copied()).padded(0.03),
            Range::without_outliers(&ys).padded(0.06),
        ];
        let y_values = || ys.iter().flatten().copied();
        Self {
            x_ticks: x.ticks(6, whole),
            y_ticks: y.ticks(5, false),
            below: y_values()
                .min_by(f64::total_cmp)
                .filter(|&lowest| lowest < y.low),
            above: y_values()
                .max_by(f64::total_cmp)
                .filter(|&highest| highest > y.high),
            empty: xs.is_empty(),
            x,
            y,
        }
    }

    /// Room for the y label and the ticks' numbers.
    fn left(&self) -> f64 {
        let digits = self
            .y_ticks
            .iter()
            .map(|tick| tick.label.chars().count())
            .max()
            .unwrap_or(0);
        34.0 + digits as f64 * CHARACTER
    }

    /// The place of a point in the panel. Kept to numbers that every renderer can take: a point a hundred panels
    /// away is as good as one further off.
    fn place(&self, (x, y): (f64, f64)) -> [f64; 2] {
        [
            self.x.place(x) * WIDTH,
            (1.0 - self.y.place(y)).clamp(-100.0, 100.0) * HEIGHT,
        ]
    }
}

fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.iter().filter_map(drawable_point).collect()
}

fn drawable_point(&(x, y): &(f64, f64)) -> Option<(f64, f64)> {
    Some((drawable(x)?, drawable(y)?))
}

/// The names, centred above the panels, in as many rows as they need; and the number of rows.
fn legend(names: &[&str], width: f64) -> (String, usize) {
    let entry = |name: &str| SAMPLE + 6.0 + name.chars().count() as f64 * CHARACTER + 16.0;
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut room = 0.0;
    for (index, name) in names
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty())
    {
        match rows.last_mut() {
            Some(row) if entry(name) <= room => row.push(index),
            _ => {
                rows.push(vec![index]);
                room = width - 2.0 * MARGIN;
            }
        }
        room -= entry(name);
    }
    let mut svg = String::new();
    for (row, indices) in rows.iter().enumerate() {
        let used: f64 = indices
            .iter()
            .map(|&index| entry(names[index]))
            .sum::<f64>()
            - 16.0;
        let mut x = ((width - used) / 2.0).max(MARGIN);
        let y = MARGIN + (row as f64 + 0.5) * ROW;
        for &index in indices {
            svg += &line(&[[x, y], [x + SAMPLE, y]], index);
            svg += &dot([x + SAMPLE / 2.0, y], index);
            svg += &text(names[index], [x + SAMPLE + 6.0, y + 4.0], "");
            x += entry(names[index]);
        }
    }
    (svg, rows.len())
}

/// One panel, its axes' upper left corner at `[x, y]`, with `left` pixels beside it for numbers and the label.
fn draw_panel(panel: &Panel, x_label: &str, names: &[&str], [x, y]: [f64; 2], left: f64) -> String {
    let axes = Axes::of(panel);
    let mut svg = format!("<g transform=\"translate({x:.2} {y:.2})\">\n");
    svg += &text(
        &panel.title,
        [WIDTH / 2.0, -10.0],
        "text-anchor=\"middle\" font-size=\"13\" font-weight=\"bold\"",
    );
    svg += &draw_grid(&axes);
    // A viewport of its own cuts off what is outside, without an id that could clash where figures share a page.
    let _ = writeln!(
        svg,
        "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" overflow=\"hidden\">"
    );
    for series in &panel.series {
        let index = names
            .iter()
            .position(|&name| name == series.name)
            .unwrap_or(0);
        svg += &draw_series(series, &axes, index);
    }
    svg += "</svg>\n";
    let _ = writeln!(
        svg,
        "<path d=\"M0 0V{HEIGHT}H{WIDTH}\" fill=\"none\" stroke=\"{TEXT}\"/>"
    );
    svg += &draw_remarks(&axes);
    svg += &text(
        x_label,
        [WIDTH / 2.0, HEIGHT + 36.0],
        "text-anchor=\"middle\"",
    );
    let [down, across] = [HEIGHT / 2.0, 16.0 - left];
    svg += &text(
        &panel.y_label,
        [0.0, 0.0],
        &format!("text-anchor=\"middle\" transform=\"translate({across:.2} {down}) rotate(-90)\""),
    );
    svg + "</g>\n"
}

fn draw_grid(axes: &Axes) -> String {
    let mut svg = String::new();
    if axes.empty {
        return svg;
    }
    for tick in &axes.x_ticks {
        let x = axes.x.place(tick.value) * WIDTH;
        let _ = writeln!(svg, "<path d=\"M{x:.2} 0V{HEIGHT}\" stroke=\"{GRID}\"/>");
        svg += &text(&tick.label, [x, HEIGHT + 16.0], "text-anchor=\"middle\"");
    }
    for tick in &axes.y_ticks {
        let y = (1.0 - axes.y.place(tick.value)) * HEIGHT;
        let _ = writeln!(svg, "<path d=\"M0 {y:.2}H{WIDTH}\" stroke=\"{GRID}\"/>");
        svg += &text(&tick.label, [-6.0, y + 4.0], "text-anchor=\"end\"");
    }
    svg
}

/// Says what is not seen: values off the panel, or that there is none.
fn draw_remarks(axes: &Axes) -> String {
    let style =
        |anchor: &str| format!("text-anchor=\"{anchor}\" font-size=\"11\" fill=\"{FAINT}\"");
    let mut svg = String::new();
    if axes.empty {
        svg += &text("no values", [WIDTH / 2.0, HEIGHT / 2.0], &style("middle"));
    }
    if let Some(highest) = axes.above {
        svg += &text(
            &format!("\u{2191} up to {}", short(highest)),
            [WIDTH - 4.0, 12.0],
            &style("end"),
        );
    }
    if let Some(lowest) = axes.below {
        svg += &text(
            &format!("\u{2193} down to {}", short(lowest)),
            [WIDTH - 4.0, HEIGHT - 6.0],
            &style("end"),
        );
    }
    svg
}

/// A line for each stretch of finite points, and dots where they are few or stand alone.
fn draw_series(series: &Series, axes: &Axes, index: usize) -> String {
    let mut svg = String::new();
    let few = series.points.len() <= MOST_DOTS;
    let points: Vec<_> = series.points.iter().map(drawable_point).collect();
    for stretch in points.split(Option::is_none) {
        let places: Vec<[f64; 2]> = stretch
            .iter()
            .flatten()
            .map(|&point| axes.place(point))
            .collect();
        if places.len() > 1 {
            svg += &line(&places, index);
        }
        if few || places.len() == 1 {
            svg.extend(places.iter().map(|&place| dot(place, index)));
        }
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::super::svg::COLOURS;
    use super::*;
    use proptest::prelude::*;

    fn panel(title: &str, series: &[(&str, &[f64])]) -> Panel {
        let series = series.iter().map(|(name, ys)| Series {
            name: (*name).to_owned(),
            points: ys
                .iter()
                .enumerate()
                .map(|(i, &y)| (i as f64 + 1.0, y))
                .collect(),
        });
        Panel {
            title: title.to_owned(),
            y_label: "nats".to_owned(),
            series: series.collect(),
        }
    }

    /// Tags are balanced, and each attribute that is a number is one.
    fn check(svg: &str) {
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, content) = piece.split_once('>').expect("a tag ends");
            assert!(!content.contains('>'), "{content}");
            let name = tag.split([' ', '/']).next().unwrap();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed));
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            assert_eq!(tag.matches('"').count() % 2, 0);
            for (place, value) in tag
                .split('"')
                .enumerate()
                .filter(|(place, _)| place % 2 == 1)
            {
                assert!(
                    !value.contains("NaN") && !value.contains("inf"),
                    "{tag}, {place}"
                );
            }
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn each_series_is_one_line_and_each_name_is_listed_once() {
        let panels = [
            panel(
                "loss",
                &[("train", &[3.0, 2.0, 1.0]), ("test", &[3.5, 2.5, 1.5])],
            ),
            panel(
                "rate",
                &[("train", &[1.0, 2.0, 3.0]), ("test", &[1.0, 2.0, 3.0])],
            ),
        ];
        let svg = curves(&panels, "epoch");
        check(&svg);
        assert_eq!(svg.matches("<polyline").count(), 4 + 2);
        assert_eq!(svg.matches(">train</text>").count(), 1);
        assert_eq!(svg.matches(">epoch</text>").count(), 2);
        assert_eq!(svg, curves(&panels, "epoch"));
    }

    #[test]
    fn a_name_has_one_colour_in_all_panels() {
        let panels = [
            panel("a", &[("train", &[1.0, 2.0])]),
            panel("b", &[("test", &[1.0, 2.0]), ("train", &[1.0, 2.0])]),
        ];
        let svg = curves(&panels, "epoch");
        // Once in the legend, and once a panel.
        assert_eq!(
            svg.matches(&format!("stroke=\"{}\"", COLOURS[0])).count(),
            3
        );
        assert_eq!(
            svg.matches(&format!("stroke=\"{}\"", COLOURS[1])).count(),
            2
        );
    }

    #[test]
    fn points_lie_where_they_should() {
        let panel = panel("a", &[("a", &[0.0, 10.0])]);
        let axes = Axes::of(&panel);
        let [[x0, y0], [x1, y1]] = [axes.place((1.0, 0.0)), axes.place((2.0, 10.0))];
        assert!(x0 > 0.0 && x1 < WIDTH && x1 - x0 > 0.9 * WIDTH);
        assert!(y1 > 0.0 && y0 < HEIGHT && y0 - y1 > 0.85 * HEIGHT);
    }

    #[test]
    fn nothing_to_draw_is_still_a_document() {
        check(&curves(&[], "epoch"));
        let svg = curves(
            &[panel("empty", &[]), panel("bare", &[("train", &[])])],
            "epoch",
        );
        check(&svg);
        assert_eq!(svg.matches("no values").count(), 2);
        let svg = curves(
            &[panel("lost", &[("train", &[f64::NAN, f64::INFINITY])])],
            "epoch",
        );
        check(&svg);
        assert!(svg.contains("no values"));
    }

    #[test]
    fn a_single_point_is_a_dot() {
        let svg = curves(&[panel("one", &[("", &[5.0])])], "epoch");
        check(&svg);
        assert_eq!(
            (
                svg.matches("<circle").count(),
                svg.matches("<polyline").count()
            ),
            (1, 0)
        );
    }

    #[test]
    fn a_value_that_is_not_a_number_interrupts_the_line() {
        let mut ys = vec![1.0; 100];
        ys[50] = f64::NAN;
        ys[52] = f64::INFINITY;
        let svg = curves(&[panel("gap", &[("", &ys)])], "epoch");
        check(&svg);
        assert_eq!(
            (
                svg.matches("<circle").count(),
                svg.matches("<polyline").count()
            ),
            (1, 2)
        );
    }

    #[test]
    fn a_first_value_that_dwarfs_the_rest_leaves_the_panel_and_is_told() {
        let loss = [5000.0, 150.0, 140.0, 130.0, 125.0, 122.0, 120.0];
        let svg = curves(&[panel("loss", &[("train", &loss)])], "epoch");
        check(&svg);
        assert!(
            svg.contains("up to 5000<") && svg.contains(">130<") && !svg.contains(">4000<"),
            "{svg}"
        );
    }

    #[test]
    fn markup_in_names_is_text() {
        let mut wild = panel("a < b & \"c\"", &[("x>y\u{0}", &[1.0, 2.0])]);
        wild.y_label = "</text>".to_owned();
        let svg = curves(&[wild], "&amp;");
        check(&svg);
        assert!(
            svg.contains("a &lt; b &amp; &quot;c&quot;")
                && svg.contains("&amp;amp;")
                && !svg.contains('\0')
        );
    }

    #[test]
    fn the_file_holds_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curves.svg");
        write_svg(&path, &curves(&[], "epoch")).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            curves(&[], "epoch")
        );
    }

    proptest! {
        #[test]
        fn any_values_and_names_make_a_document(
            panels in prop::collection::vec(
                (any::<String>(), prop::collection::vec(
                    (any::<String>(), prop::collection::vec((any::<f64>(), any::<f64>()), 0..12)), 0..4)), 0..4),
            x_label in any::<String>(),
        ) {
            let series = |(name, points)| Series { name, points };
            let panels: Vec<Panel> = panels
                .into_iter()
                .map(|(title, all)| Panel {
                    y_label: title.clone(),
                    title,
                    series: all.into_iter().map(series).collect(),
                })
                .collect();
            check(&curves(&panels, &x_label));
        }

        #[test]
        fn ordinary_values_make_a_document(ys in prop::collection::vec(-1e3..1e3_f64, 0..100)) {
            check(&curves(&[panel("a", &[("train", &ys)])], "epoch"));
        }
    }
}

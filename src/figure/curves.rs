//! Training curves, in panels side by side with one legend above them.

use plotters::prelude::{Circle, DrawingBackend, PathElement, RGBColor};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::axis::{Range, drawable, number, short};
use super::chart::{
    AxisStyle, Chart, Drawn, FAINT, INK, LINE, LegendEntry, MARGIN, Page, TEXT, TITLE, legend_rows,
    row_width,
};
use super::font;
use super::polyline::{pieces, stands_alone};

/// A line in a panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name in the legend. A name has the same colour in all panels.
    pub name: String,
    /// The points `(x, y)` from left to right. A point that is not finite interrupts the line.
    pub points: Vec<(f64, f64)>,
}

/// A panel with its own axes.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePanel {
    pub title: String,
    /// The quantity and its unit.
    pub y_label: String,
    pub series: Vec<Series>,
}

/// A chart of panels side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    pub panels: Vec<CurvePanel>,
    pub x_label: String,
}

/// The colours of Okabe and Ito (2008), which colour-blind readers can distinguish. Yellow is left out because it is
/// too faint on white.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x88, 0x88, 0x88),
];

/// The size of a panel with its axes.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 280.0;
/// The most points in a series that is drawn with dots.
const MOST_DOTS: usize = 40;

impl Chart for Curves {
    fn size(&self) -> [f64; 2] {
        let width = 2.0 * MARGIN + WIDTH * self.panels.len().max(1) as f64;
        [width, self.top() + HEIGHT + MARGIN]
    }

    /// Draws the panels. Values that are not finite are left out. If a few values dwarf the rest, as in the first
    /// epoch, the y axis shows the rest; the line then leaves the panel, and a remark says how far it goes.
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Drawn<B> {
        let entries = self.entries();
        let [width, _] = self.size();
        for (index, row) in legend_rows(&entries, width - 2.0 * MARGIN)
            .into_iter()
            .enumerate()
        {
            let at = [
                (width - row_width(row)) / 2.0,
                MARGIN + (index as f64 + 0.5) * LINE,
            ];
            page.legend_row(row, at, |page, [x, y], colour| {
                page.line(&[[x, y], [x + 20.0, y]], colour)?;
                page.dot([x + 10.0, y], 3.0, colour)
            })?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let corner = [MARGIN + WIDTH * index as f64, self.top()];
            let part = page.part(corner, [WIDTH, HEIGHT]);
            panel.draw(&part, &self.x_label, &entries)?;
        }
        Ok(())
    }
}

impl Curves {
    /// Returns the names of all series, each once, in order of appearance.
    fn entries(&self) -> Vec<LegendEntry<'_>> {
        let mut entries: Vec<LegendEntry> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if !entries.iter().any(|entry| entry.name == series.name) {
                let colour = COLOURS[entries.len() % COLOURS.len()];
                entries.push(LegendEntry {
                    name: &series.name,
                    colour,
                });
            }
        }
        entries
    }

    /// Returns the height of the legend.
    fn top(&self) -> f64 {
        let entries = self.entries();
        let width = WIDTH * self.panels.len().max(1) as f64;
        MARGIN + LINE * legend_rows(&entries, width).len() as f64
    }
}

impl CurvePanel {
    fn draw<B: DrawingBackend>(
        &self,
        page: &Page<B>,
        x_label: &str,
        entries: &[LegendEntry],
    ) -> Drawn<B> {
        page.text(
            &self.title,
            [WIDTH / 2.0 + 24.0, 16.0],
            TITLE,
            INK,
            HPos::Center,
        )?;
        let drawable: Vec<Vec<Option<(f64, f64)>>> = self
            .series
            .iter()
            .map(|series| series.points.iter().map(drawable_point).collect())
            .collect();
        let values: Vec<Vec<f64>> = drawable
            .iter()
            .map(|points| points.iter().flatten().map(|point| point.1).collect())
            .collect();
        let xs = || drawable.iter().flatten().flatten().map(|point| point.0);
        let (x, y) = (
            Range::of(xs()).padded(0.03),
            Range::without_outliers(&values).padded(0.06),
        );
        let is_whole = xs().all(|x| x.fract() == 0.0);
        let widest = [y.low, y.high].map(|value| font::width(&short(value), TEXT as f32));
        let style = AxisStyle {
            x_label,
            y_label: &self.y_label,
            // Whole numbers need no labels between them.
            x_count: if is_whole {
                7.min((x.high - x.low) as usize + 1)
            } else {
                7
            },
            x_name: &|value: &f64| number(*value),
            y_count: 6,
            y_name: None,
            x_grid: true,
            left: 34.0 + f64::from(widest[0].max(widest[1])),
        };
        let plot_page = page.part([0.0, 26.0], [WIDTH, HEIGHT - 26.0]);
        let mut plot = plot_page.axes(x, y, &style)?;
        for (series, points) in self.series.iter().zip(&drawable) {
            let entry = entries.iter().find(|entry| entry.name == series.name);
            let colour = entry.map_or(INK, |entry| entry.colour);
            let line = page.line_style(colour, 1.8);
            let pieces = pieces(points, y);
            plot.draw_series(
                pieces
                    .into_iter()
                    .map(|piece| PathElement::new(piece, line)),
            )?;
            let has_dots = points.len() <= MOST_DOTS;
            let dots = points.iter().enumerate().filter(|&(index, point)| {
                let is_seen = point.is_some_and(|(_, value)| y.low <= value && value <= y.high);
                is_seen && (has_dots || stands_alone(points, index))
            });
            let dots: Vec<(f64, f64)> = dots.filter_map(|(_, point)| *point).collect();
            let radius = page.px(2.4);
            plot.draw_series(
                dots.into_iter()
                    .map(|at| Circle::new(at, radius, colour.filled())),
            )?;
        }
        let inside = WIDTH - MARGIN - 6.0;
        if values.iter().all(Vec::is_empty) {
            page.text(
                "no values",
                [WIDTH / 2.0 + 24.0, HEIGHT / 2.0],
                TEXT,
                FAINT,
                HPos::Center,
            )?;
        }
        let all = || values.iter().flatten().copied();
        if let Some(highest) = all().max_by(f64::total_cmp).filter(|value| *value > y.high) {
            let text = format!("\u{2191} up to {}", short(highest));
            page.text(&text, [inside, 42.0], TEXT, FAINT, HPos::Right)?;
        }
        if let Some(lowest) = all().min_by(f64::total_cmp).filter(|value| *value < y.low) {
            let text = format!("\u{2193} down to {}", short(lowest));
            page.text(&text, [inside, HEIGHT - 58.0], TEXT, FAINT, HPos::Right)?;
        }
        Ok(())
    }
}

fn drawable_point(&(x, y): &(f64, f64)) -> Option<(f64, f64)> {
    Some((drawable(x)?, drawable(y)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn panel(title: &str, series: &[(&str, &[f64])]) -> CurvePanel {
        let series = series.iter().map(|(name, values)| Series {
            name: (*name).to_owned(),
            points: (1..)
                .zip(*values)
                .map(|(x, &y)| (f64::from(x), y))
                .collect(),
        });
        CurvePanel {
            title: title.to_owned(),
            y_label: "nats".to_owned(),
            series: series.collect(),
        }
    }

    fn curves(panels: Vec<CurvePanel>) -> Curves {
        let x_label = "epoch".to_owned();
        Curves { panels, x_label }
    }

    /// Returns the SVG after a check that its tags are balanced and its numbers are finite.
    fn document(curves: &Curves) -> String {
        let svg = curves.svg().unwrap();
        let mut open = Vec::new();
        for piece in svg.split('<').skip(1) {
            let (tag, content) = piece.split_once('>').expect("a tag ends");
            assert!(!content.contains('>'), "{content}");
            let name = tag.split([' ', '/']).next().unwrap();
            if let Some(closed) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(closed));
            } else if !tag.ends_with('/') && !tag.starts_with('?') {
                open.push(name);
            }
            assert!(!tag.contains("NaN") && !tag.contains("inf"), "{tag}");
        }
        assert!(open.is_empty(), "never closed: {open:?}");
        svg
    }

    fn text_count(svg: &str, text: &str) -> usize {
        svg.lines().filter(|line| line.trim() == text).count()
    }

    #[test]
    fn each_name_is_listed_once_and_has_one_colour() {
        let both = [("train", &[3.0, 2.0, 1.0][..]), ("test", &[3.5, 2.5, 1.5])];
        let curves = curves(vec![panel("loss", &both), panel("KL", &both[1..])]);
        let svg = document(&curves);
        assert_eq!(text_count(&svg, "train"), 1);
        assert_eq!(text_count(&svg, "epoch"), 2);
        assert_eq!(text_count(&svg, "test"), 1);
        let colour = |colour: &str| svg.matches(&format!("stroke=\"{colour}\"")).count();
        assert!(colour("#0072B2") > 0 && colour("#D55E00") > colour("#0072B2"));
        assert_eq!(svg, curves.svg().unwrap());
        assert_eq!(curves.png().unwrap(), curves.png().unwrap());
    }

    #[test]
    fn an_empty_panel_says_that_it_has_no_values() {
        document(&curves(vec![]));
        let panels = vec![
            panel("empty", &[]),
            panel("bare", &[("train", &[])]),
            panel("lost", &[("train", &[f64::NAN, f64::INFINITY])]),
        ];
        assert_eq!(text_count(&document(&curves(panels)), "no values"), 3);
    }

    #[test]
    fn a_first_value_that_dwarfs_the_rest_leaves_the_panel_and_a_remark_says_so() {
        let loss = [5000.0, 150.0, 140.0, 130.0, 125.0, 122.0, 120.0];
        let svg = document(&curves(vec![panel("loss", &[("train", &loss)])]));
        assert_eq!(text_count(&svg, "↑ up to 5000"), 1);
        assert_eq!(
            (text_count(&svg, "130"), text_count(&svg, "4000")),
            (1, 0),
            "{svg}"
        );
    }

    #[test]
    fn markup_in_names_is_text() {
        let mut wild = panel("a < b & \"c\"", &[("x>y\u{0}", &[1.0, 2.0])]);
        wild.y_label = "</text>".to_owned();
        let svg = document(&curves(vec![wild]));
        assert!(
            svg.contains("a &lt; b &amp;") && !svg.contains('\0'),
            "{svg}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_values_and_names_make_a_document(
            panels in prop::collection::vec(
                (any::<String>(), prop::collection::vec(
                    (any::<String>(), prop::collection::vec((any::<f64>(), any::<f64>()), 0..12)), 0..4)), 0..4),
            x_label in any::<String>(),
        ) {
            let series = |(name, points)| Series { name, points };
            let panels: Vec<CurvePanel> = panels
                .into_iter()
                .map(|(title, all)| CurvePanel {
                    y_label: title.clone(),
                    title,
                    series: all.into_iter().map(series).collect(),
                })
                .collect();
            document(&Curves { panels, x_label });
        }

        #[test]
        fn ordinary_values_make_a_document(values in prop::collection::vec(-1e3..1e3_f64, 0..100)) {
            document(&curves(vec![panel("a", &[("train", &values)])]));
        }
    }
}

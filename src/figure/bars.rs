//! Charts of bars, with panels one below the other. A bar has the same position in each panel.

use plotters::prelude::{DrawingBackend, PathElement, RGBColor, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::axis::{Range, drawable};
use super::chart::{
    AxisStyle, Chart, Drawn, INK, LINE, LegendEntry, MARGIN, Page, TEXT, TITLE, row_width,
};
use super::font;

/// Two blues, the darker one first. Readers can distinguish them in a print without colours. The darker one is from
/// Okabe and Ito (2008).
const COLOURS: [RGBColor; 2] = [RGBColor(0x00, 0x72, 0xb2), RGBColor(0x9c, 0xd3, 0xf2)];
const MARK: RGBColor = RGBColor(0xd5, 0x5e, 0x00);

/// The width of a plot without its axes, and the height of a panel.
const WIDTH: f64 = 620.0;
const HEIGHT: f64 = 230.0;
/// The width of the widest bar and the gap after it.
const WIDEST: f64 = 44.0;
/// The room left of the plot, for the numbers and the label.
const LEFT: f64 = 62.0;

/// The most bars that a chart shows.
pub const MOST_BARS: usize = 256;

/// A chart of bars.
#[derive(Clone, Copy, Debug)]
pub struct Bars<'a> {
    pub title: &'a str,
    /// The name below each bar, drawn if there is room.
    pub names: &'a [String],
    pub panels: &'a [BarPanel<'a>],
}

/// A panel with its own axes.
#[derive(Clone, Copy, Debug)]
pub struct BarPanel<'a> {
    /// The quantity and its unit.
    pub y_label: &'a str,
    /// The heights, `[parts][bars]`. The second of up to two parts is stacked on the first. Values below 0 or not
    /// finite are left out.
    pub parts: &'a [Vec<f64>],
    /// The name of each part; empty if there is one part.
    pub legend: &'a [&'a str],
    /// A value to compare the bars with, drawn as a line across the panel, and its name.
    pub mark: Option<(f64, &'a str)>,
}

impl Chart for Bars<'_> {
    fn size(&self) -> [f64; 2] {
        let title = f64::from(font::width(self.title, TITLE as f32));
        let legends = self
            .panels
            .iter()
            .map(|panel| LEFT + row_width(&panel.entries()));
        let width = legends.fold((LEFT + self.width() + MARGIN).max(title), f64::max);
        let heights = self.panels.iter().map(BarPanel::height);
        [
            width + 2.0 * MARGIN,
            2.0 * MARGIN + 26.0 + heights.sum::<f64>(),
        ]
    }

    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Drawn<B> {
        page.text(self.title, [MARGIN, MARGIN + 10.0], TITLE, INK, HPos::Left)?;
        let mut top = MARGIN + 26.0;
        for panel in self.panels {
            // A legend may be wider than the plot; what is drawn outside its part of the page is moved to the edge.
            let width = self.width().max(row_width(&panel.entries()));
            let size = [LEFT + width + MARGIN, panel.height()];
            self.draw_panel(&page.part([MARGIN, top], size), panel)?;
            top += panel.height();
        }
        Ok(())
    }
}

impl Bars<'_> {
    fn count(&self) -> usize {
        self.names.len().min(MOST_BARS)
    }

    /// Returns the width of a plot.
    fn width(&self) -> f64 {
        (WIDEST * self.count() as f64).clamp(WIDTH / 2.0, WIDTH)
    }

    fn draw_panel<B: DrawingBackend>(&self, page: &Page<B>, panel: &BarPanel) -> Drawn<B> {
        let entries = panel.entries();
        page.legend_row(&entries, [LEFT, LINE / 2.0], |page, [x, y], colour| {
            if colour == MARK {
                page.line(&[[x, y], [x + 20.0, y]], colour)
            } else {
                let corners = [(x, y - 6.0), (x + 20.0, y + 6.0)];
                let corners = corners.map(|(x, y)| (page.px(x), page.px(y)));
                page.area.draw(&Rectangle::new(corners, colour.filled()))
            }
        })?;
        let count = self.count();
        let ends = Range {
            low: -0.5,
            high: count.max(1) as f64 - 0.5,
        };
        let name = |value: &f64| {
            let index = (value.fract() == 0.0 && *value >= 0.0).then_some(*value as usize);
            let name = index
                .filter(|index| *index < count)
                .map(|index| self.names[index].clone());
            name.unwrap_or_default()
        };
        let widths = self.names.iter().map(|name| font::width(name, TEXT as f32));
        let widest = f64::from(widths.max().unwrap_or(0)) + 8.0;
        let style = AxisStyle {
            x_label: "",
            y_label: panel.y_label,
            x_count: ((self.width() / widest) as usize).clamp(2, count.max(2) + 1),
            x_name: &name,
            y_count: 6,
            y_name: None,
            x_grid: false,
            left: LEFT,
        };
        let top = if entries.is_empty() { 0.0 } else { LINE };
        let part = page.part([0.0, top], [LEFT + self.width() + MARGIN, HEIGHT]);
        let mut plot = part.axes(ends, panel.range(count), &style)?;
        for (index, colour) in (0..panel.parts.len()).zip(COLOURS) {
            plot.draw_series((0..count).map(|bar| {
                let below: f64 = (0..index).map(|part| panel.part(part, bar)).sum();
                let above = below + panel.part(index, bar);
                let middle = bar as f64;
                Rectangle::new(
                    [(middle - 0.4, below), (middle + 0.4, above)],
                    colour.filled(),
                )
            }))?;
        }
        if let Some((mark, _)) = panel.mark {
            let line = vec![(ends.low, mark), (ends.high, mark)];
            plot.draw_series([PathElement::new(line, page.line_style(MARK, 1.8))])?;
        }
        Ok(())
    }
}

impl BarPanel<'_> {
    fn height(&self) -> f64 {
        HEIGHT + if self.entries().is_empty() { 0.0 } else { LINE }
    }

    fn entries(&self) -> Vec<LegendEntry<'_>> {
        let parts = self.legend.iter().zip(COLOURS);
        let parts = parts.map(|(&name, colour)| LegendEntry { name, colour });
        let mark = self
            .mark
            .map(|(_, name)| LegendEntry { name, colour: MARK });
        parts.chain(mark).collect()
    }

    fn part(&self, part: usize, bar: usize) -> f64 {
        let value = self.parts[part].get(bar).copied().and_then(drawable);
        value.unwrap_or(0.0).max(0.0)
    }

    /// Returns the range from 0 to a little above the highest bar and the mark.
    fn range(&self, bars: usize) -> Range {
        let height =
            |bar: usize| -> f64 { (0..self.parts.len()).map(|part| self.part(part, bar)).sum() };
        let mark = self.mark.map(|(mark, _)| mark);
        let high = (0..bars).map(height).chain(mark).fold(0.0, f64::max);
        let high = if high > 0.0 { 1.05 * high } else { 1.0 };
        Range { low: 0.0, high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|bar| format!("z{bar}")).collect()
    }

    fn drawn(bars: &Bars) -> RgbImage {
        image::load_from_memory(&bars.png().unwrap())
            .unwrap()
            .into_rgb8()
    }

    fn inked(image: &RgbImage, RGBColor(red, green, blue): RGBColor) -> usize {
        let ink = Rgb([red, green, blue]);
        image.pixels().filter(|pixel| **pixel == ink).count()
    }

    #[test]
    fn the_area_of_a_part_is_its_share() {
        let names = names(4);
        let parts = [vec![1.0, 2.0, 3.0, 0.0], vec![2.0, 1.0, 0.0, f64::NAN]];
        let panel = BarPanel {
            y_label: "nats",
            parts: &parts,
            legend: &[],
            mark: None,
        };
        let image = drawn(&Bars {
            title: "",
            names: &names,
            panels: &[panel],
        });
        let [first, second] = COLOURS.map(|colour| inked(&image, colour) as f64);
        assert!((first / second - 2.0).abs() < 0.05, "{first} {second}");
    }

    #[test]
    fn the_legend_names_the_parts_and_the_mark() {
        let names = names(20);
        let parts = [vec![0.5; 20], vec![0.4; 20]];
        let panel = BarPanel {
            y_label: "variance",
            parts: &parts,
            legend: &["between images", "within one"],
            mark: Some((1.0, "the prior")),
        };
        let bars = Bars {
            title: "latents & more",
            names: &names,
            panels: &[panel, panel],
        };
        let svg = bars.svg().unwrap();
        for text in [
            "between images",
            "within one",
            "the prior",
            "latents &amp; more",
            "z0",
            "z19",
        ] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text}: {svg}");
        }
        assert!(inked(&drawn(&bars), MARK) > 1000);
        assert_eq!(bars.png().unwrap(), bars.png().unwrap());
    }

    #[test]
    fn names_that_have_no_room_are_left_out() {
        let names = names(200);
        let parts = [vec![1.0; 200]];
        let panel = BarPanel {
            y_label: "",
            parts: &parts,
            legend: &[],
            mark: None,
        };
        let bars = Bars {
            title: "",
            names: &names,
            panels: &[panel],
        };
        let shown = bars
            .svg()
            .unwrap()
            .lines()
            .filter(|line| line.starts_with('z'))
            .count();
        assert!((5..30).contains(&shown), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_bars_make_an_image(
            parts in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..40), 0..3),
            count in 0_usize..300,
            mark in prop::option::of(0.0..1e3_f64),
            title in any::<String>(),
        ) {
            let names = names(count);
            let panel = BarPanel { y_label: &title, parts: &parts, legend: &[], mark: mark.map(|mark| (mark, "mark")) };
            let bars = Bars { title: &title, names: &names, panels: &[panel] };
            drawn(&bars);
            bars.svg().unwrap();
        }
    }
}

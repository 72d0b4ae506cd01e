//! Bars side by side, in panels one below the other: a bar has the same place in each of them.

use image::{Rgb, RgbImage};

use super::axis::{Range, Tick, drawable, plain};
use super::font;

/// Of Okabe and Ito (2008), the darker one first: told apart by the colour-blind, and in print without colours.
const COLOURS: [Rgb<u8>; 2] = [Rgb([0x00, 0x72, 0xb2]), Rgb([0x9c, 0xd3, 0xf2])];
const MARK: Rgb<u8> = Rgb([0xd5, 0x5e, 0x00]);

/// A panel's width, and its height, in pixels as everything here.
const WIDTH: u32 = 760;
const HEIGHT: u32 = 220;
/// The widest bar, with the gap after it.
const WIDEST: u32 = 48;
/// Around the figure, and between the plot and what is beside it.
const MARGIN: u32 = 16;
const PAD: u32 = 8;
/// A line of text and the room below it.
const LINE: u32 = 24;
const TEXT: u32 = 2;

const PAGE: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([34; 3]);
const GRID: Rgb<u8> = Rgb([228; 3]);

/// The most bars that a figure shows.
pub const MOST_BARS: usize = 256;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Bars<'a> {
    pub title: &'a str,
    /// What stands below each bar, where there is room.
    pub names: &'a [String],
    pub panels: &'a [Panel<'a>],
}

/// One pair of axes.
#[derive(Clone, Copy, Debug)]
pub struct Panel<'a> {
    pub title: &'a str,
    /// `[pass][bars]`: up to two parts, the second standing on the first. What is below 0 or not finite is left out.
    pub pass: &'a [Vec<f64>],
    /// What each part is; nothing where there is one.
    pub legend: &'a [&'a str],
    /// A line across, at a value that the bars are to be seen against.
    pub mark: Option<f64>,
}

impl Panel<'_> {
    fn part(&self, part: usize, bar: usize) -> f64 {
        self.pass[part]
            .get(bar)
            .copied()
            .and_then(drawable)
            .unwrap_or(0.0)
            .max(0.0)
    }

    /// From 0 to a little more than the highest bar and the mark.
    fn range(&self, bars: usize) -> Range {
        let height = |bar: usize| {
            (0..self.pass.len())
                .map(|part| self.part(part, bar))
                .sum::<f64>()
        };
        let high = (0..bars).map(height).chain(self.mark).fold(0.0, f64::max);
        Range {
            low: 0.0,
            high: if high > 0.0 { 1.05 * high } else { 1.0 },
        }
    }
}

/// Where things are, the same in every panel but for the height at which it begins.
struct Layout {
    left: u32,
    /// From one bar to the next.
    step: u32,
    width: u32,
    bars: usize,
}

impl Bars<'_> {
    pub fn draw(&self) -> RgbImage {
        let bars = self.names.len().min(MOST_BARS);
        let step = (WIDTH / bars.max(1) as u32).clamp(3, WIDEST);
        let ticks: Vec<(Range, Vec<Tick>)> = self
            .panels
            .iter()
            .map(|panel| scale(panel.range(bars)))
            .collect();
        let labels = ticks
            .iter()
            .flat_map(|(_, ticks)| ticks)
            .map(|tick| font::width(&tick.label, TEXT));
        let layout = Layout {
            left: MARGIN + labels.max().unwrap_or(0) + PAD,
            step,
            width: (step * bars as u32).max(WIDTH / 2),
            bars,
        };
        let wide = self
            .panels
            .iter()
            .map(|panel| MARGIN + legend_width(panel))
            .max()
            .unwrap_or(0);
        let wide = wide
            .max(layout.left + layout.width)
            .max(MARGIN + font::width(self.title, TEXT))
            + MARGIN;
        let each = 2 * LINE + HEIGHT + PAD + LINE;
        let mut canvas = RgbImage::from_pixel(
            wide,
            2 * MARGIN + LINE + each * self.panels.len() as u32,
            PAGE,
        );
        font::draw(&mut canvas, self.title, [MARGIN, MARGIN], TEXT, INK);
        for (place, (panel, (range, ticks))) in self.panels.iter().zip(&ticks).enumerate() {
            let above = MARGIN + LINE + place as u32 * each;
            draw_head(&mut canvas, panel, above);
            self.draw_panel(&mut canvas, panel, &layout, above + 2 * LINE, *range, ticks);
        }
        canvas
    }

    fn draw_panel(
        &self,
        canvas: &mut RgbImage,
        panel: &Panel,
        layout: &Layout,
        top: u32,
        range: Range,
        ticks: &[Tick],
    ) {
        let bottom = top + HEIGHT;
        let height = |value: f64| (range.place(value) * f64::from(HEIGHT)).round() as u32;
        for tick in ticks {
            let y = bottom - height(tick.value);
            fill(canvas, [layout.left, y], [layout.width, 1], GRID);
            fill(canvas, [layout.left - 5, y], [5, 1], INK);
            let at = layout.left - PAD - font::width(&tick.label, TEXT);
            font::draw(
                canvas,
                &tick.label,
                [at, y.saturating_sub(font::CAPITAL * TEXT / 2)],
                TEXT,
                INK,
            );
        }
        // A fifth is left between two bars, at least a pixel.
        let wide = layout.step - (layout.step / 5).max(1);
        for bar in 0..layout.bars {
            let x = layout.left + bar as u32 * layout.step + (layout.step - wide) / 2;
            let mut below = 0.0;
            for (part, colour) in (0..panel.pass.len()).zip(COLOURS) {
                let [from, to] = [below, below + panel.part(part, bar)];
                fill(
                    canvas,
                    [x, bottom - height(to)],
                    [wide, height(to) - height(from)],
                    colour,
                );
                below = to;
            }
        }
        if let Some(mark) = panel.mark {
            fill(
                canvas,
                [layout.left, bottom - height(mark)],
                [layout.width, 2],
                MARK,
            );
        }
        fill(canvas, [layout.left, top], [1, HEIGHT], INK);
        fill(canvas, [layout.left, bottom], [layout.width, 1], INK);
        self.draw_names(canvas, layout, bottom + PAD);
    }

    /// Below every bar, or every second, fifth, ... of them, as there is room.
    fn draw_names(&self, canvas: &mut RgbImage, layout: &Layout, y: u32) {
        let widest = self
            .names
            .iter()
            .map(|name| font::width(name, TEXT))
            .max()
            .unwrap_or(0)
            + PAD;
        let every = [1, 2, 5, 10, 20, 50, 100]
            .into_iter()
            .find(|every| every * layout.step >= widest)
            .unwrap_or(200);
        for (bar, name) in self
            .names
            .iter()
            .enumerate()
            .take(layout.bars)
            .step_by(every as usize)
        {
            let middle = layout.left + bar as u32 * layout.step + layout.step / 2;
            font::draw(
                canvas,
                name,
                [middle.saturating_sub(font::width(name, TEXT) / 2), y],
                TEXT,
                INK,
            );
        }
    }
}

/// The panel's title, and its legend on the line below.
fn draw_head(canvas: &mut RgbImage, panel: &Panel, above: u32) {
    font::draw(canvas, panel.title, [MARGIN, above], TEXT, INK);
    let mut x = MARGIN;
    for (name, colour) in panel.legend.iter().zip(COLOURS) {
        fill(canvas, [x, above + LINE], [14, 14], colour);
        font::draw(canvas, name, [x + LINE, above + LINE], TEXT, INK);
        x += LINE + font::width(name, TEXT) + 2 * PAD;
    }
}

fn legend_width(panel: &Panel) -> u32 {
    let legend = panel
        .legend
        .iter()
        .map(|name| LINE + font::width(name, TEXT) + 2 * PAD)
        .sum::<u32>();
    legend.max(font::width(panel.title, TEXT))
}

fn scale(range: Range) -> (Range, Vec<Tick>) {
    (
        range,
        range.ticks(4, false).into_iter().map(plain).collect(),
    )
}

fn fill(canvas: &mut RgbImage, [left, top]: [u32; 2], [width, height]: [u32; 2], ink: Rgb<u8>) {
    for (x, y) in (left..left + width).flat_map(|x| (top..top + height).map(move |y| (x, y))) {
        if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
            *pixel = ink;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|bar| format!("z{bar}")).collect()
    }

    fn count(image: &RgbImage, ink: Rgb<u8>) -> usize {
        image.pixels().filter(|pixel| **pixel == ink).count()
    }

    fn drawn(names: &[String], pass: &[Vec<f64>], mark: Option<f64>) -> RgbImage {
        let panel = Panel {
            title: "",
            pass,
            legend: &[],
            mark,
        };
        Bars {
            title: "",
            names,
            panels: &[panel],
        }
        .draw()
    }

    #[test]
    fn a_bar_is_as_high_as_its_value() {
        let pass = [vec![4.0, 2.0, 0.0], vec![0.0, 1.0, 0.0]];
        let image = drawn(&names(3), &pass, None);
        // Each column of pixels through the figure: how much of either colour it has.
        let heights: Vec<[usize; 2]> = (0..image.width())
            .map(|x| {
                COLOURS.map(|ink| {
                    (0..image.height())
                        .filter(|&y| *image.get_pixel(x, y) == ink)
                        .count()
                })
            })
            .filter(|heights| heights.iter().sum::<usize>() > 0)
            .collect();
        let [high, low] = [heights[0], heights[heights.len() - 1]];
        // The highest bar is 1 / 1.05 of the panel.
        assert!(
            (high[0] as f64 - f64::from(HEIGHT) / 1.05).abs() <= 1.0 && high[1] == 0,
            "{high:?}"
        );
        assert!(
            low[0].abs_diff(high[0] / 2) <= 1 && low[1].abs_diff(high[0] / 4) <= 1,
            "{low:?} {high:?}"
        );
        assert_eq!(image, drawn(&names(3), &pass, None));
    }

    #[test]
    fn the_mark_is_seen_above_the_bars() {
        let bare = drawn(&names(2), &[vec![0.1, 0.2]], None);
        assert_eq!(count(&bare, MARK), 0);
        let marked = drawn(&names(2), &[vec![0.1, 0.2]], Some(1.0));
        assert!(count(&marked, MARK) > 2 * WIDTH as usize / 3);
        assert!(
            count(&marked, COLOURS[0]) < count(&bare, COLOURS[0]) / 3,
            "the axis holds the mark"
        );
    }

    #[test]
    fn any_values_and_any_number_of_bars_can_be_drawn() {
        let strange = vec![f64::NAN, -1.0, f64::INFINITY, 1e300, 0.0, 3.0];
        assert!(count(&drawn(&names(6), &[strange], None), COLOURS[0]) > 100);
        for bars in [0, 1, 20, 128, 1000] {
            let values: Vec<f64> = (0..bars).map(|bar| 1.0 + bar as f64).collect();
            let image = drawn(&names(bars), &[values], Some(1.0));
            assert!(image.width() < 1000, "{bars}: {}", image.width());
        }
        Bars {
            title: "nothing",
            names: &[],
            panels: &[],
        }
        .draw();
    }

    #[test]
    fn each_panel_has_its_title_and_its_legend() {
        let pass = [vec![1.0], vec![2.0]];
        let panel = Panel {
            title: "variance",
            pass: &pass,
            legend: &["of the mean", "mean"],
            mark: None,
        };
        let one = Bars {
            title: "health",
            names: &names(1),
            panels: &[panel],
        }
        .draw();
        let two = Bars {
            title: "health",
            names: &names(1),
            panels: &[panel, panel],
        }
        .draw();
        assert!(two.height() > one.height() + HEIGHT && two.width() == one.width());
        assert_eq!(count(&two, COLOURS[1]), 2 * count(&one, COLOURS[1]));
    }
}

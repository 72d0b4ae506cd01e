//! The common parts of all charts: one description drawn as SVG and as PNG, text in the embedded font, axes and
//! legends.
//!
//! Plotters draws on whole pixels, so an SVG is drawn larger than it is shown, and its curves stay smooth.

use image::RgbImage;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    BitMapBackend, Cartesian2d, Circle, DrawingArea, DrawingAreaErrorKind, DrawingBackend,
    IntoDrawingArea, IntoFont, PathElement, RGBColor, SVGBackend, TRANSPARENT, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::axis::Range;
use super::font;
use super::{Figure, NamedFile, encode_png};
use crate::error::{Error, Result};

pub const INK: RGBColor = RGBColor(34, 34, 34);
pub const GRID: RGBColor = RGBColor(226, 226, 226);
pub const FAINT: RGBColor = RGBColor(96, 96, 96);

/// The size of text in CSS pixels. All lengths in this module are in CSS pixels.
pub const TEXT: f64 = 12.0;
pub const TITLE: f64 = 14.0;
/// The height of a line of text.
pub const LINE: f64 = 20.0;
/// The margin around a chart.
pub const MARGIN: f64 = 12.0;
/// The room below the plot, for the numbers and the label of the axis.
const BELOW: f64 = 44.0;
/// The number of drawn pixels per CSS pixel. A PNG is drawn at twice the CSS size for screens of high resolution.
const SVG_SCALE: f64 = 4.0;
const PNG_SCALE: f64 = 2.0;

pub type Area<B> = DrawingArea<B, Shift>;
pub type Plot<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A chart that can be drawn with either backend.
pub trait Chart {
    /// Returns the width and the height.
    fn size(&self) -> [f64; 2];

    /// Draws everything on a white page.
    fn draw<B: DrawingBackend>(&self, page: &Page<B>) -> Drawn<B>;

    /// Returns the chart as an SVG document.
    fn svg(&self) -> Result<String> {
        let [width, height] = self.size();
        let size = |scale: f64| [width, height].map(|length| (length * scale).round() as u32);
        let [wide, high] = size(SVG_SCALE);
        let mut svg = String::new();
        draw_on(
            SVGBackend::with_string(&mut svg, (wide, high)),
            SVG_SCALE,
            self,
        )?;
        // Keep the coordinates of the drawing, and show it at its own size.
        let [shown_wide, shown_high] = size(1.0);
        let drawn = format!("<svg width=\"{wide}\" height=\"{high}\"");
        let shown = format!("<svg width=\"{shown_wide}\" height=\"{shown_high}\"");
        Ok(svg.replacen(&drawn, &shown, 1))
    }

    /// Returns the chart as a PNG file.
    fn png(&self) -> Result<Vec<u8>> {
        let [wide, high] = self
            .size()
            .map(|length| (length * PNG_SCALE).round() as u32);
        let mut image = RgbImage::new(wide, high);
        draw_on(
            BitMapBackend::with_buffer(image.as_mut(), (wide, high)),
            PNG_SCALE,
            self,
        )?;
        encode_png(&image)
    }

    /// Returns the chart in both formats, with the PNG as the main image.
    fn figure(&self, name: &str) -> Result<Figure> {
        Ok(Figure {
            image: NamedFile::new(format!("{name}.png"), self.png()?),
            beside: vec![NamedFile::new(
                format!("{name}.svg"),
                self.svg()?.into_bytes(),
            )],
        })
    }
}

fn draw_on<B: DrawingBackend>(backend: B, scale: f64, chart: &(impl Chart + ?Sized)) -> Result<()> {
    font::register();
    let area = backend.into_drawing_area();
    let page = Page { area, scale };
    let drawn = page.area.fill(&RGBColor(255, 255, 255));
    let drawn = drawn.and_then(|()| chart.draw(&page));
    drawn
        .and_then(|()| page.area.present())
        .map_err(|error| Error::failed(format!("a chart cannot be drawn: {error}")))
}

/// A page or a part of it, with the scale from CSS pixels to the backend's pixels.
pub struct Page<B: DrawingBackend> {
    pub area: Area<B>,
    scale: f64,
}

impl<B: DrawingBackend> Page<B> {
    /// Converts a length to the backend's pixels.
    pub fn px(&self, length: f64) -> i32 {
        (length * self.scale).round() as i32
    }

    /// Converts the width of a line to the backend's pixels.
    fn width(&self, width: f64) -> u32 {
        self.px(width).max(1) as u32
    }

    /// Returns the part of the page with this upper left corner and size.
    pub fn part(&self, [x, y]: [f64; 2], [width, height]: [f64; 2]) -> Self {
        let [left, top] = [self.px(x), self.px(y)];
        let [right, bottom] = [self.px(x + width), self.px(y + height)];
        Self {
            area: self
                .area
                .clone()
                .shrink((left, top), (right - left, bottom - top)),
            scale: self.scale,
        }
    }

    pub fn line_style(&self, colour: RGBColor, width: f64) -> ShapeStyle {
        colour.stroke_width(self.width(width))
    }

    pub fn text_style(
        &self,
        size: f64,
        colour: RGBColor,
        across: HPos,
        down: VPos,
    ) -> TextStyle<'static> {
        // Plotters measures text by the height of a line, but font sizes are measured in ems.
        let font = (font::FAMILY, self.px(1.2 * size)).into_font();
        font.color(&colour).pos(Pos::new(across, down))
    }

    /// Writes text at the point `[x, y]`, which is vertically centred and horizontally the middle, the left or the
    /// right end.
    pub fn text(
        &self,
        text: &str,
        [x, y]: [f64; 2],
        size: f64,
        colour: RGBColor,
        across: HPos,
    ) -> Drawn<B> {
        // XML forbids control characters, and the font has no glyphs for them.
        let text = text
            .replace(char::is_control, " ")
            .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
        let style = self.text_style(size, colour, across, VPos::Center);
        self.area.draw(&Text::new(
            text,
            (self.px(x), self.px(y + 0.1 * size)),
            style,
        ))
    }

    /// Draws a line through points of the page, dashed if `dash` is above 0.
    pub fn line(&self, points: &[[f64; 2]], colour: RGBColor) -> Drawn<B> {
        let points = points.iter().map(|&[x, y]| (self.px(x), self.px(y)));
        let style = self.line_style(colour, 1.8);
        self.area
            .draw(&PathElement::new(points.collect::<Vec<_>>(), style))
    }

    /// Draws a dot on the page.
    pub fn dot(&self, [x, y]: [f64; 2], radius: f64, colour: RGBColor) -> Drawn<B> {
        let at = (self.px(x), self.px(y));
        self.area
            .draw(&Circle::new(at, self.px(radius), colour.filled()))
    }

    /// Builds the axes of a plot on the page, with grid lines and labels.
    pub fn axes(
        &self,
        x: Range,
        y: Range,
        style: &AxisStyle,
    ) -> Result<Plot<'_, B>, DrawingAreaErrorKind<B::ErrorType>> {
        let mut plot = ChartBuilder::on(&self.area)
            .margin_right(self.px(MARGIN))
            .margin_top(self.px(MARGIN / 2.0))
            .x_label_area_size(self.px(BELOW))
            .y_label_area_size(self.px(style.left))
            .build_cartesian_2d(x.low..x.high, y.low..y.high)?;
        let [text, axis] = [(TEXT, FAINT), (TEXT, INK)]
            .map(|(size, colour)| self.text_style(size, colour, HPos::Center, VPos::Center));
        let number = |value: &f64| super::axis::number(*value);
        let mut mesh = plot.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(self.line_style(GRID, 1.0))
            .axis_style(self.line_style(INK, 1.0))
            .label_style(text)
            .axis_desc_style(axis)
            .x_desc(style.x_label)
            .y_desc(style.y_label)
            .x_labels(style.x_count)
            .y_labels(style.y_count)
            .x_label_formatter(style.x_name)
            .y_label_formatter(style.y_name.unwrap_or(&number))
            .set_all_tick_mark_size(self.px(4.0));
        if !style.x_grid {
            mesh.disable_x_mesh();
        }
        mesh.draw()?;
        Ok(plot)
    }
}

/// A name in a legend, with its colour.
pub struct LegendEntry<'a> {
    pub name: &'a str,
    pub colour: RGBColor,
}

/// The width of the colour sample in a legend, and the gap between two entries.
const SAMPLE: f64 = 20.0;
const GAP: f64 = 18.0;

impl LegendEntry<'_> {
    fn width(&self) -> f64 {
        SAMPLE + 6.0 + f64::from(font::width(self.name, TEXT as f32))
    }
}

/// Returns the entries of a legend in rows of at most the given width.
pub fn legend_rows<'a, 'b>(
    entries: &'b [LegendEntry<'a>],
    width: f64,
) -> Vec<&'b [LegendEntry<'a>]> {
    let mut rows = Vec::new();
    let mut first = 0;
    let mut used = 0.0;
    for (index, entry) in entries.iter().enumerate() {
        if index > first && used + entry.width() > width {
            rows.push(&entries[first..index]);
            (first, used) = (index, 0.0);
        }
        used += entry.width() + GAP;
    }
    rows.extend((first < entries.len()).then(|| &entries[first..]));
    rows
}

impl<B: DrawingBackend> Page<B> {
    /// Draws a row of a legend from `x` on, vertically centred at `y`. `mark` draws the colour sample.
    pub fn legend_row(
        &self,
        row: &[LegendEntry],
        [mut x, y]: [f64; 2],
        mark: impl Fn(&Self, [f64; 2], RGBColor) -> Drawn<B>,
    ) -> Drawn<B> {
        for entry in row {
            mark(self, [x, y], entry.colour)?;
            self.text(entry.name, [x + SAMPLE + 6.0, y], TEXT, INK, HPos::Left)?;
            x += entry.width() + GAP;
        }
        Ok(())
    }
}

/// Returns the width of a row of a legend.
pub fn row_width(row: &[LegendEntry]) -> f64 {
    row.iter().map(|entry| entry.width() + GAP).sum::<f64>() - GAP
}

/// The appearance of a plot's axes.
pub struct AxisStyle<'a> {
    pub x_label: &'a str,
    pub y_label: &'a str,
    /// The most labels on the x axis.
    pub x_count: usize,
    pub x_name: &'a dyn Fn(&f64) -> String,
    /// The most labels on the y axis.
    pub y_count: usize,
    /// The names of values on the y axis; `None` to show numbers.
    pub y_name: Option<&'a dyn Fn(&f64) -> String>,
    pub x_grid: bool,
    /// The room left of the plot, for the numbers and the label of the y axis.
    pub left: f64,
}

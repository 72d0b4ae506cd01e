//! A grid of images, with optional labels.

use image::{Rgb, RgbImage};

use super::{Raster, font};

/// The margin around each cell, in pixels.
const MARGIN: u32 = 2;
/// The gap beside a label, in pixels.
pub(super) const PAD: u32 = 5;
/// The least length of a cell's longer side, in pixels. A digit of 28 x 28 pixels is too small on a screen of today.
const SMALLEST_CELL: u32 = 56;
/// The largest cell, in pixels, that long column labels can cause.
const CELL_FOR_LABELS: u32 = 128;
/// The largest side of a sheet, in pixels. Sheets of many cells are scaled up less to stay within it.
const LARGEST_SHEET: u32 = 4000;
/// The sizes of text. The smaller one is used if the larger does not fit.
const LARGE: f32 = 15.0;
const SMALL: f32 = 11.0;
/// The most characters of a row label.
const LONGEST_LABEL: usize = 32;

/// The colour of the page. All colours of a sheet are grey, so a sheet of grey images is grey and a GIF stores it
/// exactly.
pub(super) const PAGE: Rgb<u8> = Rgb([255; 3]);
/// The colour between cells, which differs from a digit's black background and from the white page.
const BETWEEN: Rgb<u8> = Rgb([128; 3]);
pub(super) const INK: Rgb<u8> = Rgb([34; 3]);

/// A grid of images in rows of `columns`, from left to right and from top to bottom.
#[derive(Clone, Copy, Debug)]
pub struct Sheet<'a> {
    /// The images, usually of one shape. A smaller one is drawn in the upper left corner of its cell.
    pub images: &'a [Raster],
    /// The number of images in a row, at least 1. A sheet is never wider than its images.
    pub columns: usize,
    /// A label for each row, to its left. A missing label is blank, and surplus labels are ignored.
    pub row_labels: Option<&'a [String]>,
    /// A label for each column, above it.
    pub column_labels: Option<&'a [String]>,
}

/// The positions and sizes of a sheet's parts, in pixels.
struct SheetLayout {
    columns: u32,
    rows: u32,
    /// The size of a cell, `[width, height]`.
    cell: [u32; 2],
    /// The side of the square that each pixel of an image becomes.
    scale: u32,
    text_size: f32,
    /// The upper left corner of the grid, `[left, top]`, which leaves room for the labels.
    grid: [u32; 2],
    /// The height of the caption below each cell.
    caption: u32,
}

impl Sheet<'_> {
    /// Draws the sheet. Small images are scaled up by a whole number, without smoothing.
    pub fn draw(&self) -> RgbImage {
        self.draw_captioned(&[])
    }

    /// Draws the sheet with a line of text below each image, in the order of the images. A missing caption is blank.
    pub fn draw_captioned(&self, captions: &[String]) -> RgbImage {
        let layout = self.layout(captions);
        let [width, height] = layout.size();
        let mut canvas = RgbImage::from_pixel(width, height, PAGE);
        for (place, image) in self.images.iter().enumerate() {
            let corner =
                layout.corner(place as u32 % layout.columns, place as u32 / layout.columns);
            // The margins of neighbours overlap. The page stays white where the last row ends early.
            rectangle(
                &mut canvas,
                corner.map(|at| at - MARGIN),
                layout.cell.map(|side| side + 2 * MARGIN),
                BETWEEN,
            );
            draw_image(&mut canvas, image, corner, layout.scale);
        }
        self.draw_labels(&mut canvas, &layout);
        for (place, caption) in (0_u32..).zip(captions).take(self.images.len()) {
            let [left, top] = layout.corner(place % layout.columns, place / layout.columns);
            layout.centre(
                &mut canvas,
                caption,
                [left, top + layout.cell[1] + 2 * MARGIN],
            );
        }
        canvas
    }

    fn layout(&self, captions: &[String]) -> SheetLayout {
        let columns = self.columns.clamp(1, self.images.len().max(1)) as u32;
        let rows = self.images.len().div_ceil(columns as usize) as u32;
        let side = |axis: usize| {
            self.images
                .iter()
                .map(|image| image.shape[axis])
                .max()
                .unwrap_or(1)
                .max(1)
        };
        let image = [side(2) as u32, side(1) as u32];
        let column_labels = self.column_labels.unwrap_or_default();
        let widest = |size: f32| {
            let labels = column_labels.iter().chain(captions);
            labels
                .map(|label| font::width(label, size))
                .max()
                .unwrap_or(0)
        };
        let room = widest(SMALL).min(CELL_FOR_LABELS);
        let scale = scale(image, [columns, rows], room);
        let cell = image.map(|side| side * scale);
        let is_roomy = widest(LARGE) <= cell[0] && font::height(LARGE) <= cell[1];
        let text_size = if is_roomy { LARGE } else { SMALL };
        let left = match self.row_labels {
            Some(labels) => {
                labels
                    .iter()
                    .map(|label| font::width(&cut(label), text_size))
                    .max()
                    .unwrap_or(0)
                    + 2 * PAD
            }
            None => 0,
        };
        let top = if self.column_labels.is_some() {
            font::height(text_size) + 2 * PAD
        } else {
            0
        };
        let caption = if captions.is_empty() {
            0
        } else {
            font::height(text_size) + 2 * MARGIN
        };
        SheetLayout {
            columns,
            rows,
            cell,
            scale,
            text_size,
            grid: [left, top],
            caption,
        }
    }

    fn draw_labels(&self, canvas: &mut RgbImage, layout: &SheetLayout) {
        let size = layout.text_size;
        for (row, label) in (0..layout.rows).zip(self.row_labels.unwrap_or_default()) {
            let label = cut(label);
            let x = layout.grid[0] - PAD - font::width(&label, size);
            let y =
                layout.corner(0, row)[1] + layout.cell[1].saturating_sub(font::height(size)) / 2;
            font::draw(canvas, &label, [x, y], size, INK);
        }
        for (column, label) in (0..layout.columns).zip(self.column_labels.unwrap_or_default()) {
            layout.centre(canvas, label, [layout.corner(column, 0)[0], PAD]);
        }
    }
}

impl SheetLayout {
    /// Returns the size of the sheet, `[width, height]`, including the outer margin of the grid.
    fn size(&self) -> [u32; 2] {
        let side = |start: u32, count: u32, cell: u32| start + count * (cell + MARGIN) + MARGIN;
        [
            side(self.grid[0], self.columns, self.cell[0]),
            side(self.grid[1], self.rows, self.cell[1] + self.caption),
        ]
    }

    /// Returns the upper left corner of a cell.
    fn corner(&self, column: u32, row: u32) -> [u32; 2] {
        let at = |start: u32, place: u32, cell: u32| start + MARGIN + place * (cell + MARGIN);
        [
            at(self.grid[0], column, self.cell[0]),
            at(self.grid[1], row, self.cell[1] + self.caption),
        ]
    }

    /// Draws `text` centred on a cell's width, below `[left, top]`.
    fn centre(&self, canvas: &mut RgbImage, text: &str, [left, top]: [u32; 2]) {
        let text = font::fit(text, self.cell[0], self.text_size);
        let x = left + (self.cell[0] - font::width(&text, self.text_size)) / 2;
        font::draw(canvas, &text, [x, top], self.text_size, INK);
    }
}

/// Returns how many times larger an image of `[width, height]` is drawn in a grid of `[columns, rows]`. The image grows
/// until it fills the smallest cell and the widest label fits above it, unless the sheet becomes too large.
fn scale(image: [u32; 2], count: [u32; 2], label: u32) -> u32 {
    let longer = image[0].max(image[1]);
    let wanted = SMALLEST_CELL.div_ceil(longer).max(label.div_ceil(image[0]));
    let most =
        |axis: usize| (LARGEST_SHEET / count[axis].max(1)).saturating_sub(MARGIN) / image[axis];
    wanted.min(most(0)).min(most(1)).max(1)
}

fn cut(label: &str) -> String {
    label.chars().take(LONGEST_LABEL).collect()
}

fn draw_image(canvas: &mut RgbImage, image: &Raster, [left, top]: [u32; 2], scale: u32) {
    let [_, height, width] = image.shape;
    for y in 0..height {
        for x in 0..width {
            let corner = [left + x as u32 * scale, top + y as u32 * scale];
            rectangle(canvas, corner, [scale; 2], image.rgb(x, y));
        }
    }
}

fn rectangle(
    canvas: &mut RgbImage,
    [left, top]: [u32; 2],
    [width, height]: [u32; 2],
    ink: Rgb<u8>,
) {
    for y in top..top + height {
        for x in left..left + width {
            canvas.put_pixel(x, y, ink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(level: u8, side: usize) -> Raster {
        Raster {
            shape: [1, side, side],
            pixels: vec![level; side * side],
        }
    }

    fn bare(images: &[Raster], columns: usize) -> Sheet<'_> {
        Sheet {
            images,
            columns,
            row_labels: None,
            column_labels: None,
        }
    }

    fn strings(labels: &[&str]) -> Vec<String> {
        labels.iter().map(|&label| label.to_owned()).collect()
    }

    #[test]
    fn cells_lie_where_they_should() {
        let images: Vec<_> = [10, 20, 30, 40, 50].map(|level| plain(level, 28)).into();
        let sheet = bare(&images, 3).draw();
        assert_eq!(sheet.dimensions(), (3 * 58 + 2, 2 * 58 + 2));
        for (place, level) in [10_u8, 20, 30, 40, 50].into_iter().enumerate() {
            let [left, top] = [place as u32 % 3 * 58 + 2, place as u32 / 3 * 58 + 2];
            assert_eq!(sheet.get_pixel(left, top), &Rgb([level; 3]));
            assert_eq!(sheet.get_pixel(left + 55, top + 55), &Rgb([level; 3]));
            assert_eq!(sheet.get_pixel(left - 1, top), &BETWEEN);
            assert_eq!(sheet.get_pixel(left + 56, top + 55), &BETWEEN);
        }
        assert_eq!(
            sheet.get_pixel(2 * 58 + 30, 58 + 30),
            &PAGE,
            "the sixth cell is empty"
        );
    }

    #[test]
    fn pixels_become_squares() {
        let pixels = (0..28 * 28).map(|i| (i % 251) as u8).collect();
        let images = [Raster {
            shape: [1, 28, 28],
            pixels,
        }];
        let sheet = bare(&images, 1).draw();
        for (x, y) in [(0, 0), (1, 0), (27, 27), (5, 20)] {
            for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let level = images[0].pixels[y * 28 + x];
                assert_eq!(
                    sheet.get_pixel(2 + 2 * x as u32 + dx, 2 + 2 * y as u32 + dy),
                    &Rgb([level; 3])
                );
            }
        }
    }

    #[test]
    fn colours_keep_their_order() {
        let images = [Raster {
            shape: [3, 1, 1],
            pixels: vec![1, 2, 3],
        }];
        assert_eq!(bare(&images, 1).draw().get_pixel(30, 30), &Rgb([1, 2, 3]));
    }

    #[test]
    fn sheets_stay_below_their_largest_size() {
        assert_eq!(scale([28, 28], [8, 8], 0), 2);
        assert_eq!(scale([64, 64], [8, 8], 0), 1);
        assert_eq!(scale([32, 32], [8, 8], 0), 2);
        assert_eq!(scale([28, 28], [100, 100], 0), 1);
        let images = vec![plain(0, 28); 130 * 130];
        let sheet = bare(&images, 130).draw();
        assert!(sheet.width() <= LARGEST_SHEET && sheet.height() <= LARGEST_SHEET);
    }

    #[test]
    fn labels_stand_outside_the_grid_and_inside_the_sheet() {
        let images = vec![plain(0, 28); 4];
        let [rows, columns] = [strings(&["data", "model"]), strings(&["0", "1"])];
        let sheet = Sheet {
            row_labels: Some(&rows),
            column_labels: Some(&columns),
            ..bare(&images, 2)
        };
        let [left, top] = sheet.layout(&[]).grid;
        assert_eq!(left, font::width("model", LARGE) + 2 * PAD);
        let drawn = sheet.draw();
        assert_eq!(drawn.dimensions(), (left + 118, top + 118));
        assert_eq!(drawn.get_pixel(left + 2, top + 2), &Rgb([0; 3]));
        let inked = |x: std::ops::Range<u32>, y: std::ops::Range<u32>| {
            drawn
                .enumerate_pixels()
                .any(|(px, py, &p)| x.contains(&px) && y.contains(&py) && p[0] < 128 && p[0] != 0)
        };
        assert!(inked(0..left, top..top + 60) && inked(0..left, top + 60..top + 118));
        assert!(inked(left..left + 60, 0..top) && inked(left + 60..left + 118, 0..top));
        assert!(!inked(0..left, 0..top) && !inked(left..left + 118, top..top + 118));
    }

    #[test]
    fn captions_stand_below_their_images() {
        let images = vec![plain(0, 28); 3];
        let sheet = bare(&images, 2);
        let drawn = sheet.draw_captioned(&strings(&["3", "", "8"]));
        let line = font::height(LARGE) + 2 * MARGIN;
        assert_eq!(drawn.dimensions(), (118, 118 + 2 * line));
        let inked = |x: u32, y: u32| {
            drawn.enumerate_pixels().any(|(px, py, &p)| {
                (x..x + 60).contains(&px) && (y..y + line).contains(&py) && p == INK
            })
        };
        assert!(inked(0, 60) && !inked(60, 60) && inked(0, 118 + line));
        assert_eq!(
            drawn.get_pixel(2, 58 + line + 2),
            &Rgb([0; 3]),
            "the second row begins below the captions of the first"
        );
    }

    #[test]
    fn a_long_column_label_widens_the_cells_up_to_a_point() {
        let images = vec![plain(0, 28); 2];
        let columns = strings(&["T-shirt/top", "coat"]);
        let sheet = Sheet {
            column_labels: Some(&columns),
            ..bare(&images, 2)
        };
        assert_eq!(sheet.layout(&[]).cell, [84, 84]);
        let columns = vec!["very ".repeat(100); 2];
        let sheet = Sheet {
            column_labels: Some(&columns),
            ..bare(&images, 2)
        };
        assert_eq!(sheet.layout(&[]).cell, [140, 140]);
        sheet.draw();
    }

    #[test]
    fn odd_sheets_do_not_panic() {
        assert_eq!(bare(&[], 3).draw().dimensions(), (58 + 2, 2));
        bare(&[plain(1, 3)], 0).draw();
        let empty = Raster {
            shape: [1, 0, 0],
            pixels: Vec::new(),
        };
        bare(&[empty, plain(1, 30)], 5).draw();
        let labels = strings(&["\u{3b2} = 4", "", "many more than", "there are", "rows"]);
        Sheet {
            row_labels: Some(&labels),
            column_labels: Some(&labels),
            ..bare(&[plain(1, 9)], 1)
        }
        .draw();
        Sheet {
            row_labels: Some(&[]),
            column_labels: Some(&[]),
            ..bare(&[plain(1, 9)], 1)
        }
        .draw();
    }
}

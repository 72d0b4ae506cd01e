//! The places of the windows of a convolution in memory, so that a product can read them without a copy.
//!
//! Both kinds of convolution connect a big map and a small map, which has a pixel for each window of the big one. A
//! convolution maps big to small, a transposed convolution small to big, and the gradient of each is the other. Maps
//! are `[H, W, C]` here: the channels of a pixel are side by side, and so are the pixels of a row of a window.

use crate::ops::convolution::Convolution;

/// The two maps and the window between them.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// `[C, H, W]`.
    pub big: [usize; 3],
    /// `[C, H, W]`.
    pub small: [usize; 3],
    pub kernel: usize,
    pub stride: usize,
    /// The number of zeros above and to the left of the big map.
    pub before: [usize; 2],
}

/// A map with zeros around it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    channels: usize,
    /// The height and width of the map.
    pub map: [usize; 2],
    /// The height and width with the zeros.
    size: [usize; 2],
    /// The number of zeros above and to the left.
    before: [usize; 2],
}

impl Frame {
    /// Copies a map into the frame `into`; the zeros around it stay as they are.
    pub fn fill(&self, map: &[f32], into: &mut [f32]) {
        for ((to, length), line) in self.lines().zip(map.chunks_exact(self.pitch())) {
            into[to..][..length].copy_from_slice(&line[..length]);
        }
    }

    /// Returns the frame of the same map without zeros around it.
    pub fn bare(self) -> Self {
        Self {
            size: self.map,
            before: [0, 0],
            ..self
        }
    }

    /// Returns whether the frame is the map itself.
    pub fn is_bare(&self) -> bool {
        self.size == self.map && self.before == [0, 0]
    }

    /// Returns the line and the column in the map of the value at `place` in the frame. They are negative, or beyond the map,
    /// among the zeros.
    pub fn coordinates(&self, place: usize) -> [isize; 2] {
        let pixel = place / self.channels;
        let at = [pixel / self.size[1], pixel % self.size[1]];
        [0, 1].map(|axis| at[axis] as isize - self.before[axis] as isize)
    }

    /// Writes zeros around the place of the map.
    pub fn clear_around(&self, into: &mut [f32]) {
        let mut end = 0;
        for (to, length) in self.lines().filter(|(_, length)| *length > 0) {
            into[end..to].fill(0.0);
            end = to + length;
        }
        into[end..].fill(0.0);
    }

    /// Returns the number of values of the frame.
    pub fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// Returns the place of the first value of a pixel of the map.
    pub fn at(&self, y: usize, x: usize) -> usize {
        self.place(y + self.before[0], x + self.before[1])
    }

    fn place(&self, row: usize, column: usize) -> usize {
        (row * self.size[1] + column) * self.channels
    }

    /// Returns the number of values in a line of the map.
    pub fn pitch(&self) -> usize {
        self.map[1] * self.channels
    }

    /// Returns for each line of the map the place of its first value in the frame, and how many of its values have a
    /// place there. Values that no window covers have none.
    pub fn lines(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let height = self.map[0].min(self.size[0].saturating_sub(self.before[0]));
        let width = self.map[1].min(self.size[1].saturating_sub(self.before[1]));
        let has_place = move |y: usize| y < height && width > 0;
        (0..self.map[0]).map(move |y| {
            if has_place(y) {
                (self.at(y, 0), width * self.channels)
            } else {
                (0, 0)
            }
        })
    }
}

/// A product that computes some pixels of a map. Each is the sum over a window of a framed map, and all windows have
/// the same pixels.
#[derive(Clone, Debug)]
pub struct WindowPass {
    /// The place in the frame of the first value of the window, for each pixel.
    pub from: Vec<usize>,
    /// The place of the first value of each pixel in its map.
    pub to: Vec<usize>,
    /// The places of the rows of the window, counted from its first value.
    pub segments: Vec<usize>,
    /// The number of values in a row of the window.
    pub length: usize,
    /// The row and column in the kernel of each pixel of the window, in the order of memory.
    pub taps: Vec<[usize; 2]>,
}

impl Windows {
    /// Returns the maps and the window of a convolution; `down` says whether the input is the big map.
    pub fn new(convolution: Convolution, down: bool) -> Self {
        let Convolution {
            input,
            output,
            window,
            ..
        } = convolution;
        let (big, small) = if down {
            (input, output)
        } else {
            (output, input)
        };
        let before = window.padding.map(|(before, _)| before);
        Self {
            big,
            small,
            kernel: window.kernel,
            stride: window.stride,
            before,
        }
    }

    /// Returns the frame of the big map, with zeros where windows reach beyond it.
    pub fn big_frame(&self) -> Frame {
        let [channels, height, width] = self.big;
        let reach = |windows: usize| (windows - 1) * self.stride + self.kernel;
        let size = [reach(self.small[1]), reach(self.small[2])];
        Frame {
            channels,
            map: [height, width],
            size,
            before: self.before,
        }
    }

    /// Returns the frame of the small map, with zeros where the windows of the pixels of the big map reach beyond it.
    pub fn small_frame(&self) -> Frame {
        let [channels, height, width] = self.small;
        let before = self.before.map(|before| {
            (self.kernel - 1)
                .saturating_sub(before)
                .div_ceil(self.stride)
        });
        let reach = |axis: usize, length: usize, big: usize| {
            length.max((big - 1 + self.before[axis]) / self.stride + 1) + before[axis]
        };
        let size = [reach(0, height, self.big[1]), reach(1, width, self.big[2])];
        Frame {
            channels,
            map: [height, width],
            size,
            before,
        }
    }

    /// Returns the pass that computes every pixel of the small map from its window of the framed big map.
    pub fn down(&self) -> WindowPass {
        let frame = self.big_frame();
        let [channels, height, width] = self.small;
        let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        WindowPass {
            from: pixels()
                .map(|(y, x)| frame.place(y * self.stride, x * self.stride))
                .collect(),
            to: pixels().map(|(y, x)| (y * width + x) * channels).collect(),
            segments: (0..self.kernel).map(|row| frame.place(row, 0)).collect(),
            length: self.kernel * self.big[0],
            taps: (0..self.kernel)
                .flat_map(|row| (0..self.kernel).map(move |column| [row, column]))
                .collect(),
        }
    }

    /// Returns the passes that compute every pixel of the big map from the framed small map: one for each phase of the
    /// stride, because the pixels of a phase meet the same part of the kernel.
    pub fn up(&self) -> Vec<WindowPass> {
        let phases = 0..self.stride;
        phases
            .clone()
            .flat_map(|y| phases.clone().map(move |x| self.phase([y, x])))
            .collect()
    }

    fn phase(&self, phase: [usize; 2]) -> WindowPass {
        let frame = self.small_frame();
        let [channels, height, width] = self.big;
        // The rows (or columns) of the kernel that the phase meets, the last first, so that the rows of the small map
        // are in order. Each comes with the distance of its pixel from the first one of the phase, counting the zeros
        // of the frame.
        let meets = |axis: usize| -> Vec<(usize, usize)> {
            let first = phase[axis] + self.before[axis];
            let rows = (0..self.kernel)
                .rev()
                .filter(|row| row % self.stride == first % self.stride);
            rows.map(|row| {
                (
                    row,
                    (first + frame.before[axis] * self.stride - row) / self.stride,
                )
            })
            .collect()
        };
        let (rows, columns) = (meets(0), meets(1));
        let count =
            |axis: usize, length: usize| length.saturating_sub(phase[axis]).div_ceil(self.stride);
        let (down, across) = (count(0, height), count(1, width));
        let pixels = || (0..down).flat_map(|y| (0..across).map(move |x| (y, x)));
        let left = columns.first().map_or(0, |&(_, place)| place);
        WindowPass {
            from: pixels().map(|(y, x)| frame.place(y, x)).collect(),
            to: pixels()
                .map(|(y, x)| [phase[0] + y * self.stride, phase[1] + x * self.stride])
                .map(|[y, x]| (y * width + x) * channels)
                .collect(),
            segments: rows
                .iter()
                .map(|&(_, place)| frame.place(place, left))
                .collect(),
            length: columns.len() * self.small[0],
            taps: rows
                .iter()
                .flat_map(|&(row, _)| columns.iter().map(move |&(column, _)| [row, column]))
                .collect(),
        }
    }
}

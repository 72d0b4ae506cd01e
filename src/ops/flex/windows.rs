//! Where the windows of a convolution lie in memory, so that a product reads them in place.
//!
//! Both kinds of convolution live between a big map and a small one that has a pixel for each window of the big one: a
//! convolution goes from big to small, a transposed one from small to big, and each one's gradient is the other. Maps
//! are `[H, W, C]` here: all channels of a pixel together, and of a window's pixels side by side.

use super::super::Convolution;

/// The two maps and the window between them.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    /// `[C, H, W]`.
    pub big: [usize; 3],
    /// `[C, H, W]`.
    pub small: [usize; 3],
    pub kernel: usize,
    pub stride: usize,
    /// Zeros above and to the left of the big map.
    pub before: [usize; 2],
}

/// A map with zeros around it.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    channels: usize,
    /// Height and width of the map.
    map: [usize; 2],
    /// Height and width with the zeros.
    size: [usize; 2],
    /// Zeros above and to the left.
    before: [usize; 2],
}

impl Frame {
    /// Values of the frame.
    pub fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.channels
    }

    /// The first value of a pixel of the map.
    pub fn at(&self, y: usize, x: usize) -> usize {
        self.place(y + self.before[0], x + self.before[1])
    }

    fn place(&self, row: usize, column: usize) -> usize {
        (row * self.size[1] + column) * self.channels
    }

    /// Values in a line of the map.
    pub fn pitch(&self) -> usize {
        self.map[1] * self.channels
    }

    /// For each line of the map its first value in the frame, and how many have a place there: what no window covers has
    /// none.
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

/// A product that gives some pixels of a map: each is the sum over the same pixels around one of a framed map.
#[derive(Clone, Debug)]
pub struct Pass {
    /// For each pixel the first value of its window in the frame.
    pub from: Vec<usize>,
    /// For each pixel its first value in the map that it belongs to.
    pub to: Vec<usize>,
    /// The window's rows in the frame, from its first value on.
    pub segments: Vec<usize>,
    /// Values in a row of the window.
    pub length: usize,
    /// Row and column in the kernel of each pixel of the window, in the order of memory.
    pub taps: Vec<[usize; 2]>,
}

impl Windows {
    /// `down`: whether the input is the big map.
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

    /// The big map with what the windows reach beyond it.
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

    /// The small map with what the big map's pixels would reach beyond it.
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

    /// Every pixel of the small map from its window in the framed big one.
    pub fn down(&self) -> Pass {
        let frame = self.big_frame();
        let [channels, height, width] = self.small;
        let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
        Pass {
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

    /// Every pixel of the big map from the framed small one: a pass for each phase of the stride, for the pixels of a
    /// phase meet the same part of the kernel.
    pub fn up(&self) -> Vec<Pass> {
        let phases = 0..self.stride;
        phases
            .clone()
            .flat_map(|y| phases.clone().map(move |x| self.phase([y, x])))
            .collect()
    }

    fn phase(&self, phase: [usize; 2]) -> Pass {
        let frame = self.small_frame();
        let [channels, height, width] = self.big;
        // Rows (or columns) of the kernel that the phase meets, the last first: then the small map's come in order. With
        // each, how far its pixel lies from the phase's first, the frame's zeros counted.
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
        Pass {
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

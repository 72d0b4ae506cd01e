//! A convolution as a matrix product: every window of a map as a column ("im2col"), and columns added back to a map.
//!
//! Both kinds of convolution live between a big map and a small one that has a value a window: a convolution goes from
//! big to small, a transposed one from small to big, and each one's gradient is the other.

/// Where the windows lie.
#[derive(Clone, Copy, Debug)]
pub struct Lowering {
    /// `[C, H, W]`.
    pub big: [usize; 3],
    /// Height and width of the small map: the windows, down and across.
    pub windows: [usize; 2],
    pub kernel: usize,
    pub stride: usize,
    /// Zeros above and to the left of the big map.
    pub before: [usize; 2],
}

impl Lowering {
    /// Rows of the matrix of columns: values in a window.
    pub fn depth(&self) -> usize {
        self.big[0] * self.kernel * self.kernel
    }

    /// Columns: windows.
    pub fn count(&self) -> usize {
        self.windows[0] * self.windows[1]
    }

    /// The windows of `map` as columns: `columns` is `[depth, count]`.
    #[inline(always)]
    pub fn gather(&self, map: &[f32], columns: &mut [f32]) {
        let [_, height, width] = self.big;
        let [down, across] = self.windows;
        self.each_row(|channel, ky, kx, row| {
            let plane = &map[channel * height * width..][..height * width];
            let (first, last) = self.inside(kx, across, width);
            let columns = &mut columns[row * self.count()..][..self.count()];
            for (oy, line) in (0..down).zip(columns.chunks_exact_mut(across)) {
                let y = (oy * self.stride + ky).wrapping_sub(self.before[0]);
                if y >= height || first >= last {
                    line.fill(0.0);
                    continue;
                }
                line[..first].fill(0.0);
                line[last..].fill(0.0);
                let from = &plane[y * width + first * self.stride + kx - self.before[1]..];
                match self.stride {
                    1 => line[first..last].copy_from_slice(&from[..last - first]),
                    2 => line[first..last].iter_mut().zip(from.chunks(2)).for_each(|(to, pair)| *to = pair[0]),
                    stride => line[first..last].iter_mut().zip(from.chunks(stride)).for_each(|(to, x)| *to = x[0]),
                }
            }
        });
    }

    /// Adds each column to its window of `map`: the transpose of [`Lowering::gather`].
    #[inline(always)]
    pub fn scatter(&self, columns: &[f32], map: &mut [f32]) {
        let [_, height, width] = self.big;
        let [down, across] = self.windows;
        self.each_row(|channel, ky, kx, row| {
            let plane = &mut map[channel * height * width..][..height * width];
            let (first, last) = self.inside(kx, across, width);
            let columns = &columns[row * self.count()..][..self.count()];
            for (oy, line) in (0..down).zip(columns.chunks_exact(across)) {
                let y = (oy * self.stride + ky).wrapping_sub(self.before[0]);
                if y >= height || first >= last {
                    continue;
                }
                let to = &mut plane[y * width + first * self.stride + kx - self.before[1]..];
                let line = &line[first..last];
                match self.stride {
                    1 => to.iter_mut().zip(line).for_each(|(to, x)| *to += x),
                    2 => to.chunks_mut(2).zip(line).for_each(|(pair, x)| pair[0] += x),
                    stride => to.chunks_mut(stride).zip(line).for_each(|(to, x)| to[0] += x),
                }
            }
        });
    }

    /// Every (channel, row and column of the kernel) with its row in the matrix of columns.
    #[inline(always)]
    fn each_row(&self, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let kernel = self.kernel;
        for channel in 0..self.big[0] {
            for ky in 0..kernel {
                for kx in 0..kernel {
                    visit(channel, ky, kx, (channel * kernel + ky) * kernel + kx);
                }
            }
        }
    }

    /// The windows across whose column `kx` lies within the map: `first..last`.
    #[inline(always)]
    fn inside(&self, kx: usize, across: usize, width: usize) -> (usize, usize) {
        let left = self.before[1];
        let first = left.saturating_sub(kx).div_ceil(self.stride);
        let last = (width + left).saturating_sub(kx).div_ceil(self.stride);
        (first.min(across), last.min(across))
    }
}

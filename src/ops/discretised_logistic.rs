//! The constants of the discretised logistic distribution.

/// The width of a byte's bin, with the bytes 0 to 255 mapped to [-1, 1] as in PixelCNN++ (Salimans et al. 2017).
pub const BIN_WIDTH: f64 = 2.0 / 255.0;

/// The lower bound of a log scale, as in PixelCNN++. PixelCNN++ clamps log s; here it approaches the bound smoothly, so
/// that its gradient is never 0. A bin is then at most 8.6 scales wide, and an inner byte has a probability of at most
/// 0.973, which costs at least 0.04 bits.
pub const SMALLEST_LOG_SCALE: f64 = -7.0;

/// Returns the number of outputs of the decoder for each value: a mean and a log scale for one component, and for more
/// than one also a weight each.
pub fn outputs_per_value(components: usize) -> usize {
    if components == 1 { 2 } else { 3 * components }
}

//! Memory for framed maps, which each thread keeps.

use std::cell::RefCell;

use super::windows::Frame;

thread_local! {
    static FRAMES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with memory for some maps in each of the frames. The zeros around the maps are written; the places of the
/// maps hold any numbers.
pub fn with_frames<const N: usize, R>(
    frames_and_counts: [(&Frame, usize); N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    let lengths = frames_and_counts.map(|(frame, count)| count * frame.len());
    FRAMES.with_borrow_mut(|memory| {
        memory.resize(memory.len().max(lengths.iter().sum()), 0.0);
        let mut rest = memory.as_mut_slice();
        work(std::array::from_fn(|i| {
            let (maps, others) = std::mem::take(&mut rest).split_at_mut(lengths[i]);
            rest = others;
            let (frame, _) = frames_and_counts[i];
            maps.chunks_exact_mut(frame.len())
                .for_each(|map| frame.clear_around(map));
            maps
        }))
    })
}

//! Memory for framed maps, which each thread keeps.

use std::cell::RefCell;

use super::windows::Frame;

thread_local! {
    static FRAMES: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Calls `work` with memory for some maps in each of the frames, at most two. The zeros around the maps are written; the
/// places of the maps hold any numbers.
pub fn with_frames<const N: usize, R>(
    frames_and_counts: [(&Frame, usize); N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    FRAMES.with_borrow_mut(|memory| {
        let mut memory = memory.iter_mut();
        work(frames_and_counts.map(|(frame, count)| {
            let memory = memory.next().expect("there is memory for two frames");
            cleared(memory, frame, count)
        }))
    })
}

/// Returns memory for `count` maps, with zeros around each.
fn cleared<'a>(memory: &'a mut Vec<f32>, frame: &Frame, count: usize) -> &'a mut [f32] {
    let length = count * frame.len();
    memory.resize(memory.len().max(length), 0.0);
    let memory = &mut memory[..length];
    memory
        .chunks_exact_mut(frame.len())
        .for_each(|memory| frame.clear_around(memory));
    memory
}

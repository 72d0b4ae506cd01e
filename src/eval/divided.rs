//! The division of the images to measure among several processes. The results are the same bytes as on one: the images are
//! computed in the same chunks, and what is summed over them is summed in their order.

use crate::error::Result;
use crate::parallel;

/// Returns this process's part of the images `ids`, which are computed `size` at a time: whole chunks.
pub fn own_part(ids: &[u32], size: usize) -> &[u32] {
    part(ids, size, parallel::place())
}

/// Returns this process's share of things that are done one by one.
pub fn own_share<T>(all: &[T]) -> &[T] {
    let [rank, processes] = parallel::place();
    let place = |rank: usize| rank * all.len() / processes;
    &all[place(rank)..place(rank + 1)]
}

fn part(ids: &[u32], size: usize, [rank, processes]: [usize; 2]) -> &[u32] {
    let chunks = ids.len().div_ceil(size);
    let place = |rank: usize| (rank * chunks / processes * size).min(ids.len());
    &ids[place(rank)..place(rank + 1)]
}

/// Returns the sums of chunks of numbers, each `[width]`, over the chunks of all processes, in order; empty if there are
/// none.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn sums(own: Vec<f64>, width: usize) -> Result<Vec<f64>> {
    let all = parallel::gather(own)?;
    let mut chunks = all.chunks(width.max(1));
    let mut sums = chunks.next().map(<[f64]>::to_vec).unwrap_or_default();
    for chunk in chunks {
        sums.iter_mut()
            .zip(chunk)
            .for_each(|(sum, value)| *sum += value);
    }
    Ok(sums)
}

/// Returns the rows of all processes, each `[width]`, in order.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn gather_rows(own: Vec<Vec<f32>>, width: usize) -> Result<Vec<Vec<f32>>> {
    if parallel::count() == 1 {
        return Ok(own);
    }
    let bytes: Vec<u8> = own.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    let all = parallel::gather_bytes(&bytes)?.concat();
    let (values, _) = all.as_chunks::<4>();
    let values: Vec<f32> = values
        .iter()
        .map(|bytes| f32::from_le_bytes(*bytes))
        .collect();
    Ok(values.chunks(width.max(1)).map(<[f32]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_measured_once_in_the_same_chunks() {
        let ids: Vec<u32> = (0..1234).collect();
        for processes in 1..20 {
            let parts = (0..processes).map(|rank| part(&ids, 100, [rank, processes]));
            let chunks: Vec<&[u32]> = parts.flat_map(|part| part.chunks(100)).collect();
            assert_eq!(chunks, ids.chunks(100).collect::<Vec<_>>());
        }
        assert!(part(&[], 100, [0, 2]).is_empty());
    }
}

//! One array of a file, with what is needed to name it.

use std::path::PathBuf;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::data::bytes::Bytes;
use crate::data::fault::Fault;
use crate::data::npy::{Dtype, Header, product};
use crate::error::{Error, Result};
use crate::files;

/// Values read at once.
const BLOCK: usize = 1 << 16;

/// An array whose values are read by position, in C order.
#[derive(Clone, Debug)]
pub struct StoredArray {
    /// Its name in outputs: `train_images`, `cat.npy`.
    pub name: String,
    /// Its place in messages.
    pub path: PathBuf,
    pub shape: Vec<usize>,
    pub dtype: Dtype,
    /// The values alone.
    pub values: Bytes,
}

impl StoredArray {
    /// Returns the array in the `.npy` file `file`. One in Fortran's order is put into C order, in memory.
    ///
    /// # Errors
    /// The file is damaged, or its values are of a type that is not read.
    pub fn new(name: String, path: PathBuf, file: Bytes, most_in_memory: u64) -> Result<Self> {
        let header = Header::of(&path, &file)?;
        let length = file.length() - header.start;
        let values = file.part(header.start, length);
        let values = values.ok_or_else(|| Error::file(&path, "ends early"))?;
        let is_in_order = !header.is_fortran || header.shape.len() < 2;
        if !is_in_order && length > most_in_memory {
            let what = format!("has {length} bytes in Fortran's order (column after column)");
            return Err(Error::file(&path, what).with_hint(
                "put it into C order: `numpy.save(\"new.npy\", numpy.ascontiguousarray(array))`",
            ));
        }
        let values = if is_in_order {
            values
        } else {
            let read = values
                .into_vec()
                .map_err(|error| files::unreadable(&path, &error))?;
            Bytes::in_memory(in_c_order(&read, &header.shape, header.dtype.size))
        };
        Ok(Self {
            name,
            path,
            shape: header.shape,
            dtype: header.dtype,
            values,
        })
    }

    /// Describes the array: `uint8 60000 x 28 x 28`.
    pub fn described(&self) -> String {
        match &self.shape[..] {
            [] => format!("a single value ({})", self.dtype),
            shape => format!("{} ({})", product(shape), self.dtype),
        }
    }

    /// Returns the error of what is wrong with this array.
    pub fn error(&self, what: impl Into<String>, hint: &'static str) -> Error {
        Fault::content(what, hint).at(&self.path)
    }

    /// Calls `fold` on the bytes of consecutive parts, several at once, and joins the results with `join`.
    ///
    /// # Errors
    /// The values cannot be read.
    pub fn fold<T: Send>(
        &self,
        empty: impl Fn() -> T + Sync + Send,
        fold: impl Fn(&[u8]) -> T + Sync + Send,
        join: impl Fn(T, T) -> T + Sync + Send,
    ) -> Result<T> {
        (0..self.blocks())
            .into_par_iter()
            .map(|number| Ok(fold(&self.block(number)?)))
            .try_reduce(&empty, |a, b| Ok(join(a, b)))
    }

    /// Returns whether `test` is true of any of the consecutive parts; none behind it is read.
    ///
    /// # Errors
    /// The values cannot be read.
    pub fn any(&self, test: impl Fn(&[u8]) -> bool) -> Result<bool> {
        for number in 0..self.blocks() {
            if test(&self.block(number)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the number of parts of [`BLOCK`] values. The last part may be shorter.
    fn blocks(&self) -> u64 {
        let block = (BLOCK * self.dtype.size) as u64;
        self.values.length().div_ceil(block)
    }

    /// Reads part `number`.
    fn block(&self, number: u64) -> Result<Vec<u8>> {
        let block = (BLOCK * self.dtype.size) as u64;
        let start = number * block;
        let mut bytes = vec![0; block.min(self.values.length() - start) as usize];
        let read = self.values.read_at(start, &mut bytes);
        read.map_err(|error| files::unreadable(&self.path, &error))?;
        Ok(bytes)
    }
}

/// Returns the values of an array in Fortran's order (the first index is the fastest) in C order.
fn in_c_order(values: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let mut ordered = Vec::with_capacity(values.len());
    let mut index = vec![0; shape.len()];
    if values.is_empty() {
        return ordered;
    }
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = size;
    for length in shape {
        strides.push(stride);
        stride *= length;
    }
    let mut place = 0;
    loop {
        ordered.extend_from_slice(&values[place..place + size]);
        // The next index, the last axis first.
        let mut axis = shape.len();
        loop {
            if axis == 0 {
                return ordered;
            }
            axis -= 1;
            index[axis] += 1;
            place += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            place -= index[axis] * strides[axis];
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fortrans_order_becomes_c_order() {
        // The array [[1, 2, 3], [4, 5, 6]].
        assert_eq!(
            in_c_order(&[1, 4, 2, 5, 3, 6], &[2, 3], 1),
            [1, 2, 3, 4, 5, 6]
        );
        let wide = [1, 1, 4, 4, 2, 2, 5, 5, 3, 3, 6, 6];
        assert_eq!(in_c_order(&wide, &[2, 3], 2)[2..6], [2, 2, 3, 3]);
        assert!(in_c_order(&[], &[0, 3], 1).is_empty());
    }
}

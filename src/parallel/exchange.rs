//! The exchange of short messages, in which every process learns whether another one has failed.
//!
//! Each exchange begins with a few bytes from everybody: whether it goes on, and how many bytes follow. A process that fails
//! takes part in the next exchange with its error instead, so that all processes stop with the same error, wherever they are.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{ranks, transport};
use crate::error::{Error, Result};

/// The wishes of a process, which hold for all if one has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The wish to save the state and to stop.
    pub stop: bool,
    /// The wish to save the state.
    pub save: bool,
}

/// The bits of the word that each process sends first. It has failed, and its message is the error.
const FAILED: u64 = 1;
/// It wishes to stop.
const STOP: u64 = 2;
/// It wishes to save the state.
const SAVE: u64 = 4;
/// It has failed outside of the common work, and takes part in no later exchange.
const LEAVES: u64 = 8;

/// Says whether an error has been told in an exchange, so that all processes know of it.
static IS_TOLD: AtomicBool = AtomicBool::new(false);

/// Says whether a process has left with its error.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

/// An error on its way to the other processes.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Failure {
    code: u8,
    what: String,
    hint: Option<String>,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code(),
            what: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = match failure.code {
            2 => Self::request(failure.what),
            3 => Self::found(failure.what),
            130 => Self::interrupted(failure.what),
            _ => Self::failed(failure.what),
        };
        failure.hint.into_iter().fold(error, Self::with_hint)
    }
}

/// Returns the first words of all processes, and the message of each.
///
/// # Errors
/// Returns the error of the first process that has failed.
fn exchange(word: u64, message: &[u8], count: usize) -> Result<(Vec<u64>, Vec<Vec<u8>>)> {
    let mut heads = vec![0; 2 * count];
    transport::gather_equal(&[word, message.len() as u64], &mut heads);
    let words: Vec<u64> = heads.iter().step_by(2).copied().collect();
    let lengths = heads.iter().skip(1).step_by(2);
    let lengths: Vec<usize> = lengths.map(|&length| length as usize).collect();
    let messages = gather_messages(message, &lengths);
    match words.iter().position(|word| word & FAILED != 0) {
        None => Ok((words, messages)),
        Some(rank) => {
            IS_TOLD.store(true, Ordering::Relaxed);
            let leaves = words.iter().any(|word| word & LEAVES != 0);
            HAS_LEFT.fetch_or(leaves, Ordering::Relaxed);
            Err(error_of(rank, &words, &messages))
        }
    }
}

/// Returns whether a process has left with its error: nothing can be exchanged any more.
pub fn has_lost_one() -> bool {
    HAS_LEFT.load(Ordering::Relaxed)
}

/// Returns the message of each process; `lengths` are theirs in bytes. MPI counts in 32 bits, so long messages are sent in
/// parts.
fn gather_messages(own: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut messages = vec![Vec::new(); lengths.len()];
    let most = i32::MAX as usize / lengths.len();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    for start in (0..longest).step_by(most) {
        let counts: Vec<usize> = lengths
            .iter()
            .map(|length| length.saturating_sub(start).min(most))
            .collect();
        let own = &own[start.min(own.len())..(start + most).min(own.len())];
        let mut all = vec![0; counts.iter().sum()];
        transport::gather_parts(own, &counts, &mut all);
        let mut rest = all.as_slice();
        for (message, &count) in messages.iter_mut().zip(&counts) {
            let (part, after) = rest.split_at(count);
            message.extend_from_slice(part);
            rest = after;
        }
    }
    messages
}

/// Returns the error of the process `rank`, the first that has failed. It is named, unless all have failed in the same way.
fn error_of(rank: usize, words: &[u64], messages: &[Vec<u8>]) -> Error {
    let Ok(failure) = serde_json::from_slice::<Failure>(&messages[rank]) else {
        return Error::failed(format!("{} has failed", ranks::name_of(rank)));
    };
    let everywhere = words.iter().all(|word| word & FAILED != 0)
        && messages.iter().all(|message| *message == messages[rank]);
    let error = Error::from(failure);
    if everywhere || rank == 0 {
        error
    } else {
        error.inside(&ranks::name_of(rank))
    }
}

/// Returns the message of each of `count` processes.
pub(super) fn all(message: &[u8], count: usize) -> Result<Vec<Vec<u8>>> {
    Ok(exchange(0, message, count)?.1)
}

/// Tells the other processes of an error.
fn tell(error: &Error, word: u64) -> Result<()> {
    let message = serde_json::to_vec(&Failure::from(error)).map_err(Error::failed)?;
    exchange(FAILED | word, &message, ranks::count()).map(drop)
}

/// Ends the work of this process, and returns the result of all. An error that the others do not know of is told.
pub(super) fn settle(result: Result<()>) -> Result<()> {
    if IS_TOLD.load(Ordering::Relaxed) {
        return result;
    }
    match result {
        Ok(()) => agree(Wishes::default()).map(drop),
        Err(error) => Err(tell(&error, LEAVES).err().unwrap_or(error)),
    }
}

/// Returns the wishes of all processes together.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn agree(wishes: Wishes) -> Result<Wishes> {
    let count = ranks::count();
    if count == 1 {
        return Ok(wishes);
    }
    let word = (u64::from(wishes.stop) * STOP) | (u64::from(wishes.save) * SAVE);
    let (words, _) = exchange(word, &[], count)?;
    let all = words.iter().fold(0, |all, word| all | word);
    Ok(Wishes {
        stop: all & STOP != 0,
        save: all & SAVE != 0,
    })
}

/// Returns this process's result, unless another one has failed.
///
/// # Errors
/// Returns the error of the first process that has failed, on all of them.
pub fn together<T>(result: Result<T>) -> Result<T> {
    if ranks::count() == 1 {
        return result;
    }
    match result {
        Ok(value) => agree(Wishes::default()).map(|_| value),
        Err(error) => Err(tell(&error, 0).err().unwrap_or(error)),
    }
}

/// Returns whether a condition holds on every process.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn all_hold(condition: bool) -> Result<bool> {
    let wishes = Wishes {
        stop: !condition,
        save: false,
    };
    Ok(!agree(wishes)?.stop)
}

/// Returns the bytes that the first process makes.
///
/// # Errors
/// Returns the first process's error, or that of another one that has failed.
pub fn from_first(make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let count = ranks::count();
    if count == 1 {
        return make();
    }
    let own = match ranks::is_first() {
        true => ranks::alone(make),
        false => Ok(Vec::new()),
    };
    let own = transport::patiently(|| together(own))?;
    let all = all(&own, count)?;
    Ok(all.into_iter().next().unwrap_or_default())
}

/// Checks that all processes have the same `words`; `what` says what they are.
///
/// # Errors
/// Returns an error that names the first process that differs.
pub fn all_equal(what: &str, words: &str) -> Result<()> {
    let count = ranks::count();
    if count == 1 {
        return Ok(());
    }
    let all = all(words.as_bytes(), count)?;
    match all.iter().position(|other| *other != all[0]) {
        None => Ok(()),
        Some(rank) => {
            let [first, other] =
                [&all[0], &all[rank]].map(|words| String::from_utf8_lossy(words).into_owned());
            Err(Error::request(format!(
                "{what} is not the same everywhere: {other} on {}, and {first} on {}",
                ranks::name_of(rank),
                ranks::name_of(0)
            ))
            .with_hint(
                "start the same program, with the same arguments and data, on every machine",
            ))
        }
    }
}

/// Does some work on all processes: on the first one first, then on one of each other machine, and then on the others, so
/// that what one of them prepares (a download, a cache) is there for the next.
///
/// # Errors
/// Returns the error of the first process that fails.
pub fn in_turn<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    if ranks::count() == 1 {
        return work();
    }
    let own_turn = match (ranks::is_first(), ranks::local()) {
        (true, _) => 0,
        (false, [0, _]) => 1,
        _ => 2,
    };
    let mut done = None;
    for turn in 0..3 {
        let result = match turn == own_turn {
            true => ranks::alone(&mut work).map(Some),
            false => Ok(None),
        };
        let result = transport::patiently(|| together(result))?;
        done = done.or(result);
    }
    done.ok_or_else(|| Error::failed("a process had no turn"))
}

/// Returns the numbers of all processes, one after the other.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn gather(own: Vec<f64>) -> Result<Vec<f64>> {
    let count = ranks::count();
    if count == 1 {
        return Ok(own);
    }
    let bytes: Vec<u8> = own.iter().flat_map(|value| value.to_le_bytes()).collect();
    let all = all(&bytes, count)?.concat();
    let (numbers, _) = all.as_chunks::<8>();
    Ok(numbers
        .iter()
        .map(|bytes| f64::from_le_bytes(*bytes))
        .collect())
}

/// Returns the bytes of each process.
///
/// # Errors
/// Returns the error of a process that has failed.
pub fn gather_bytes(own: &[u8]) -> Result<Vec<Vec<u8>>> {
    match ranks::count() {
        1 => Ok(vec![own.to_vec()]),
        count => all(own, count),
    }
}

/// Does the same as [`gather`], for numbers in single precision, while no process can fail.
pub fn gather_floats(own: &[f32]) -> Vec<f32> {
    let count = ranks::count();
    if count == 1 {
        return own.to_vec();
    }
    let mut lengths = vec![0; count];
    transport::gather_equal(&[own.len() as u64], &mut lengths);
    let lengths: Vec<usize> = lengths.iter().map(|&length| length as usize).collect();
    let mut all = vec![0.0; lengths.iter().sum()];
    transport::gather_parts(own, &lengths, &mut all);
    all
}

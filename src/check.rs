//! Checks of the values of a config, with one message for each kind of mistake.

use std::fmt::Display;

use crate::error::{Error, Result};

/// Returns whether a value is its type's default: 0, or `false`. Where that stands for "off" or "none", the value is not
/// written to files.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Checks that a value is finite and at least 0.
pub fn at_least_zero(key: &str, value: f64) -> Result<()> {
    expect(
        value.is_finite() && value >= 0.0,
        key,
        value,
        "a number of at least 0",
    )
}

/// Checks that a value is finite and above 0.
pub fn above_zero(key: &str, value: f64) -> Result<()> {
    expect(
        value.is_finite() && value > 0.0,
        key,
        value,
        if value.is_finite() {
            "a number above 0"
        } else {
            "a finite number above 0"
        },
    )
}

/// Checks that a value is in `[low, high]`.
pub fn within(key: &str, value: f64, low: f64, high: f64) -> Result<()> {
    expect(
        (low..=high).contains(&value),
        key,
        value,
        &format!("a number from {low} to {high}"),
    )
}

/// Checks that a count is at least 1.
pub fn at_least_one(key: &str, value: usize) -> Result<()> {
    expect(value >= 1, key, value, "a whole number of at least 1")
}

/// Checks that a count is in `1..=most`; a larger count would need more memory than any machine has.
pub fn count(key: &str, value: usize, most: usize) -> Result<()> {
    at_least_one(key, value)?;
    expect(value <= most, key, value, &format!("at most {most}"))
}

fn expect(holds: bool, key: &str, value: impl Display, expected: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::request(format!(
            "{key} is {value}; expected {expected}"
        )))
    }
}

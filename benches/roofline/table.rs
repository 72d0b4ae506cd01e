//! The table of operations.

use std::fmt::Write;

use super::ceilings::Machine;
use super::measured::Measured;

/// Returns the operations with their times beside the shortest time that the machine's limits allow.
pub fn of(machine: &Machine, operations: &[Measured]) -> String {
    let mut text = "| operation | time, µs | MFLOP | MB | from | bound by | share |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for operation in operations {
        let level = machine.level(operation.bytes);
        let computing = operation.flop / (machine.peak[1] * 1e9);
        let reading = operation.bytes / (level.read[1] * 1e9);
        let bound = if computing > reading {
            "multipliers"
        } else {
            level.name
        };
        writeln!(
            text,
            "| {} | {:.1} | {} | {} | {} | {bound} | {:.0} % |",
            operation.name,
            operation.seconds * 1e6,
            short(operation.flop / 1e6),
            short(operation.bytes / 1e6),
            level.name,
            100.0 * computing.max(reading) / operation.seconds,
        )
        .expect("a string can be written to");
    }
    text
}

/// Returns a number with about three digits.
fn short(number: f64) -> String {
    match number {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

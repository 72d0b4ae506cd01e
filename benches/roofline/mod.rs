//! A roofline (Williams, Waterman, Patterson 2009): what the machine can do at most, measured, and the share of it that
//! each operation reaches. `cargo bench -- roofline` prints it.

mod ceilings;
mod convolutions;
mod elementwise;
mod measured;
mod products;
mod table;

use ceilings::Machine;

/// Measures the machine and every operation, and prints both as tables of Markdown.
#[expect(clippy::print_stdout, reason = "the tables are the result")]
pub fn print() {
    let machine = Machine::measure();
    println!("{}", machine.table());
    let operations = [
        products::measure(),
        convolutions::measure(),
        elementwise::measure(),
    ];
    println!("{}", table::of(&machine, &operations.concat()));
}

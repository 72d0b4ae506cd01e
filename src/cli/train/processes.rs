//! The lines that a training on several processes prints about them.

use crate::words::counted;
use crate::{device, os, parallel, ui};

/// Says how many processes train together, and whether a launcher keeps them from using all cores.
pub fn introduce(shards: usize) {
    let count = parallel::count();
    if count == 1 {
        return;
    }
    let threads = device::threads();
    ui::note(format_args!(
        "{} on {}, with {} each; {shards} shards of a batch",
        format_args!("{count} processes"),
        counted(parallel::on_machines(), "machine"),
        counted(threads, "thread"),
    ));
    let [_, here] = parallel::local();
    let idle = os::cores().is_some_and(|cores| threads * here < cores);
    if idle {
        ui::note(
            "note: the launcher lets each process use few of this machine's cores; to let them use all: mpirun --bind-to none",
        );
    }
}

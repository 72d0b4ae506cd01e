//! The program that started this process and, perhaps, others beside it: `mpirun` or `srun`, which say so in environment
//! variables.

use std::env;

use crate::error::{Error, Result};

/// The processes that a launcher says it has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The launcher's name.
    pub by: &'static str,
    pub processes: usize,
    /// The number of this process, from 0.
    pub rank: usize,
}

/// The variables with the number of processes and with the number of this one, and the launcher that sets them. `srun` sets the
/// first only for the processes of a step, not for the script of a job.
const VARIABLES: &[(&str, &str, &str)] = &[
    // Within a job of SLURM `mpirun` starts its processes through `srun`, one on each machine.
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "mpirun"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "mpirun"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "srun"),
    ("PMI_SIZE", "PMI_RANK", "mpirun"),
];

/// The variable that makes every process an independent program, and the value that does so.
const SWITCH: &str = "VAE_MPI";
const OFF: &str = "off";

/// Checks the variable `VAE_MPI`.
///
/// # Errors
/// Returns an error if it has another value than `off`.
pub fn check_switch() -> Result<()> {
    match env::var_os(SWITCH) {
        Some(value) if !value.is_empty() && value != OFF => Err(Error::request(format!(
            "{SWITCH} is `{}`; expected `{OFF}`",
            value.to_string_lossy()
        ))
        .with_hint("unset it for one training on all processes")),
        _ => Ok(()),
    }
}

/// Returns the processes that were started together, this one among them; `None` if there is only one, or if `VAE_MPI=off`.
pub fn launched() -> Option<Launched> {
    of(|name| env::var(name).ok())
}

fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Launched> {
    if variable(SWITCH).is_some_and(|value| value == OFF) {
        return None;
    }
    let found = VARIABLES.iter().find_map(|&(count, rank, by)| {
        let processes = variable(count)?.parse().ok()?;
        let rank = variable(rank).and_then(|rank| rank.parse().ok());
        Some(Launched {
            by,
            processes,
            rank: rank.unwrap_or(0),
        })
    });
    found.filter(|launched| launched.processes > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_processes_are_noticed() {
        let with = |pairs: &[(&str, &str)]| {
            of(|name| {
                let pair = pairs.iter().find(|(key, _)| *key == name);
                pair.map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "1")]), None);
        assert_eq!(with(&[("SLURM_NTASKS", "4")]), None, "a script of a job");
        let four = |by, rank| {
            let processes = 4;
            Some(Launched {
                by,
                processes,
                rank,
            })
        };
        let third = [("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "2")];
        assert_eq!(with(&third), four("mpirun", 2));
        assert_eq!(with(&[("SLURM_STEP_NUM_TASKS", "4")]), four("srun", 0));
        assert_eq!(with(&[("PMI_SIZE", "4"), ("VAE_MPI", "off")]), None);
    }
}

//! The program that started this process and, perhaps, others beside it: `mpirun` or `srun`, which say so in environment
//! variables.

use std::env;

/// The processes that a launcher says it has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The launcher's name.
    pub by: &'static str,
    pub processes: usize,
}

/// The variables with the number of processes, each with the launcher that sets it. `srun` sets its own only for the
/// processes of a step, not for the script of a job.
const VARIABLES: &[(&str, &str)] = &[
    // Within a job of SLURM `mpirun` starts its processes through `srun`, one on each machine.
    ("OMPI_COMM_WORLD_SIZE", "mpirun"),
    ("MV2_COMM_WORLD_SIZE", "mpirun"),
    ("SLURM_STEP_NUM_TASKS", "srun"),
    ("PMI_SIZE", "mpirun"),
];

/// Returns the processes that were started together, this one among them; `None` if there is only one, or if `VAE_MPI=off`.
pub fn launched() -> Option<Launched> {
    of(|name| env::var(name).ok())
}

fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Launched> {
    if variable("VAE_MPI").is_some_and(|value| value == "off") {
        return None;
    }
    let found = VARIABLES.iter().find_map(|&(name, by)| {
        let processes = variable(name)?.parse().ok()?;
        Some(Launched { by, processes })
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
        let four = |by| Some(Launched { by, processes: 4 });
        assert_eq!(with(&[("OMPI_COMM_WORLD_SIZE", "4")]), four("mpirun"));
        assert_eq!(with(&[("SLURM_STEP_NUM_TASKS", "4")]), four("srun"));
        assert_eq!(with(&[("PMI_SIZE", "4"), ("VAE_MPI", "off")]), None);
    }
}

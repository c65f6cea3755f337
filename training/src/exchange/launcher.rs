//! What a launcher of MPI jobs tells every process of the job, in its environment.

/// How many processes there are: Open MPI, MPICH and its kin, Slurm.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];
/// How many of them are on this machine: Open MPI, MPICH and its kin.
const LOCAL_SIZES: [&str; 2] = ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"];

/// How many processes a launcher has started, this one among them; none without a launcher.
pub fn processes() -> Option<usize> {
    number(&SIZES)
}

/// How many of them are on this machine; 1 where the launcher does not say it.
pub fn processes_here() -> usize {
    number(&LOCAL_SIZES).unwrap_or(1)
}

/// What the first of these variables that is set says.
fn number(variables: &[&str]) -> Option<usize> {
    variables.iter().find_map(|name| std::env::var(name).ok()?.parse().ok())
}

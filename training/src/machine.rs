//! What the machine has.

use sysinfo::System;

/// Bytes that this process can have at most: the machine's, or those of its control group. None
/// where the system does not say.
pub fn memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory();
    let group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    Some(system.total_memory().min(group)).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_memory() {
        assert!(memory().is_none_or(|bytes| bytes > 1 << 20));
    }
}

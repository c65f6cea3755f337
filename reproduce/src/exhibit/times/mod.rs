//! Exhibits whose numbers are times on this machine.

pub(crate) mod layer_timing;
pub(crate) mod nodes;
pub(crate) mod resnet_step;
pub(crate) mod roofline;
pub(crate) mod steps;
pub(crate) mod timed_network;
pub(crate) mod training_step;

use crate::result::{Evidence, PaperClaim, Standing};

/// What times of single steps say of the time of whole trainings: they support it.
fn evidence(finding: &str, setting: &str) -> Evidence {
    Evidence {
        claim: PaperClaim::Time,
        standing: Standing::Undecided,
        number: finding.to_string(),
        setting: format!("{setting}; quartiles in brackets"),
        caveat: "single steps: nothing is learnt, so it does not say what they cost in accuracy"
            .to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_steps_decide_nothing() {
        let found = evidence("half the time", "a network");
        assert_eq!((found.claim, found.standing), (PaperClaim::Time, Standing::Undecided));
        assert_eq!(found.number, "half the time");
        assert!(found.setting.starts_with("a network; "));
    }
}

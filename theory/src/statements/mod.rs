//! One file a statement: the claims with their closed form, the checks, the negative controls.

pub mod backward_sampling;
pub mod comparison;
pub mod concentration;
pub mod convolution;
pub mod design_comparison;
pub mod designs;
pub mod forward_bias;
pub mod mixture;
pub mod number_kept;
pub mod optimality;
pub mod ridge;
pub mod sgd_convergence;
pub mod top_k;
pub mod unbiasedness;
pub mod variance;

use crate::claim::{CheckError, Settings};
use crate::verdict::Verdict;

/// Something that gives verdicts.
pub type Check = fn(&Settings) -> Result<Vec<Verdict>, CheckError>;

/// The checks of a statement.
#[derive(Clone, Copy, Debug)]
pub struct Statement {
    /// Its name, as its file's.
    pub name: &'static str,
    /// Checks without noise.
    pub exact: Check,
    /// Wrong estimators given to the checks without noise; each must fail.
    pub exact_controls: Check,
    /// Checks by drawing, with p-values.
    pub sampled: Check,
    /// Wrong estimators given to the checks by drawing; each must fail.
    pub sampled_controls: Check,
}

/// T1, T2 and so on, in order.
pub const ALL: [Statement; 15] = [
    Statement {
        name: "unbiasedness",
        exact: unbiasedness::exact_checks,
        exact_controls: unbiasedness::exact_controls,
        sampled: unbiasedness::sampled_checks,
        sampled_controls: unbiasedness::sampled_controls,
    },
    Statement {
        name: "variance",
        exact: variance::exact_checks,
        exact_controls: variance::exact_controls,
        sampled: variance::sampled_checks,
        sampled_controls: variance::sampled_controls,
    },
    Statement {
        name: "convolution",
        exact: convolution::checks,
        exact_controls: convolution::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "optimality",
        exact: optimality::checks,
        exact_controls: optimality::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "top_k",
        exact: top_k::exact_checks,
        exact_controls: top_k::exact_controls,
        sampled: top_k::sampled_checks,
        sampled_controls: top_k::sampled_controls,
    },
    Statement {
        name: "comparison",
        exact: comparison::checks,
        exact_controls: comparison::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "designs",
        exact: designs::checks,
        exact_controls: designs::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "design_comparison",
        exact: design_comparison::checks,
        exact_controls: design_comparison::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "number_kept",
        exact: number_kept::exact_checks,
        exact_controls: number_kept::exact_controls,
        sampled: number_kept::sampled_checks,
        sampled_controls: number_kept::sampled_controls,
    },
    Statement {
        name: "ridge",
        exact: ridge::checks,
        exact_controls: ridge::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "backward_sampling",
        exact: backward_sampling::checks,
        exact_controls: backward_sampling::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "forward_bias",
        exact: forward_bias::checks,
        exact_controls: forward_bias::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "sgd_convergence",
        exact: sgd_convergence::exact_checks,
        exact_controls: sgd_convergence::exact_controls,
        sampled: sgd_convergence::sampled_checks,
        sampled_controls: sgd_convergence::sampled_controls,
    },
    Statement {
        name: "concentration",
        exact: concentration::checks,
        exact_controls: concentration::controls,
        sampled: none,
        sampled_controls: none,
    },
    Statement {
        name: "mixture",
        exact: mixture::checks,
        exact_controls: mixture::controls,
        sampled: none,
        sampled_controls: none,
    },
];

fn none(_: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(Vec::new())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Check;
    use crate::claim::{Scale, Settings};
    use kernels::InstructionSet;

    const SETTINGS: Settings =
        Settings { seed: 1, scale: Scale::Quick, set: InstructionSet::Portable };

    pub fn assert_passed(check: Check) {
        let verdicts = check(&SETTINGS).unwrap();
        assert!(!verdicts.is_empty(), "nothing was checked");
        for verdict in verdicts {
            assert!(verdict.passed(), "{verdict:#?}");
        }
    }

    pub fn assert_rejected(controls: Check) {
        let verdicts = controls(&SETTINGS).unwrap();
        assert!(!verdicts.is_empty(), "there is no control");
        for verdict in verdicts {
            assert!(verdict.rejected(), "{verdict:#?}");
        }
    }
}

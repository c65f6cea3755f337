//! The paper's guarantee of convergence, decided from the statements that it rests on.

use crate::result::{Evidence, PaperClaim, Standing};

/// What the guarantee needs: gradients that are unbiased in a sampled regression and in a network
/// that is sampled backward, and the bound that follows for SGD.
const NEEDED: [&str; 3] = ["T7.gradient", "T8.unbiased", "T10.bound"];
/// That a network with activations, sampled forward, has biased gradients: it has no such guarantee.
const EXCEPTION: &str = "T9.biased";

/// Decided from the statements that were tested, each with whether it held; none where none of those
/// was. Fails where one that is needed fails; holds in part where all hold and so does the exception;
/// holds where the exception does not; undecided where one was not tested.
pub fn evidence(tested: &[(&str, bool)]) -> Option<Evidence> {
    let of = |id: &str| tested.iter().find(|(found, _)| *found == id).map(|(_, held)| *held);
    let needed = NEEDED.map(of);
    if needed.iter().all(Option::is_none) {
        return None;
    }
    let is_exception = of(EXCEPTION);
    let standing = match () {
        () if needed.contains(&Some(false)) => Standing::Fails,
        () if needed.contains(&None) || is_exception.is_none() => Standing::Undecided,
        () if is_exception == Some(true) => Standing::HoldsInPart,
        () => Standing::Holds,
    };
    let holding = needed.iter().filter(|held| **held == Some(true)).count();
    let exception = match is_exception {
        Some(true) => "; forward sampling with activations is biased (T9)",
        Some(false) => "; no bias of forward sampling was found (T9)",
        None => "",
    };
    Some(Evidence {
        claim: PaperClaim::Convergence,
        standing,
        number: format!("{holding} of {} statements it needs hold{exception}", NEEDED.len()),
        setting: format!("unbiased gradients and the bound of SGD: {}", NEEDED.join(", ")),
        caveat: "for unbiased gradients alone: the forward mode of the released code, with \
 activations, has none"
            .to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Standing::{Fails, Holds, HoldsInPart, Undecided};

    const ALL: [(&str, bool); 4] =
        [("T7.gradient", true), ("T8.unbiased", true), ("T10.bound", true), ("T9.biased", true)];

    #[test]
    fn the_guarantee_has_every_outcome() {
        let standing = |tested: &[(&str, bool)]| evidence(tested).map(|found| found.standing);
        assert_eq!(standing(&ALL), Some(HoldsInPart));
        let mut unbiased = ALL;
        unbiased[3].1 = false;
        assert_eq!(standing(&unbiased), Some(Holds));
        for place in 0..3 {
            let mut failed = ALL;
            failed[place].1 = false;
            assert_eq!(standing(&failed), Some(Fails));
            // One that failed decides, whatever was not tested.
            assert_eq!(standing(&failed[..3]), Some(Fails));
        }
        assert_eq!(standing(&ALL[..2]), Some(Undecided));
        assert_eq!(standing(&ALL[..3]), Some(Undecided));
        assert_eq!(standing(&[("T1.bernoulli", true)]), None);
    }

    #[test]
    fn the_number_counts_what_holds() {
        let number = |tested: &[(&str, bool)]| evidence(tested).unwrap().number;
        let all =
            "3 of 3 statements it needs hold; forward sampling with activations is biased (T9)";
        assert_eq!(number(&ALL), all);
        assert_eq!(number(&ALL[..2]), "2 of 3 statements it needs hold");
        let none = [("T7.gradient", false), ("T9.biased", false)];
        assert!(number(&none).ends_with("no bias of forward sampling was found (T9)"));
    }
}

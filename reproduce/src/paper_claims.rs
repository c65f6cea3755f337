//! The claims of the paper with their verdicts, from what all exhibits found.
//!
//! A claim is decided by the exhibits that decide it: where all of these say the same, that is the
//! verdict; where they differ it holds in part; where there is none it is not decided. The number
//! beside it is of the first exhibit where it holds, or else holds in part, or else does not hold, and
//! the others of these are named; where none decides it, of the last that has something to say: counts
//! come before trainings, and small trainings before large ones.

use serde::Serialize;

use crate::result::{Evidence, PaperClaim, Standing};

/// A claim of the paper with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperVerdict {
    /// The claim.
    pub claim: PaperClaim,
    /// What is found.
    pub standing: Standing,
    /// The exhibit whose number stands beside it, and that number; none where no exhibit says
    /// anything.
    pub shown: Option<(String, Evidence)>,
}

impl PaperVerdict {
    /// A sign that does not rely on colour, and the words beside it.
    pub fn sign_and_words(&self) -> (&'static str, &'static str) {
        match self.standing {
            Standing::Fails => ("✗", "does not hold here"),
            Standing::Undecided => ("?", "not decided"),
            standing => standing.sign_and_words(),
        }
    }
}

/// The verdict on every claim, in the order of the page, from what exhibits found, by their names.
pub fn verdicts(found: &[(String, Evidence)]) -> Vec<PaperVerdict> {
    PaperClaim::ALL.into_iter().map(|claim| verdict(claim, found)).collect()
}

fn verdict(claim: PaperClaim, found: &[(String, Evidence)]) -> PaperVerdict {
    let about: Vec<&(String, Evidence)> =
        found.iter().filter(|(_, evidence)| evidence.claim == claim).collect();
    let decides = |one: &&(String, Evidence)| one.1.standing != Standing::Undecided;
    let deciding: Vec<&(String, Evidence)> = about.iter().copied().filter(decides).collect();
    let standing = match deciding.split_first() {
        None => Standing::Undecided,
        Some((first, rest)) if rest.iter().all(|one| one.1.standing == first.1.standing) => {
            first.1.standing
        }
        Some(_) => Standing::HoldsInPart,
    };
    let of = |standing: Standing| {
        let of_it = deciding.iter().filter(move |one| one.1.standing == standing);
        of_it.map(|one| one.0.as_str()).collect::<Vec<_>>()
    };
    let [in_part, failing] = [Standing::HoldsInPart, Standing::Fails].map(of);
    let strongest = [Standing::Holds, Standing::HoldsInPart, Standing::Fails]
        .into_iter()
        .find_map(|standing| deciding.iter().find(|one| one.1.standing == standing));
    let mut shown = strongest.or(about.last()).map(|one| (*one).clone());
    if let Some((_, evidence)) = &mut shown {
        if evidence.standing == Standing::Holds && !in_part.is_empty() {
            evidence.number += &format!("; in part in {}", in_part.join(" and "));
        }
        if evidence.standing != Standing::Fails && !failing.is_empty() {
            evidence.number += &format!("; not so in {}", failing.join(" and "));
        }
    }
    PaperVerdict { claim, standing, shown }
}

/// How many claims stand how, in words: "1 holds, 1 holds in part, 3 not decided".
pub fn tally(verdicts: &[PaperVerdict]) -> String {
    let kinds = [Standing::Holds, Standing::HoldsInPart, Standing::Fails, Standing::Undecided];
    let counts = kinds.into_iter().filter_map(|kind| {
        let of_kind: Vec<&PaperVerdict> =
            verdicts.iter().filter(|verdict| verdict.standing == kind).collect();
        let (_, words) = of_kind.first()?.sign_and_words();
        Some(format!("{} {words}", of_kind.len()))
    });
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::Standing::{Fails, Holds, HoldsInPart, Undecided};

    fn evidence(standing: Standing, number: &str) -> Evidence {
        Evidence {
            claim: PaperClaim::Accuracy,
            standing,
            number: number.into(),
            setting: String::new(),
            caveat: String::new(),
        }
    }

    fn of(standings: &[Standing]) -> PaperVerdict {
        let found: Vec<(String, Evidence)> = standings
            .iter()
            .enumerate()
            .map(|(place, standing)| (format!("exhibit-{place}"), evidence(*standing, "")))
            .collect();
        verdict(PaperClaim::Accuracy, &found)
    }

    #[test]
    fn exhibits_that_decide_alike_decide_and_others_hold_in_part() {
        for standing in [Holds, HoldsInPart, Fails] {
            assert_eq!(of(&[standing]).standing, standing);
            assert_eq!(of(&[standing, standing]).standing, standing);
            assert_eq!(of(&[Undecided, standing, Undecided]).standing, standing);
        }
        for [one, other] in [[Holds, Fails], [Holds, HoldsInPart], [Fails, HoldsInPart]] {
            assert_eq!(of(&[one, other]).standing, HoldsInPart);
        }
        assert_eq!(of(&[Undecided, Undecided]).standing, Undecided);
        assert_eq!(of(&[]).standing, Undecided);
    }

    #[test]
    fn the_number_is_of_the_first_exhibit_where_a_claim_holds_best_or_else_of_the_last() {
        let shown = |standings: &[Standing]| of(standings).shown.map(|(name, _)| name);
        assert_eq!(shown(&[Undecided, Holds, HoldsInPart]).as_deref(), Some("exhibit-1"));
        assert_eq!(shown(&[HoldsInPart, Holds, Holds]).as_deref(), Some("exhibit-1"));
        assert_eq!(shown(&[Fails, HoldsInPart, HoldsInPart]).as_deref(), Some("exhibit-1"));
        assert_eq!(shown(&[Undecided, Fails, Holds]).as_deref(), Some("exhibit-2"));
        assert_eq!(shown(&[Undecided, Fails, Fails]).as_deref(), Some("exhibit-1"));
        assert_eq!(shown(&[Undecided, Undecided]).as_deref(), Some("exhibit-1"));
        assert_eq!(shown(&[]), None);
    }

    #[test]
    fn exhibits_where_a_claim_does_not_hold_are_named_beside_one_where_it_does() {
        let number = |standings: &[Standing]| of(standings).shown.unwrap().1.number;
        assert_eq!(
            number(&[Fails, Undecided, Holds, Fails]),
            "; not so in exhibit-0 and exhibit-3"
        );
        assert_eq!(number(&[Fails, Undecided, Fails]), "");
        assert_eq!(number(&[Holds, Undecided]), "");
        assert_eq!(number(&[HoldsInPart, Fails, HoldsInPart]), "; not so in exhibit-1");
        assert_eq!(
            number(&[HoldsInPart, Holds, Fails]),
            "; in part in exhibit-0; not so in exhibit-2"
        );
    }

    #[test]
    fn a_claim_has_the_evidence_about_it_alone() {
        let all = verdicts(&[("one".into(), evidence(Holds, "0.1"))]);
        let standings: Vec<Standing> = all.iter().map(|verdict| verdict.standing).collect();
        assert_eq!(standings, [Undecided, Undecided, Undecided, Holds, Undecided]);
        assert_eq!(tally(&all), "1 holds, 4 not decided");
        assert_eq!(
            tally(&[of(&[Fails]), of(&[Holds, Fails])]),
            "1 holds in part, 1 does not hold here"
        );
    }
}

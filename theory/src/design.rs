//! The estimators beyond the paper's: winner-take-all, systematic and conditional Poisson sampling,
//! with their enumeration and closed forms.

use crate::claim::CheckError;
use crate::closed_form::{column_row_best, horvitz_thompson};
use crate::controls::Mistake;
use crate::enumeration::{Interval, Outcome, ScriptedSource, intervals, outcomes};
use crate::matrices::Factors;
use kernels::Selection;
use kernels::probability::{proportional, water_filling};
use kernels::selection::{
    ConditionalPoisson, SelectionError, draw_systematic, draw_winner_take_all,
    systematic_joint_inclusion, winners,
};
use rand::Rng;
use std::fmt;

/// A design at a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// The most probable pairs for certain, draws for the others; probabilities proportional to
    /// the scores.
    WinnerTakeAll,
    /// The comb over the probabilities of water-filling.
    Systematic,
    /// The coins of water-filling, given that k come up.
    ConditionalPoisson,
}

impl Design {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WinnerTakeAll, Self::Systematic, Self::ConditionalPoisson];

    /// Draws at most k pairs, with a mistake if there is one.
    ///
    /// # Errors
    /// When the scores give no probabilities.
    pub fn select(
        self,
        scores: &[f64],
        k: usize,
        mistake: Option<Mistake>,
        rng: &mut impl Rng,
    ) -> Result<Selection, SelectionError> {
        let selection = match self {
            Self::WinnerTakeAll => {
                let p = proportional(scores)?;
                draw_winner_take_all(&p, winners(&p, k), k, rng)?
            }
            Self::Systematic => draw_systematic(&water_filling(scores, k as f64)?, rng)?,
            Self::ConditionalPoisson => {
                ConditionalPoisson::new(&water_filling(scores, k as f64)?)?.draw(rng)
            }
        };
        mistake.map_or(Ok(selection.clone()), |mistake| mistake.spoil(selection, k))
    }

    /// Every selection it can draw, with its exact probability.
    ///
    /// # Errors
    /// When the enumeration does not fit the design, or the scores give no probabilities.
    pub fn outcomes(
        self,
        scores: &[f64],
        k: usize,
        mistake: Option<Mistake>,
    ) -> Result<Vec<Outcome>, CheckError> {
        let sample = |rng: &mut ScriptedSource| self.select(scores, k, mistake, rng);
        match self {
            Self::WinnerTakeAll => {
                let p = proportional(scores)?;
                let kept = winners(&p, k);
                let others = draw_others(&p, kept)?;
                let draws = if others.is_empty() { 0 } else { k - kept };
                outcomes(|path| Ok((path.len() < draws).then(|| others.clone())), sample)
            }
            Self::Systematic => {
                // As the comb moves up, no kept index moves down.
                let offsets = intervals(|word| {
                    let kept = self.select(scores, k, None, &mut ScriptedSource::new(&[word]))?;
                    Ok::<_, CheckError>(kept.indices().iter().map(|&i| i as usize).sum())
                })?;
                outcomes(|path| Ok(path.is_empty().then(|| offsets.clone())), sample)
            }
            Self::ConditionalPoisson => {
                let design = ConditionalPoisson::new(&water_filling(scores, k as f64)?)?;
                let next = |path: &[Interval]| {
                    if path.len() == scores.len() {
                        return Ok(None);
                    }
                    let mut words: Vec<u64> = path.iter().map(|interval| interval.first).collect();
                    words.push(0);
                    let coin = |word| {
                        let mut words = words.clone();
                        words[path.len()] = word;
                        let kept = design.draw(&mut ScriptedSource::new(&words));
                        let index = path.len() as u32;
                        Ok::<_, CheckError>(usize::from(!kept.indices().contains(&index)))
                    };
                    intervals(coin).map(Some)
                };
                outcomes(next, sample)
            }
        }
    }

    /// E|C_hat - C|_F^2 in closed form.
    ///
    /// # Errors
    /// When the scores give no probabilities.
    pub fn variance(self, factors: &Factors, k: usize) -> Result<f64, CheckError> {
        let (scores, gram) = (factors.scores(), factors.gram());
        if let Some((inclusion, joint)) = self.inclusion(&scores, k)? {
            return Ok(horvitz_thompson(&inclusion, &joint, &gram));
        }
        let kept = winners(&proportional(&scores)?, k);
        winner_take_all_variance(&scores, &gram, kept, k)
    }

    /// First- and second-order inclusion probabilities, for the designs of fixed size.
    ///
    /// # Errors
    /// When the scores give no probabilities.
    pub fn inclusion(self, scores: &[f64], k: usize) -> Result<Option<Inclusion>, CheckError> {
        let p = water_filling(scores, k as f64)?;
        Ok(match self {
            Self::WinnerTakeAll => None,
            Self::Systematic => {
                let joint = systematic_joint_inclusion(&p)?;
                Some((p, joint))
            }
            Self::ConditionalPoisson => {
                let design = ConditionalPoisson::new(&p)?;
                Some((design.inclusion().to_vec(), design.joint_inclusion()))
            }
        })
    }
}

/// Inclusion probabilities of each pair (n) and of each two pairs (n x n).
pub type Inclusion = (Vec<f64>, Vec<f64>);

/// The variance of winner-take-all with any number of winners:
/// (W_R^2 - |C_R|_F^2) / (k - winners) over the other pairs R.
///
/// # Errors
/// When a score is invalid.
pub fn winner_take_all_variance(
    scores: &[f64],
    gram: &[f64],
    winners: usize,
    k: usize,
) -> Result<f64, CheckError> {
    let n = scores.len();
    let kept = if winners == 0 {
        Selection::default()
    } else {
        kernels::selection::top_k(scores, winners)?
    };
    let others: Vec<usize> = (0..n).filter(|&i| !kept.indices().contains(&(i as u32))).collect();
    let rest: Vec<f64> = others.iter().map(|&i| scores[i]).collect();
    let square = others.iter().flat_map(|&i| others.iter().map(move |&j| gram[i * n + j])).sum();
    Ok(column_row_best(&rest, k - winners, square))
}

/// The intervals of one draw among the pairs that are not winners; none when there are none.
fn draw_others(p: &[f64], kept: usize) -> Result<Vec<Interval>, CheckError> {
    let draw =
        |word: u64| draw_winner_take_all(p, kept, kept + 1, &mut ScriptedSource::new(&[word]));
    let mut certain = vec![false; p.len()];
    if kept > 0 {
        let top = kernels::selection::top_k(p, kept)?;
        top.indices().iter().for_each(|&index| certain[index as usize] = true);
    }
    if draw(0)?.len() == kept {
        return Ok(Vec::new());
    }
    intervals(|word| {
        let selection = draw(word)?;
        let drawn = selection.indices().iter().find(|&&index| !certain[index as usize]);
        Ok::<_, CheckError>(drawn.map_or(p.len(), |&index| index as usize))
    })
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WinnerTakeAll => "winner-take-all",
            Self::Systematic => "systematic",
            Self::ConditionalPoisson => "conditional Poisson",
        })
    }
}

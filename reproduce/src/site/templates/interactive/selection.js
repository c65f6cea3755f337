"use strict";
// The samplers of `kernels::selection` and the probabilities they draw by, bit for bit: the scale of
// every pair, zero where it is dropped.
const Selection = {
  // Each pair by its own coin.
  coins: (p, random) => p.map((chance) => (random() < chance ? 1 / chance : 0)),

  // The pairs of k draws with replacement, in the order they are drawn.
  drawn(p, k, random) {
    let total = 0;
    const cumulative = p.map((chance) => (total += chance));
    return Array.from({ length: k }, () => {
      const point = random() * total;
      const index = cumulative.findIndex((sum) => sum > point);
      return index < 0 ? cumulative.findIndex((sum) => sum >= total) : index;
    });
  },

  draws(p, k, random) {
    const counts = p.map(() => 0);
    for (const pair of Selection.drawn(p, k, random)) counts[pair] += 1;
    return counts.map((count, i) => (count > 0 ? count / (k * p[i]) : 0));
  },

  // A comb of distance one on the probabilities laid end to end.
  comb(p, random) {
    const isUncertain = (chance) => chance > 0 && chance < 1;
    const last = p.findLastIndex(isUncertain);
    let missing = Math.round(p.filter(isUncertain).reduce((sum, chance) => sum + chance, 0));
    let [tooth, sum] = [random(), 0];
    return p.map((chance, i) => {
      if (!isUncertain(chance)) return chance;
      sum += chance;
      if (missing === 0 || (sum <= tooth && i !== last)) return 0;
      [tooth, missing] = [tooth + 1, missing - 1];
      return 1 / chance;
    });
  },

  // The k largest, ties to the lowest index.
  largest(scores, k) {
    const order = scores.map((_, i) => i).sort((i, j) => scores[j] - scores[i] || i - j);
    const kept = new Set(order.slice(0, k));
    return scores.map((_, i) => (kept.has(i) ? 1 : 0));
  },

  proportional(scores) {
    const sum = scores.reduce((total, score) => total + score, 0);
    return scores.map((score) => score / sum);
  },

  // min(1, w / level), with the level at which they sum to the budget.
  waterFilling(scores, budget) {
    const isPositive = (score) => score > 0;
    if (budget >= scores.filter(isPositive).length) return scores.map((w) => (w > 0 ? 1 : 0));
    // In eight partial sums, as the kernels add.
    const uncapped = (level) => {
      const sums = Array(8).fill(0);
      scores.forEach((w, i) => { sums[i % 8] += w > level ? 0 : w; });
      return sums.reduce((sum, part) => sum + part, 0);
    };
    let [level, before] = [uncapped(Infinity) / budget, 0];
    // A score as large as the level may be above it in one round and not in the next, for ever.
    for (let round = 0; round < 12; round += 1) {
      const capped = scores.filter((w) => w > level).length;
      if (capped === before || capped >= budget) return scores.map((w) => Math.min(w / level, 1));
      [level, before] = [uncapped(level) / (budget - capped), capped];
    }
    level = Selection.levelBySorting(scores, budget);
    return scores.map((w) => Math.min(w / level, 1));
  },

  // Of the sorted scores the fewest largest are capped for which the next one stays below one.
  levelBySorting(scores, budget) {
    const sorted = scores.filter((w) => w > 0).sort((a, b) => a - b);
    let total = 0;
    const sums = sorted.map((w) => (total += w));
    for (let capped = 0; capped < budget; capped += 1) {
      const largest = sorted.length - 1 - capped;
      const level = sums[largest] / (budget - capped);
      if (sorted[largest] <= level) return level;
    }
    return sorted.at(-1);
  },

  // Those of the released code: cut at one, and mixed with the uniform ones.
  asReleased(scores, budget) {
    const sum = scores.reduce((total, score) => total + score, 0);
    const floor = 0.1 / scores.length;
    return scores.map((w) => (1 - 0.1) * Math.min((budget * w) / sum, 1) + floor);
  },

  // By the name of an estimator, as `Estimator::select`.
  of(estimator, scores, k, random) {
    if (k >= scores.length || scores.every((w) => w === 0)) return scores.map(() => 1);
    switch (estimator) {
      case "column-row": return Selection.draws(Selection.proportional(scores), k, random);
      case "bernoulli": return Selection.coins(Selection.waterFilling(scores, k), random);
      case "bernoulli-as-released": return Selection.coins(Selection.asReleased(scores, k), random);
      case "systematic": return Selection.comb(Selection.waterFilling(scores, k), random);
      case "top-k": return Selection.largest(scores, k);
      default: throw new Error(`the page has no estimator ${estimator}`);
    }
  },
};

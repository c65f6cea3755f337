"use strict";
// One entry of the estimate, draw after draw: how it is spread around the exact value, an estimator a
// row, all from the same random numbers.
Chart.start("histogram", (data, { holder, slider, out, place }) => {
  const { significant } = Chart;
  const { scores, entries, estimators } = data;
  const exact = entries.reduce((sum, entry) => sum + entry, 0);
  const stream = Stream.of(1, "histogram");
  const BINS = 48;
  let state;

  function restart() {
    const k = Number(slider.value);
    const laws = data.laws.map((row) => row[k - 1]);
    // The same axis for all: what almost all draws of the widest reach.
    const reach = Math.max(...laws.map(({ mean, deviation }) => Math.abs(mean - exact) + 3.2 * deviation));
    const half = Math.max(reach, 1e-3 * Math.abs(exact));
    const counts = estimators.map(() => Array(BINS).fill(0));
    const none = () => estimators.map(() => 0);
    state = { k, laws, from: exact - half, to: exact + half, counts, draws: 0 };
    Object.assign(state, { sums: none(), squares: none(), beyond: none() });
    draw(1);
  }

  function draw(times) {
    const { k, from, to, counts, sums, squares, beyond } = state;
    for (let time = 0; time < times; time += 1) {
      estimators.forEach(({ name }, i) => {
        const scales = Selection.of(name, scores, k, stream.at(state.draws));
        const value = scales.reduce((sum, scale, pair) => sum + scale * entries[pair], 0);
        const bin = Math.floor(((value - from) / (to - from)) * BINS);
        if (bin >= 0 && bin < BINS) counts[i][bin] += 1;
        else beyond[i] += 1;
        sums[i] += value;
        squares[i] += (value - exact) ** 2;
      });
      state.draws += 1;
    }
    show();
  }

  // Mean and deviation of an estimator's draws, and half the 95 % interval of the mean.
  function moments(i) {
    const { draws, sums, squares } = state;
    const mean = sums[i] / draws;
    const variance = squares[i] / draws - (mean - exact) ** 2;
    // Of what is zero rounding leaves something.
    const deviation = variance > 1e-12 * exact * exact ? Math.sqrt(variance) : 0;
    return { mean, deviation, half: (1.96 * deviation) / Math.sqrt(draws) };
  }

  function show() {
    const { k, laws, draws, sums, squares, counts } = state;
    out("k").textContent = `${k} of ${scores.length}`;
    slider.setAttribute("aria-valuetext", `${k} of ${scores.length} pairs`);
    out("exact").textContent = significant(exact);
    estimators.forEach(({ name, label, style }, i) => {
      const { mean, deviation, half } = moments(i);
      const interval = half > 0 ? ` ± ${significant(half, 2)}` : "";
      out(`${name}-mean`).textContent = significant(mean) + interval;
      out(`${name}-expected`).textContent = significant(laws[i].mean);
      out(`${name}-spread`).textContent = significant(deviation, 3);
      out(`${name}-deviation`).textContent = significant(laws[i].deviation, 3);
      picture(place(name), i, label, style, mean);
    });
    out("status").textContent = `${draws} ${draws === 1 ? "draw" : "draws"}. ` +
      estimators.map(({ label }, i) =>
        `${label}: mean off by ${significant(moments(i).mean - exact, 2)}`).join("; ") + ".";
    holder.dataset.state = JSON.stringify({ k, draws, sums, squares, counts });
  }

  function picture(at, i, label, style, mean) {
    const { from, to, counts, beyond, draws } = state;
    const text = `${label}: ${draws} draws around ${significant(mean)}, exact ${significant(exact)}` +
      (beyond[i] > 0 ? `; ${beyond[i]} beyond the axis` : "");
    const svg = Chart.picture(at, `${text}.`, 92);
    const width = svg.viewBox.baseVal.width;
    const x = (value) => 6 + ((value - from) / (to - from)) * (width - 12);
    const most = Math.max(...counts[i]);
    const slot = (width - 12) / BINS;
    counts[i].forEach((count, bin) => {
      if (count === 0) return;
      const height = (count / most) * 62;
      const box = { x: 6 + bin * slot, y: 70 - height, width: Math.max(slot - 1, 1), height };
      Chart.add(svg, "rect", { ...box, class: `kept series-${style}` });
    });
    Chart.add(svg, "line", { x1: 6, x2: width - 6, y1: 70, y2: 70, class: "grid" });
    for (const tick of Chart.ticks(from, to)) {
      Chart.add(svg, "text", { x: x(tick), y: 86, "text-anchor": "middle" }, String(tick));
    }
    Chart.add(svg, "line", { x1: x(exact), x2: x(exact), y1: 2, y2: 70, class: "expected" });
    const inside = x(Math.min(Math.max(mean, from), to));
    Chart.add(svg, "path", { d: `M${inside} 70l-6 9h12z`, class: `dot series-${style}` });
  }

  return { restart, press: (times) => (times === "restart" ? restart() : draw(Number(times))), show };
});

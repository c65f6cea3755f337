"use strict";
// Draws of a product of twenty pairs, their errors, and the mean of all draws. Closed forms are the
// program's, read from the page; only the draws are made here.
Chart.start("sampling", (data, { slider, out, place, chosen }) => {
  const pairs = data.norms[0].weights.length;
  const { significant } = Chart;
  const look = (estimator) => `series-${data.estimators[estimator].style}`;
  let state;

  // |sum_i off_i A_i B^i|², where the pairs lie to one another as chosen.
  function squared(off, weights, directions) {
    const along = off.map((one, i) => one * weights[i]);
    const square = (sum, one) => sum + one * one;
    if (directions === 2) return along.reduce((sum, one) => sum + one, 0) ** 2;
    if (directions === 1) return along.reduce(square, 0);
    const apart = along.map((one, i) => (i % 2 === 0 ? one - (along[i + 1] ?? 0) : 0));
    return apart.reduce(square, 0);
  }

  function restart() {
    const k = Number(slider.value);
    const norms = data.norms[chosen("norms")];
    const index = chosen("estimator");
    const directions = chosen("directions");
    const { errors, biases, kept } = norms.settings[index][k - 1];
    const [error, bias] = [errors[directions], biases[directions]];
    const spread = Math.sqrt(Math.max(error * error - bias * bias, 0));
    const setting = { error, bias, spread, kept };
    const stream = Stream.of(1, data.id);
    state = { k, norms, index, directions, setting, stream };
    const sums = norms.weights.map(() => 0);
    Object.assign(state, { draws: 0, squares: 0, fourths: 0, kept: 0, sums, path: [] });
    draw(1);
  }

  function draw(times) {
    const { norms, index, directions, k, stream, sums, path } = state;
    const { name } = data.estimators[index];
    for (let time = 0; time < times; time += 1) {
      const scales = Selection.of(name, norms.weights, k, stream.at(state.draws));
      const square = squared(scales.map((s) => s - 1), norms.weights, directions);
      scales.forEach((s, i) => { sums[i] += s; });
      const kept = scales.filter((s) => s > 0).length;
      state.last = { scales, error: Math.sqrt(square), kept };
      state.draws += 1;
      state.squares += square;
      state.fourths += square * square;
      state.kept += kept;
      // As far apart as they are drawn on a logarithmic axis.
      if (state.draws < 30 || state.draws > path.at(-1)[0] * 1.05) path.push([state.draws, ofMean()]);
    }
    show();
  }

  // Root mean square of the errors so far, and half the width of its 95 % interval.
  function measured() {
    const mean = state.squares / state.draws;
    const error = Math.sqrt(mean);
    const variance = Math.max(state.fourths / state.draws - mean * mean, 0);
    const half = error > 0 ? (1.96 * Math.sqrt(variance / state.draws)) / (2 * error) : 0;
    return { error, half };
  }

  // The error of the mean of all draws so far.
  function ofMean() {
    const { sums, draws, norms, directions } = state;
    return Math.sqrt(squared(sums.map((sum) => sum / draws - 1), norms.weights, directions));
  }

  // How far the draws so far lie from their mean.
  function spread() {
    return Math.sqrt(Math.max(state.squares / state.draws - ofMean() ** 2, 0));
  }

  function write(name, text, value = "") {
    out(name).textContent = text;
    out(name).dataset.value = value;
  }

  function show() {
    const { k, setting, last, draws } = state;
    out("k").textContent = `${k} of ${pairs}`;
    slider.setAttribute("aria-valuetext", `${k} of ${pairs} pairs`);
    write("closed-error", significant(setting.error), setting.error);
    write("closed-kept", significant(setting.kept), setting.kept);
    write("closed-bias", significant(setting.bias), setting.bias);
    write("closed-spread", significant(setting.spread), setting.spread);
    write("mean-bias", significant(ofMean()), ofMean());
    write("mean-spread", significant(spread()), spread());
    write("error", significant(last.error), last.error);
    write("kept", String(last.kept), last.kept);
    const { error, half } = measured();
    const interval = draws > 1 ? ` ± ${significant(half, 2)}` : "";
    write("mean-error", significant(error) + interval, error);
    write("mean-kept", significant(state.kept / draws), state.kept / draws);
    out("status").textContent = describe();
    drawBars();
    drawCurves();
    drawPath();
  }

  function describe() {
    const { setting, last, draws } = state;
    return `Draw ${draws} keeps ${last.kept} of ${pairs} pairs, error ` +
      `${significant(last.error)}. Root mean square so far ${significant(measured().error)}, ` +
      `closed form ${significant(setting.error)}. The mean of all draws is off by ` +
      `${significant(ofMean())}, and in the end by ${significant(setting.bias)}.`;
  }

  function drawBars() {
    const { norms, last, index } = state;
    const added = norms.weights.map((w, i) => last.scales[i] * w);
    const kept = last.scales.map((s, i) => (s > 0 ? `${i + 1} times ${significant(s, 3)}` : ""));
    const names = kept.filter((text) => text !== "").join(", ");
    const label = `Pairs kept and their scales: ${names || "none"}.`;
    const every = place("bars").clientWidth < 480 ? 5 : 1;
    const ticks = norms.weights.map((_, i) => i + 1).filter((i) => every === 1 || i % every === 0);
    const chart = Chart.axes(
      place("bars"),
      label,
      { from: 0.5, to: pairs + 0.5, ticks, label: "pair i" },
      { from: 0, to: Math.max(...norms.weights, ...added) * 1.16, label: "norm" },
    );
    const slot = chart.width / pairs;
    const wide = Math.max(slot * 0.72, 4);
    const base = chart.y(0);
    norms.weights.forEach((w, i) => {
      const left = chart.x(i + 1) - wide / 2;
      const bar = (value, name) =>
        Chart.add(chart.svg, "rect", {
          x: left,
          y: chart.y(value),
          width: wide,
          height: base - chart.y(value),
          class: name,
        });
      if (added[i] > 0) bar(added[i], `kept ${look(index)}`);
      bar(w, added[i] === 0 ? "norm dropped" : "norm");
      if (added[i] > 0) {
        const at = { x: chart.x(i + 1), y: chart.y(Math.max(added[i], w)) - 5 };
        const text = `×${significant(last.scales[i], slot < 34 ? 2 : 3)}`;
        // Narrow bars carry their scale upright.
        const turned = slot < 34 && text.length > 2;
        const attributes = turned
          ? { x: at.x + 4, y: at.y, transform: `rotate(-90 ${at.x + 4} ${at.y})` }
          : { ...at, "text-anchor": "middle" };
        Chart.add(chart.svg, "text", { ...attributes, class: "scale" }, text);
      }
    });
  }

  function drawCurves() {
    const { norms, index, directions, k, setting } = state;
    const error = (one) => one.errors[directions];
    const names = data.estimators.map((estimator) => estimator.label);
    const label = `Closed-form error for k from 1 to ${pairs}, for ${names.join(", ")}; at k = ` +
      `${k} it is ${significant(setting.error)} for ${names[index]}.`;
    const ticks = [1, 5, 10, 15, 20].filter((tick) => tick <= pairs);
    const chart = Chart.axes(
      place("curves"),
      label,
      { from: 1, to: pairs, ticks, label: "budget k (pairs)" },
      { from: 0, to: Math.max(...norms.settings.flat().map(error)) * 1.05, label: "error" },
    );
    norms.settings.forEach((row, series) => {
      const name = `curve ${look(series)}${series === index ? " chosen" : ""}`;
      Chart.line(chart, row.map((one, i) => [i + 1, error(one)]), name);
    });
    const [x, y] = [chart.x(k), chart.y(setting.error)];
    Chart.add(chart.svg, "line", { x1: x, x2: x, y1: chart.y(0), y2: y, class: "drop" });
    Chart.add(chart.svg, "circle", { cx: x, cy: y, r: 5, class: `dot ${look(index)}` });
    const d = `M${x} ${chart.y(measured().error) - 7}l6 7l-6 7l-6 -7z`;
    Chart.add(chart.svg, "path", { d, class: "measured" });
  }

  // The error of the running mean, beside the root of bias² + spread² / draws.
  function drawPath() {
    const { path, draws, index, setting: { bias, spread } } = state;
    const least = 1e-3;
    const to = 10 ** Math.max(2, Math.ceil(Math.log10(draws)));
    const end = bias === 0 ? "it goes on towards zero" : `it stays at ${significant(bias)}`;
    const label = `The mean of ${draws} draws is off by ${significant(ofMean())}; ${end}.`;
    const chart = Chart.axes(
      place("path"),
      label,
      { from: 1, to, logarithmic: true, label: "draws" },
      { from: least, to: 10, logarithmic: true, label: "error of the mean" },
    );
    const on = ([x, y]) => [x, Math.min(Math.max(y, least), 10)];
    const expected = Array.from({ length: 41 }, (_, i) => to ** (i / 40));
    const root = (count) => [count, Math.hypot(bias, spread / Math.sqrt(count))];
    Chart.line(chart, expected.map(root).map(on), "expected");
    Chart.line(chart, path.map(on), `curve solid ${look(index)}`);
    const [x, y] = on([draws, ofMean()]);
    Chart.add(chart.svg, "circle", { cx: chart.x(x), cy: chart.y(y), r: 4, class: `dot ${look(index)}` });
  }

  return { restart, press: (times) => (times === "0" ? restart() : draw(Number(times))), show };
});

"use strict";
// The interactive figures. Chances and closed forms are the program's, read from the page; only
// the draws are made here.
(() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";

  // So many significant digits, without decimals that are all zero: as in the tables.
  function significant(value, digits = 4) {
    if (Number.isInteger(value)) return String(value);
    const scientific = value.toExponential(digits - 1);
    const exponent = Number(scientific.split("e")[1]);
    if (exponent < -4 || exponent >= digits) return scientific.replace("e+", "e");
    return value.toFixed(Math.max(digits - 1 - exponent, 0)).replace(/\.0+$/, "");
  }

  // A 32-bit generator with a fixed start: the same draws every time the page is opened.
  function generator(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let bits = Math.imul(state ^ (state >>> 15), 1 | state);
      bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
      return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
    };
  }

  // The scale of every pair in one draw, zero where it is dropped.
  function drawScales(p, k, withReplacement, random) {
    if (!withReplacement) return p.map((chance) => (random() < chance ? 1 / chance : 0));
    const scales = p.map(() => 0);
    for (let draw = 0; draw < k; draw += 1) {
      let rest = random();
      let index = 0;
      while (index < p.length - 1 && rest >= p[index]) {
        rest -= p[index];
        index += 1;
      }
      scales[index] += 1 / (k * p[index]);
    }
    return scales;
  }

  function add(parent, name, attributes, text) {
    const element = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // An empty picture as wide as its place, with labelled axes, and the maps to its pixels.
  function axes(place, label, { yMax, xLabel, yLabel, xTicks, x0, x1 }) {
    const width = Math.max(place.clientWidth, 240);
    const height = 260;
    const [left, right, top, bottom] = [46, 10, 26, 44];
    const svg = document.createElementNS(NAMESPACE, "svg");
    const box = { viewBox: `0 0 ${width} ${height}`, width, height };
    for (const [key, value] of Object.entries(box)) svg.setAttribute(key, value);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
    const x = (value) => left + ((value - x0) / (x1 - x0)) * (width - left - right);
    const y = (value) => height - bottom - (value / yMax) * (height - top - bottom);
    const power = 10 ** Math.floor(Math.log10(yMax / 2));
    const step = [1, 2, 5].map((unit) => unit * power).findLast((unit) => unit <= yMax / 2);
    for (let tick = 0; tick * step <= yMax * 1.0001; tick += 1) {
      const at = y(tick * step);
      add(svg, "line", { x1: left, x2: width - right, y1: at, y2: at, class: "grid" });
      const text = String(Number((tick * step).toPrecision(3)));
      add(svg, "text", { x: left - 6, y: at + 4, "text-anchor": "end" }, text);
    }
    for (const tick of xTicks) {
      add(svg, "text", { x: x(tick), y: height - bottom + 17, "text-anchor": "middle" }, tick);
    }
    const middle = (left + width - right) / 2;
    add(svg, "text", { x: middle, y: height - 6, "text-anchor": "middle" }, xLabel);
    add(svg, "text", { x: 2, y: 13 }, yLabel);
    place.replaceChildren(svg);
    return { svg, x, y, width: width - left - right };
  }

  function start(holder) {
    const data = JSON.parse(holder.querySelector("script").textContent);
    const pairs = data.norms[0].weights.length;
    const slider = holder.querySelector("input[type=range]");
    const out = (name) => holder.querySelector(`[data-out="${name}"]`);
    const place = (name) => holder.querySelector(`[data-chart="${name}"]`);
    const chosen = (name) =>
      Number(holder.querySelector(`input[name="${data.id}-${name}"]:checked`).value);
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
      const { p, errors, biases, kept } = norms.settings[index][k - 1];
      const setting = { p, error: errors[directions], bias: biases[directions], kept };
      const withReplacement = data.estimators[index].with_replacement && k < pairs;
      state = { k, norms, index, directions, setting, withReplacement, random: generator(1) };
      const sums = norms.weights.map(() => 0);
      Object.assign(state, { draws: 0, squares: 0, fourths: 0, kept: 0, sums });
      draw(1);
    }

    function draw(times) {
      const { norms, directions, setting, k, withReplacement, random, sums } = state;
      for (let time = 0; time < times; time += 1) {
        const scales = drawScales(setting.p, k, withReplacement, random);
        const square = squared(scales.map((s) => s - 1), norms.weights, directions);
        scales.forEach((s, i) => { sums[i] += s; });
        const kept = scales.filter((s) => s > 0).length;
        state.last = { scales, error: Math.sqrt(square), kept };
        state.draws += 1;
        state.squares += square;
        state.fourths += square * square;
        state.kept += kept;
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
      write("mean-bias", significant(ofMean()), ofMean());
      write("error", significant(last.error), last.error);
      write("kept", String(last.kept), last.kept);
      const { error, half } = measured();
      const interval = draws > 1 ? ` ± ${significant(half, 2)}` : "";
      write("mean-error", significant(error) + interval, error);
      out("mean-error").dataset.half = half;
      write("mean-kept", significant(state.kept / draws), state.kept / draws);
      out("status").textContent = describe();
      drawBars();
      drawCurves();
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
      const every = place("bars").clientWidth < 420 ? 5 : 1;
      const ticks = norms.weights.map((_, i) => i + 1).filter((i) => every === 1 || i % every === 0);
      const chart = axes(place("bars"), label, {
        yMax: Math.max(...norms.weights, ...added) * 1.16,
        xLabel: "pair i",
        yLabel: "norm",
        xTicks: ticks,
        x0: 0.5,
        x1: pairs + 0.5,
      });
      const slot = chart.width / pairs;
      const wide = Math.max(slot * 0.72, 4);
      const base = chart.y(0);
      norms.weights.forEach((w, i) => {
        const left = chart.x(i + 1) - wide / 2;
        const bar = (value, name) =>
          add(chart.svg, "rect", {
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
          add(chart.svg, "text", { ...attributes, class: "scale" }, text);
        }
      });
    }

    function drawCurves() {
      const { norms, index, directions, k, setting } = state;
      const error = (one) => one.errors[directions];
      const names = data.estimators.map((estimator) => estimator.label);
      const label = `Closed-form error for k from 1 to ${pairs}, for ${names.join(", ")}; at k = ` +
        `${k} it is ${significant(setting.error)} for ${names[index]}.`;
      const chart = axes(place("curves"), label, {
        yMax: Math.max(...norms.settings.flat().map(error)) * 1.05,
        xLabel: "budget k (pairs)",
        yLabel: "error",
        xTicks: [1, 5, 10, 15, 20].filter((tick) => tick <= pairs),
        x0: 1,
        x1: pairs,
      });
      norms.settings.forEach((row, series) => {
        const points = row.map((one, i) => `${chart.x(i + 1)},${chart.y(error(one))}`).join(" ");
        const name = `curve ${look(series)}${series === index ? " chosen" : ""}`;
        add(chart.svg, "polyline", { points, class: name });
      });
      const [x, y] = [chart.x(k), chart.y(setting.error)];
      add(chart.svg, "line", { x1: x, x2: x, y1: chart.y(0), y2: y, class: "drop" });
      add(chart.svg, "circle", { cx: x, cy: y, r: 5, class: `dot ${look(index)}` });
      const d = `M${x} ${chart.y(measured().error) - 7}l6 7l-6 7l-6 -7z`;
      add(chart.svg, "path", { d, class: "measured" });
    }

    holder.addEventListener("input", restart);
    for (const button of holder.querySelectorAll("[data-draw]")) {
      const times = Number(button.dataset.draw);
      button.addEventListener("click", () => (times > 0 ? draw(times) : restart()));
    }
    restart();
    let width = place("bars").clientWidth;
    new ResizeObserver(() => {
      if (place("bars").clientWidth === width) return;
      width = place("bars").clientWidth;
      show();
    }).observe(place("bars"));
  }

  document.querySelectorAll("[data-sampling]").forEach(start);
})();

"use strict";
// Estimators of one product side by side: how each uses the same random numbers, what it keeps, and
// how far off it is.
Chart.start("side-by-side", (data, { holder, slider, out, place }) => {
  const { significant, add } = Chart;
  const { scores, estimators } = data;
  const exact = Matrix.product(data, scores.map(() => 1));
  const [norm, full] = [Matrix.norm(exact), Math.max(...exact.flat().map(Math.abs))];
  const stream = Stream.of(1, "side-by-side");
  let state;

  function restart() {
    const k = Number(slider.value);
    state = { k, draws: 0, squares: estimators.map(() => 0) };
    draw(1);
  }

  function draw(times) {
    for (let time = 0; time < times; time += 1) {
      const at = state.draws;
      state.numbers = numbers(at);
      state.scales = estimators.map(({ name }) => Selection.of(name, scores, state.k, stream.at(at)));
      state.estimates = state.scales.map((scales) => Matrix.product(data, scales));
      state.errors = state.estimates.map((estimate) => Matrix.distance(estimate, exact) / norm);
      state.errors.forEach((error, i) => { state.squares[i] += error * error; });
      state.draws += 1;
    }
    show();
  }

  // The first random numbers of a draw, one a pair.
  function numbers(at) {
    const random = stream.at(at);
    return scores.map(() => random());
  }

  const percent = (share) => `${significant(100 * share, 3)} %`;

  function show() {
    const { k, draws, errors, squares } = state;
    out("k").textContent = `${k} of ${scores.length}`;
    slider.setAttribute("aria-valuetext", `${k} of ${scores.length} pairs`);
    out("numbers").textContent = state.numbers.map((number) => number.toFixed(2)).join(", ");
    estimators.forEach(({ name, label }, i) => {
      picture(name, i);
      const caption = `estimate of ${label}`;
      Matrix.table(place(`${name}-estimate`), state.estimates[i], { full, caption });
      out(`${name}-error`).textContent = percent(errors[i]);
      out(`${name}-mean`).textContent = percent(Math.sqrt(squares[i] / draws));
      out(`${name}-closed`).textContent = percent(data.errors[i][k - 1] / norm);
    });
    const best = errors.indexOf(Math.min(...errors));
    out("status").textContent = `Draw ${draws}: ${estimators[best].label} comes closest, off by ` +
      `${percent(errors[best])} of |C|.`;
    holder.dataset.state = JSON.stringify({ k, draws, scales: state.scales, errors, squares });
  }

  // How the numbers decide: points on chances laid end to end, or a point for each chance.
  function picture(name, i) {
    const { k, scales } = state;
    const kept = scales[i].map((s, pair) => (s > 0 ? `${pair + 1} times ${significant(s, 3)}` : ""));
    const label = `${estimators[i].label} keeps ${kept.filter(Boolean).join(", ") || "no pair"}.`;
    const svg = Chart.picture(place(name), label, 78);
    const width = svg.viewBox.baseVal.width;
    const isExact = k === scores.length;
    const draw = { "column-row": onLine, systematic: onLine, bernoulli: inBars, "top-k": inBars };
    draw[isExact ? "top-k" : name](svg, width, name, scales[i], estimators[i].style);
  }

  function cell(svg, { x, width, y, height }, pair, scale, style) {
    const name = scale > 0 ? `kept series-${style}` : "empty";
    add(svg, "rect", { x, y, width, height, class: name });
    add(svg, "rect", { x, y, width, height, class: "norm" });
    const at = { x: x + width / 2, "text-anchor": "middle" };
    if (width > 14) add(svg, "text", { ...at, y: 62 }, String(pair + 1));
    const text = `×${significant(scale, 3)}`;
    if (scale > 0 && width > 8 * text.length) add(svg, "text", { ...at, y: 76, class: "scale" }, text);
  }

  function onLine(svg, width, name, scales, style) {
    const { k, numbers: all } = state;
    const isComb = name === "systematic";
    const p = isComb ? Selection.waterFilling(scores, k).map((one) => one / k) : Selection.proportional(scores);
    const span = width - 4;
    let left = 2;
    p.forEach((share, pair) => {
      cell(svg, { x: left, width: share * span, y: 20, height: 28 }, pair, scales[pair], style);
      left += share * span;
    });
    const points = isComb ? scores.slice(0, k).map((_, tooth) => (all[0] + tooth) / k) : all.slice(0, k);
    for (const point of points) {
      const x = 2 + point * span;
      add(svg, "path", { d: `M${x} 20l-5 -9h10z`, class: "point" });
      add(svg, "line", { x1: x, x2: x, y1: 20, y2: 48, class: "point" });
    }
  }

  function inBars(svg, width, name, scales, style) {
    const { k, numbers: all } = state;
    const isTossed = name === "bernoulli" && k < scores.length;
    const chances = isTossed ? Selection.waterFilling(scores, k) : scores.map((w) => w / Math.max(...scores));
    const [slot, high] = [width / scores.length, 46];
    chances.forEach((chance, pair) => {
      const [x, height] = [pair * slot + 4, chance * high];
      cell(svg, { x, width: slot - 8, y: 48 - height, height }, pair, scales[pair], style);
      if (!isTossed) return;
      const y = 48 - all[pair] * high;
      add(svg, "line", { x1: x, x2: x + slot - 8, y1: y, y2: y, class: "point" });
    });
  }

  return { restart, press: (times) => (times === "restart" ? restart() : draw(Number(times))), show };
});

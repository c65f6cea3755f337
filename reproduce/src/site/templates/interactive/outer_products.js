"use strict";
// A product of small matrices, built pair by pair: what a draw adds, the sum so far beside the exact
// product, and the mean of all finished estimates.
Chart.start("outer-products", (data, { holder, slider, out, place, chosen }) => {
  const { significant } = Chart;
  const { scores } = data;
  const exact = Matrix.product(data, scores.map(() => 1));
  const [norm, full] = [Matrix.norm(exact), Math.max(...exact.flat().map(Math.abs))];
  const stream = Stream.of(1, "outer-products");
  let state;

  // What happens one after another in one estimate: a pair, and the scale that it is added with.
  function steps(name, k, estimate) {
    const random = stream.at(estimate);
    if (name === "column-row" && k < scores.length) {
      const p = Selection.proportional(scores);
      return Selection.drawn(p, k, random).map((pair) => ({ pair, p: p[pair], scale: 1 / (k * p[pair]) }));
    }
    const isTossed = name === "bernoulli" && k < scores.length;
    const p = isTossed ? Selection.waterFilling(scores, k) : scores.map(() => 1);
    const scales = Selection.of(name, scores, k, random);
    return scales.map((scale, pair) => ({ pair, p: p[pair], scale }));
  }

  function restart() {
    const { name, style } = data.estimators[chosen("estimator")];
    const [k, sum] = [Number(slider.value), Matrix.zero(data)];
    state = { name, style, k, estimates: 0, total: sum };
    begin();
    show();
  }

  function begin() {
    const { name, k, estimates } = state;
    const scales = scores.map(() => 0);
    const next = { steps: steps(name, k, estimates), place: 0, sum: Matrix.zero(data), scales };
    Object.assign(state, next);
  }

  function step() {
    if (state.place === state.steps.length) begin();
    const { pair, scale } = state.steps[state.place];
    state.place += 1;
    state.scales[pair] += scale;
    state.sum = Matrix.plus(state.sum, scale, Matrix.outer(data, pair));
    if (state.place < state.steps.length) return;
    state.estimates += 1;
    state.total = Matrix.plus(state.total, 1, state.sum);
  }

  function finish() {
    do step(); while (state.place < state.steps.length);
  }

  function press(what) {
    if (what === "restart") return restart();
    if (what === "step") step();
    if (what === "finish") finish();
    if (what === "hundred") for (let time = 0; time < 100; time += 1) finish();
    return show();
  }

  const percent = (x) => `${significant((100 * Matrix.distance(x, exact)) / norm, 3)} %`;

  function describe() {
    const { name, k, place: done, steps: all, estimates } = state;
    if (done === 0) return "Nothing is added yet.";
    const { pair, p, scale } = all[done - 1];
    const which = name === "column-row" && k < scores.length
      ? `Draw ${done} of ${k} takes pair ${pair + 1}, whose chance is ${significant(p, 2)}`
      : `Pair ${pair + 1} of ${scores.length}, of chance ${significant(p, 2)}, is ` +
        (scale > 0 ? "kept" : "dropped");
    const added = scale > 0 ? `, and adds ${significant(scale, 3)} times its product. ` : ". ";
    const finished = estimates > 0
      ? `The mean of ${estimates} finished ${estimates === 1 ? "estimate" : "estimates"} is off by ` +
        `${percent(mean())}.`
      : "";
    return `${which}${added}The sum so far is off by ${percent(state.sum)} of |C|. ${finished}`;
  }

  const mean = () => Matrix.map(state.total, (entry) => entry / Math.max(state.estimates, 1));

  function show() {
    const { style, k, place: done, steps: all, estimates } = state;
    const now = done > 0 ? all[done - 1] : { pair: -1, scale: 0 };
    out("k").textContent = `${k} of ${scores.length}`;
    slider.setAttribute("aria-valuetext", `${k} of ${scores.length} pairs`);
    holder.style.setProperty("--series", `var(--series-${style})`);
    const table = (name, x, caption, more) => Matrix.table(place(name), x, { caption, ...more });
    table("a", data.a, "A", { isLit: (_, c) => c === now.pair });
    table("b", data.b, "B", { isLit: (r) => r === now.pair });
    const nothing = now.pair < 0 || now.scale === 0;
    const pair = nothing ? Matrix.zero(data) : Matrix.outer(data, now.pair);
    const added = Matrix.map(pair, (entry) => entry * now.scale);
    const times = nothing ? "added: nothing" : `added: ${significant(now.scale, 3)} × pair ${now.pair + 1}`;
    table("added", added, times, { full });
    table("sum", state.sum, done === all.length ? "the estimate" : "sum so far", { full });
    table("exact", exact, "exact product C", { full });
    table("mean", mean(), `mean of ${estimates}`, { full });
    out("status").textContent = describe();
    const { name, scales, sum } = state;
    const shown = { name, k, estimates, place: done, steps: all.length, scales, sum, mean: mean() };
    holder.dataset.state = JSON.stringify(shown);
  }

  return { restart, press, show };
});

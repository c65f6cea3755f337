"use strict";
// Two trainings of a small perceptron from the same weights, exact and sampled: where each draws the
// boundary between the classes, and its loss.
Chart.start("training", (data, { holder, out, place, chosen }) => {
  const { significant, add } = Chart;
  const { samples, labels, widths, optimizer, estimators, ratios, minimal_k } = data;
  const [LAST, CELLS] = [400, 40];
  const stream = Stream.of(1, "small network");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let [state, frame] = [undefined, 0];

  function restart() {
    stop();
    const { name, style } = estimators[chosen("estimator")];
    const policy = { estimator: name, ratio: ratios[chosen("ratio")], minimal_k };
    const [exact, sampled] = [0, 0].map(() => new Perceptron(widths, stream));
    state = { policy, style, exact, sampled, losses: [] };
    note();
    show();
  }

  function note() {
    const { exact, sampled, losses } = state;
    losses.push([exact, sampled].map((network) => network.loss(samples, labels)));
  }

  function train(steps) {
    const { exact, sampled, policy } = state;
    for (let time = 0; time < steps && exact.steps < LAST; time += 1) {
      exact.step(samples, labels, undefined, optimizer);
      sampled.step(samples, labels, policy, optimizer);
      note();
    }
  }

  function press(what) {
    if (what === "restart") return restart();
    if (what === "run") return frame ? stop() : run();
    stop();
    train(Number(what));
    return show();
  }

  // Some steps a frame, until it is stopped or has learnt.
  function run() {
    holder.querySelector('[data-press="run"]').textContent = "Pause";
    const next = () => {
      train(2);
      show();
      frame = state.exact.steps < LAST ? requestAnimationFrame(next) : 0;
      if (!frame) stop();
    };
    frame = requestAnimationFrame(next);
  }

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    holder.querySelector('[data-press="run"]').textContent = "Run";
  }

  const right = (network) => samples.filter((sample, i) =>
    (network.chance(sample) > 0.5) === (labels[i] === 1)).length;

  function show() {
    const { exact, sampled, losses, policy } = state;
    const [ofExact, ofSampled] = losses.at(-1);
    const count = samples.length;
    holder.querySelector('[data-press="run"]').hidden = calm.matches;
    const name = estimators[chosen("estimator")].label;
    out("status").textContent = `Step ${exact.steps}. Exact: loss ${significant(ofExact, 3)}, ` +
      `${right(exact)} of ${count} right. ${name} at ${policy.ratio}: loss ` +
      `${significant(ofSampled, 3)}, ${right(sampled)} of ${count} right.`;
    drawBoundaries();
    drawLosses();
    const shown = { estimator: policy.estimator, ratio: policy.ratio, steps: exact.steps, losses: losses.at(-1) };
    holder.dataset.state = JSON.stringify(shown);
  }

  const span = (axis) => {
    const values = samples.map((sample) => sample[axis]);
    return { from: Math.min(...values) - 0.3, to: Math.max(...values) + 0.3 };
  };

  function drawBoundaries() {
    const { exact, sampled, style } = state;
    const label = `${samples.length} samples of two classes, and the boundaries that the exact and ` +
      "the sampled training draw between them.";
    const [x, y] = [{ ...span(0), label: "first input" }, { ...span(1), label: "second input" }];
    const chart = Chart.axes(place("plane"), label, x, y, 300);
    samples.forEach(([first, second], i) => {
      const [cx, cy] = [chart.x(first), chart.y(second)];
      if (labels[i] === 1) add(chart.svg, "circle", { cx, cy, r: 4, class: "sample one" });
      else add(chart.svg, "rect", { x: cx - 3.5, y: cy - 3.5, width: 7, height: 7, class: "sample" });
    });
    add(chart.svg, "path", { d: boundary(exact, chart, x, y), class: "expected" });
    add(chart.svg, "path", { d: boundary(sampled, chart, x, y), class: `curve solid series-${style}` });
  }

  // Where the chance is one half: within each cell of a grid a line between its crossed edges.
  function boundary(network, chart, x, y) {
    const at = ({ from, to }, i) => from + (i / CELLS) * (to - from);
    const grid = Array.from({ length: CELLS + 1 }, (_, row) =>
      Array.from({ length: CELLS + 1 }, (_, column) =>
        network.chance([at(x, column), at(y, row)]) - 0.5));
    let path = "";
    for (let row = 0; row < CELLS; row += 1) {
      for (let column = 0; column < CELLS; column += 1) {
        const corners = [[0, 0], [1, 0], [1, 1], [0, 1]];
        const crossed = corners.flatMap(([dx, dy], i) => {
          const [ex, ey] = corners[(i + 1) % 4];
          const here = grid[row + dy][column + dx];
          const there = grid[row + ey][column + ex];
          if (here > 0 === there > 0) return [];
          const share = here / (here - there);
          const [px, py] = [column + dx + share * (ex - dx), row + dy + share * (ey - dy)];
          return [`${chart.x(at(x, px)).toFixed(1)} ${chart.y(at(y, py)).toFixed(1)}`];
        });
        for (let i = 0; i + 1 < crossed.length; i += 2) path += `M${crossed[i]}L${crossed[i + 1]}`;
      }
    }
    return path;
  }

  function drawLosses() {
    const { losses, style } = state;
    const [exact, sampled] = losses.at(-1).map((loss) => significant(loss, 3));
    const label = `After ${losses.length - 1} steps the loss is ${exact} of the exact training and ` +
      `${sampled} of the sampled one.`;
    const chart = Chart.axes(
      place("losses"),
      label,
      { from: 0, to: Math.max(50, losses.length - 1), label: "step" },
      { from: 0, to: Math.max(0.8, ...losses.flat()), label: "loss, nats" },
      300,
    );
    Chart.line(chart, losses.map(([loss], step) => [step, loss]), "expected");
    Chart.line(chart, losses.map(([, loss], step) => [step, loss]), `curve solid series-${style}`);
  }

  return { restart, press, show };
});

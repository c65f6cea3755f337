"use strict";
// What the interactive figures have in common: axes, numbers as in the tables, and controls.
const Chart = {
  // So many significant digits, without decimals that are all zero.
  significant(value, digits = 4) {
    if (Number.isInteger(value)) return String(value);
    const scientific = value.toExponential(digits - 1);
    const exponent = Number(scientific.split("e")[1]);
    if (exponent < -4 || exponent >= digits) return scientific.replace("e+", "e");
    return value.toFixed(Math.max(digits - 1 - exponent, 0)).replace(/\.0+$/, "");
  },

  add(parent, name, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  },

  // An empty picture as wide as its place.
  picture(place, label, height) {
    const width = Math.max(place.clientWidth, 240);
    const box = { viewBox: `0 0 ${width} ${height}`, width, height };
    place.replaceChildren();
    return Chart.add(place, "svg", { ...box, role: "img", "aria-label": label });
  },

  // Numbers at round distances from `from` to `to`.
  ticks(from, to) {
    const power = 10 ** Math.floor(Math.log10((to - from) / 2));
    const step = [1, 2, 5].map((unit) => unit * power).findLast((unit) => unit <= (to - from) / 2);
    const first = Math.ceil(from / step - 1e-9);
    const count = Math.floor(to / step + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(3)));
  },

  // A picture with labelled axes, and the maps to its pixels; an axis is `{ from, to, label }`, with
  // `ticks` of its own or `logarithmic` with powers of ten.
  axes(place, label, x, y, height = 210) {
    const svg = Chart.picture(place, label, height);
    const width = svg.viewBox.baseVal.width;
    const [left, right, top, bottom] = [46, 18, 26, 44];
    const scale = (axis, start, end) => {
      const place = axis.logarithmic ? Math.log10 : Number;
      const [from, to] = [place(axis.from), place(axis.to)];
      return (value) => start + ((place(value) - from) / (to - from)) * (end - start);
    };
    const powers = ({ from, to }) => {
      const first = Math.ceil(Math.log10(from) - 1e-9);
      const count = Math.floor(Math.log10(to) + 1e-9) - first + 1;
      return Array.from({ length: count }, (_, i) => Number(`1e${first + i}`));
    };
    const ticks = (axis) =>
      axis.ticks ?? (axis.logarithmic ? powers(axis) : Chart.ticks(axis.from, axis.to));
    const [toX, toY] = [scale(x, left, width - right), scale(y, height - bottom, top)];
    for (const tick of ticks(y)) {
      const at = toY(tick);
      Chart.add(svg, "line", { x1: left, x2: width - right, y1: at, y2: at, class: "grid" });
      Chart.add(svg, "text", { x: left - 6, y: at + 4, "text-anchor": "end" }, String(tick));
    }
    for (const tick of ticks(x)) {
      const at = { x: toX(tick), y: height - bottom + 17, "text-anchor": "middle" };
      Chart.add(svg, "text", at, String(tick));
    }
    const middle = (left + width - right) / 2;
    Chart.add(svg, "text", { x: middle, y: height - 6, "text-anchor": "middle" }, x.label);
    Chart.add(svg, "text", { x: 2, y: 13 }, y.label);
    return { svg, x: toX, y: toY, width: width - left - right };
  },

  line(chart, points, name) {
    const text = points.map(([x, y]) => `${chart.x(x)},${chart.y(y)}`).join(" ");
    return Chart.add(chart.svg, "polyline", { points: text, class: name });
  },

  // Starts every figure of a name. `begin` is given the numbers of the figure and its controls, and
  // returns what to do when a choice changes, when a button is pressed, and when the width changes.
  start(name, begin) {
    for (const holder of document.querySelectorAll(`[data-figure="${name}"]`)) {
      const data = JSON.parse(holder.querySelector("script").textContent);
      const controls = {
        holder,
        chosen: (group) =>
          Number(holder.querySelector(`input[name="${holder.id}-${group}"]:checked`).value),
        slider: holder.querySelector("input[type=range]"),
        out: (key) => holder.querySelector(`[data-out="${key}"]`),
        place: (key) => holder.querySelector(`[data-chart="${key}"]`),
      };
      const { restart, press, show } = begin(data, controls);
      holder.addEventListener("input", restart);
      for (const button of holder.querySelectorAll("[data-press]")) {
        button.addEventListener("click", () => press(button.dataset.press));
      }
      restart();
      let width = holder.clientWidth;
      new ResizeObserver(() => {
        if (holder.clientWidth === width) return;
        width = holder.clientWidth;
        show();
      }).observe(holder);
    }
  },
};

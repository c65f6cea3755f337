"use strict";
// Small matrices with their numbers: a product of pairs, and tables tinted by their entries.
const Matrix = {
  // Column i of A times row i of B.
  outer: ({ a, b }, i) => a.map((row) => b[i].map((entry) => row[i] * entry)),

  map: (x, change) => x.map((row, r) => row.map((entry, c) => change(entry, r, c))),

  zero: ({ a, b }) => a.map(() => b[0].map(() => 0)),

  plus: (x, scale, y) => Matrix.map(x, (entry, r, c) => entry + scale * y[r][c]),

  // sum_i s_i A_i B^i, added in the order of the pairs.
  product(factors, scales) {
    const add = (sum, scale, i) =>
      (scale === 0 ? sum : Matrix.plus(sum, scale, Matrix.outer(factors, i)));
    return scales.reduce(add, Matrix.zero(factors));
  },

  norm: (x) => Math.sqrt(x.flat().reduce((sum, entry) => sum + entry * entry, 0)),

  distance: (x, y) => Matrix.norm(Matrix.plus(x, -1, y)),

  // Numbers to so many decimals in a table; an entry as large as `full` has the whole tint.
  table(place, x, { full, decimals = 1, isLit = () => false, caption }) {
    const table = document.createElement("table");
    table.className = "matrix";
    table.createCaption().textContent = caption;
    const body = table.createTBody();
    x.forEach((row, r) => {
      const line = body.insertRow();
      row.forEach((entry, c) => {
        const cell = line.insertCell();
        const text = entry.toFixed(Number.isInteger(entry) ? 0 : decimals);
        cell.textContent = text.replace(/^-(0(\.0*)?)$/, "$1").replace("-", "−");
        if (full) cell.style.setProperty("--share", `${Math.min(Math.abs(entry) / full, 1) * 35}%`);
        if (entry < 0) cell.classList.add("negative");
        if (isLit(r, c)) cell.classList.add("lit");
      });
    });
    place.replaceChildren(table);
    return table;
  },
};

"use strict";
// The rows of numbers: they stand in the page packed, and become a table that sorts, or a file, when
// they are asked for.
(() => {
  // The cells of comma-separated values; a cell in quotes may hold commas, quotes and line ends.
  function cells(csv) {
    const rows = [];
    const pattern = /("(?:[^"]|"")*"|[^,\n]*)(,|\n|$)/g;
    let row = [];
    for (const [whole, cell, end] of csv.matchAll(pattern)) {
      if (whole === "" && row.length === 0) break;
      row.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
      if (end !== ",") {
        rows.push(row);
        row = [];
      }
    }
    return rows;
  }

  // Numbers before words, empty cells last in either direction.
  function order(first, second, direction) {
    if (first === "" || second === "") return (first === "") - (second === "");
    const [a, b] = [Number(first), Number(second)];
    if (Number.isNaN(a) || Number.isNaN(b)) return direction * first.localeCompare(second, "en");
    return direction * (a - b);
  }

  function sort(table, heading, column) {
    const direction = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
    const text = (row) => row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => order(text(a), text(b), direction));
    table.tBodies[0].append(...rows);
  }

  function element(name, parent, properties = {}) {
    const made = document.createElement(name);
    parent.append(Object.assign(made, properties));
    return made;
  }

  function table(csv) {
    const [headings, ...rows] = cells(csv);
    const made = document.createElement("table");
    made.className = "sortable";
    const isNumber = headings.map((_, column) =>
      rows.every((row) => row[column] === "" || !Number.isNaN(Number(row[column]))));
    const top = element("tr", element("thead", made));
    headings.forEach((text, column) => {
      const heading = element("th", top, { scope: "col", className: isNumber[column] ? "number" : "" });
      heading.setAttribute("aria-sort", "none");
      const button = element("button", heading, { type: "button", textContent: text });
      button.addEventListener("click", () => sort(made, heading, column));
    });
    const body = element("tbody", made);
    for (const row of rows) {
      const line = element("tr", body);
      row.forEach((textContent, column) =>
        element("td", line, { textContent, className: isNumber[column] ? "number" : "" }));
    }
    return made;
  }

  for (const details of document.querySelectorAll("[data-rows]")) {
    const csv = () => unpacked(details.querySelector("script").textContent);
    const place = details.querySelector(".scroll");
    let isAsked = false;
    details.addEventListener("toggle", async () => {
      if (!details.open || isAsked) return;
      isAsked = true;
      place.append(table(await csv()));
    });
    details.querySelector("[data-download]").addEventListener("click", async (event) =>
      download(event.target.dataset.download, new Blob([await csv()], { type: "text/csv" })));
  }
})();

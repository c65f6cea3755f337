"use strict";
// The theme button, tables that sort, and contents that fold on a narrow screen.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const label = () => {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Then the choice lasts as long as the page.
    }
    label();
  });
  dark.addEventListener("change", label);
  label();

  const contents = document.querySelector(".contents details");
  contents.open = matchMedia("(min-width: 64em)").matches;

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

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const control = document.createElement("button");
      control.type = "button";
      control.append(...heading.childNodes);
      heading.append(control);
      heading.setAttribute("aria-sort", "none");
      control.addEventListener("click", () => sort(table, heading, column));
    });
  }
})();

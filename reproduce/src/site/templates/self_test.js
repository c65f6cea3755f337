"use strict";
// With "#self-test" behind the address, the page moves its own controls and writes what it finds
// into <pre id="self-test">, for a test that reads the document.
(() => {
  if (location.hash !== "#self-test") return;

  const number = (element) => Number(element.dataset.value);

  function choose(control, value) {
    if (control.type === "radio") control.checked = true;
    else control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function moveControls(holder) {
    const found = [];
    const out = (name) => holder.querySelector(`[data-out="${name}"]`);
    const radios = (name) => [...holder.querySelectorAll(`input[name="${holder.id}-${name}"]`)];
    const slider = holder.querySelector("input[type=range]");
    const choices = radios("norms").flatMap((norms) =>
      radios("directions").map((directions) => [norms, directions]));
    for (const [norms, directions] of choices) {
      choose(norms);
      choose(directions);
      for (const estimator of radios("estimator")) {
        choose(estimator);
        for (let k = Number(slider.min); k <= Number(slider.max); k += 1) {
          choose(slider, k);
          const one = {
            figure: holder.id,
            norms: norms.parentElement.textContent.trim(),
            directions: directions.parentElement.textContent.trim(),
            estimator: estimator.parentElement.textContent.trim(),
            k,
            error: number(out("closed-error")),
            text: out("closed-error").textContent,
            bias: number(out("closed-bias")),
            kept: number(out("closed-kept")),
          };
          if (k % 7 === 3) {
            for (let hundred = 0; hundred < 10; hundred += 1) {
              holder.querySelector('[data-press="100"]').click();
            }
            one.measured = number(out("mean-error"));
            one.half = Number(out("mean-error").dataset.half);
            one.of_mean = number(out("mean-bias"));
            one.spread = number(out("mean-spread"));
            one.status = out("status").textContent;
          }
          found.push(one);
        }
      }
    }
    return found;
  }

  // Every choice of a note's figure, with its buttons pressed one after another, and what it shows.
  function tryFigure(holder) {
    const { figure } = holder.dataset;
    const found = [];
    const groups = [...holder.querySelectorAll("fieldset")].map((set) => [...set.querySelectorAll("input")]);
    const slider = holder.querySelector("input[type=range]");
    const combine = (all, group) => all.flatMap((some) => group.map((one) => [...some, one]));
    const buttons = [...holder.querySelectorAll("[data-press]")]
      .filter((button) => !["run", "restart"].includes(button.dataset.press));
    for (const inputs of groups.reduce(combine, [[]])) {
      for (const k of slider ? [1, 3, Number(slider.max)] : [0]) {
        inputs.forEach((input) => choose(input));
        if (slider) choose(slider, k);
        for (const button of buttons) {
          button.click();
          found.push({ figure, state: JSON.parse(holder.dataset.state) });
        }
      }
    }
    return found;
  }

  // The texts of a column after one click on its heading, and after two.
  function sortColumn(table, column) {
    const heading = table.tHead.rows[0].cells[column];
    return [1, 2].map(() => {
      heading.querySelector("button").click();
      return {
        direction: heading.getAttribute("aria-sort"),
        cells: [...table.tBodies[0].rows].map((row) => row.cells[column].textContent),
      };
    });
  }

  function switchTheme() {
    const colour = () => getComputedStyle(document.body).backgroundColor;
    const before = colour();
    document.getElementById("theme").click();
    const after = colour();
    document.getElementById("theme").click();
    return { before, after, again: colour() };
  }

  // Waits until something is so, for five seconds at most.
  async function until(isSo) {
    for (let time = 0; time < 50 && !isSo(); time += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // The texts of the first file of a figure and of the first file of rows that the page hands out.
  async function save() {
    const blobs = [];
    const address = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      blobs.push(blob);
      return address.call(URL, blob);
    };
    const buttons = [".save", "[data-download]"].map((kind) => document.querySelector(kind));
    buttons.forEach((button) => button?.click());
    await until(() => blobs.length === buttons.filter(Boolean).length);
    URL.createObjectURL = address;
    return Promise.all(blobs.map((blob) => blob.text()));
  }

  // By how much the page is wider than a window of that width.
  function overflow(width) {
    document.documentElement.style.width = `${width}px`;
    const wider = document.body.scrollWidth - width;
    document.documentElement.style.width = "";
    return wider;
  }

  addEventListener("load", async () => {
    const report = {};
    try {
      // Where the first screen ends, on a phone as wide as one.
      document.documentElement.style.width = document.documentElement.clientWidth < 600 ? "390px" : "";
      report.first_screen = document.querySelector(".doors")?.getBoundingClientRect().bottom;
      document.documentElement.style.width = "";
      // Before the rest is unfolded, which would have to be laid out again at every move.
      document.querySelectorAll("details.try").forEach((details) => (details.open = true));
      report.settings = [...document.querySelectorAll('[data-figure="sampling"]')].flatMap(moveControls);
      report.figures = [...document.querySelectorAll('.note [data-figure]')].flatMap(tryFigure);
      // What is packed takes its place some time after it is unfolded, and rows become a table.
      document.querySelectorAll("details").forEach((details) => (details.open = true));
      document.querySelectorAll(".folded th button").forEach((toggle) => toggle.click());
      await until(() => document.querySelector("script[data-packed]") === null);
      const places = [...document.querySelectorAll("[data-rows] .scroll")];
      await until(() => places.every((place) => place.hasChildNodes()));
      const links = [...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"));
      const table = document.querySelector("table.sortable");
      const root = document.documentElement;
      report.links = links.filter((link) => !link.startsWith("data:"));
      report.sorted = table ? sortColumn(table, table.tHead.rows[0].cells.length - 1) : [];
      report.saved = await save();
      report.theme = switchTheme();
      // No browser makes its window as narrow as a phone, but a narrow one has the phone's layout.
      const narrower = root.clientWidth < 600 ? [390, 320] : [];
      report.overflow = [root.clientWidth, ...narrower].map(overflow);
      const resources = performance.getEntriesByType("resource").map((entry) => entry.name);
      report.loads = resources.filter((name) => !name.startsWith("file:"));
    } catch (error) {
      pageErrors.push(String(error));
    }
    report.errors = pageErrors;
    const pre = document.createElement("pre");
    pre.id = "self-test";
    pre.textContent = JSON.stringify(report);
    document.body.append(pre);
  });
})();

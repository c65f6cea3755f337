"use strict";
// With "#axe" behind the address: what axe-core finds wrong with the page is told to the page that has
// it in a frame; of its colours, which take most of the time, where window.axeLooksAtColours says so, in
// either theme.
(() => {
  if (location.hash !== "#axe") return;
  addEventListener("load", async () => {
    const found = [];
    try {
      // What is folded is alike in all exhibits: it is unfolded in one, and the smallest of the
      // tables of all numbers.
      const [, ...others] = document.querySelectorAll(".exhibit");
      const size = (details) => details.textContent.length;
      const rows = [...document.querySelectorAll("[data-rows]")];
      const smallest = rows.sort((first, second) => size(first) - size(second))[0];
      for (const details of document.querySelectorAll("details")) {
        const isOther = rows.includes(details) || others.some((other) => other.contains(details));
        details.open = details === smallest || !isOther;
      }
      document.querySelectorAll(".folded th button").forEach((toggle) => toggle.click());
      // Rows become a table some time after they are unfolded.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const shapes = ["light", { rules: { "color-contrast": { enabled: false } } }];
      const colours = (theme) => [theme, { runOnly: ["color-contrast"] }];
      const looks = [shapes];
      if (window.axeLooksAtColours) looks.push(colours("light"), colours("dark"));
      for (const [theme, rules] of looks) {
        document.documentElement.dataset.theme = theme;
        const { violations } = await axe.run(document, { resultTypes: ["violations"], ...rules });
        for (const { id, nodes } of violations) {
          found.push(...nodes.map(({ html }) => `${theme}: ${id}: ${html.slice(0, 300)}`));
        }
      }
    } catch (error) {
      found.push(String(error));
    }
    parent.postMessage(found, "*");
  });
})();

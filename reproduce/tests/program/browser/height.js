"use strict";
// With "#height" behind the address: the height of the page, in pixels, is written into
// <pre id="height">.
addEventListener("load", () => {
  if (location.hash !== "#height") return;
  const { scrollHeight } = document.documentElement;
  const pre = document.createElement("pre");
  pre.id = "height";
  pre.textContent = JSON.stringify(scrollHeight);
  document.body.append(pre);
});

"use strict";
// Shows the pages of window.framedPages one after another in a frame: a browser takes a second to
// start, and there are dozens. What each tells is written into <pre id="axe">.
addEventListener("load", async () => {
  const found = {};
  for (const page of window.framedPages) {
    const frame = document.createElement("iframe");
    frame.style = "width: 1280px; height: 900px";
    frame.src = `${page}#axe`;
    const told = new Promise((resolve) => {
      addEventListener("message", (event) => resolve(event.data), { once: true });
    });
    document.body.append(frame);
    found[page] = await told;
    frame.remove();
  }
  const pre = document.createElement("pre");
  pre.id = "axe";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
});

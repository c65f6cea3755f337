"use strict";
// A figure as a file of its own: its panels side by side with the legend below, in the colours that
// the page shows.
(() => {
  const NAMESPACE = "http://www.w3.org/2000/svg";

  // A copy of a picture with the colours and the letters that the page's style gives it.
  function styled(picture) {
    const copy = picture.cloneNode(true);
    const originals = [picture, ...picture.querySelectorAll("*")];
    const copies = [copy, ...copy.querySelectorAll("*")];
    originals.forEach((original, place) => {
      const { fill, stroke, fontFamily } = getComputedStyle(original);
      copies[place].setAttribute("fill", fill);
      copies[place].setAttribute("stroke", stroke);
      if (original.localName === "text") copies[place].setAttribute("font-family", fontFamily);
      copies[place].removeAttribute("class");
    });
    return copy;
  }

  function standalone(figure) {
    const [letter, row, mark] = [8, 26, 46];
    const whole = document.createElementNS(NAMESPACE, "svg");
    let [x, y] = [0, 0];
    for (const panel of figure.querySelectorAll(".panel svg")) {
      const copy = styled(panel);
      copy.setAttribute("x", x);
      x += panel.viewBox.baseVal.width;
      y = Math.max(y, panel.viewBox.baseVal.height);
      whole.append(copy);
    }
    const width = x;
    x = 10;
    for (const entry of figure.querySelectorAll(".legend li")) {
      const text = entry.textContent.trim();
      const wide = mark + letter * text.length + 20;
      if (x > 10 && x + wide > width) [x, y] = [10, y + row];
      const swatch = styled(entry.querySelector("svg"));
      swatch.setAttribute("x", x);
      swatch.setAttribute("y", y);
      const label = document.createElementNS(NAMESPACE, "text");
      const place = { x: x + mark, y: y + 15, "font-size": 15, "font-family": "sans-serif" };
      for (const [key, value] of Object.entries(place)) label.setAttribute(key, value);
      label.setAttribute("fill", getComputedStyle(entry).color);
      label.textContent = text;
      whole.append(swatch, label);
      x += wide;
    }
    whole.setAttribute("viewBox", `0 0 ${width} ${y + row}`);
    whole.setAttribute("width", width);
    whole.setAttribute("height", y + row);
    return new XMLSerializer().serializeToString(whole);
  }

  function offer(figure) {
    const save = document.createElement("button");
    Object.assign(save, { type: "button", className: "save", textContent: "Download SVG" });
    save.addEventListener("click", () => {
      const name = figure.closest("article").id.replace("exhibit-", "");
      download(`${name}.svg`, new Blob([standalone(figure)], { type: "image/svg+xml" }));
    });
    figure.append(save);
  }

  const offerIn = (part) => part.querySelectorAll("figure:has(.panels)").forEach(offer);
  offerIn(document);
  addEventListener("unpacked", ({ target }) => offerIn(target));
})();

"use strict";
// What is folded stands in the page packed, and takes its place when it is unfolded.

// The text that was packed by gzip and written in letters.
function unpacked(letters) {
  const bytes = Uint8Array.from(atob(letters.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// Hands out a file.
function download(name, blob) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

async function unpack(script) {
  if (script.dataset.packed === "opened") return;
  script.dataset.packed = "opened";
  const holder = document.createElement("template");
  holder.innerHTML = await unpacked(script.textContent);
  const parent = script.parentElement;
  script.replaceWith(holder.content);
  parent.dispatchEvent(new Event("unpacked", { bubbles: true }));
}

// Everything, before it is searched.
function unpackAll() {
  return Promise.all([...document.querySelectorAll("script[data-packed]")].map(unpack));
}

for (const script of document.querySelectorAll("script[data-packed]")) {
  script.parentElement.addEventListener("toggle", () => unpack(script), { once: true });
}

"use strict";
// The theme button, commands that are copied, the search, and contents that fold on a narrow screen
// and say where one is.
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

  // The part of the page that is read is marked in the contents.
  const links = new Map([...contents.querySelectorAll('a[href^="#"]')]
    .map((link) => [link.getAttribute("href").slice(1), link]));
  const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  function mark() {
    const read = parts.findLast((part) => part.getBoundingClientRect().top < innerHeight / 3);
    for (const [id, link] of links) {
      if (id === read?.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  if (parts.length > 0) {
    addEventListener("scroll", mark, { passive: true });
    mark();
  }

  // The first row of a statement unfolds the rows of its checks.
  function fold(theorem, isFolded) {
    theorem.classList.toggle("folded", isFolded);
    theorem.querySelector("button").setAttribute("aria-expanded", String(!isFolded));
  }
  for (const theorem of document.querySelectorAll(".theorem")) {
    const title = theorem.querySelector("th");
    const toggle = document.createElement("button");
    toggle.type = "button";
    toggle.append(...title.childNodes);
    title.append(toggle);
    toggle.addEventListener("click", () => fold(theorem, !theorem.classList.contains("folded")));
    fold(theorem, true);
  }

  // A link into something that is folded unfolds it.
  function unfold() {
    let part = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!part) return;
    const target = part;
    for (; part; part = part.parentElement) {
      if (part.localName === "details") part.open = true;
      if (part.classList.contains("folded")) fold(part, false);
    }
    target.scrollIntoView();
  }
  addEventListener("hashchange", unfold);
  unfold();

  for (const command of document.querySelectorAll("pre.command")) {
    const copy = document.createElement("button");
    Object.assign(copy, { type: "button", className: "copy", textContent: "Copy" });
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command.textContent.trim());
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(command);
        copy.textContent = "Selected";
      }
    });
    const holder = document.createElement("div");
    holder.className = "copied";
    command.replaceWith(holder);
    holder.append(command, copy);
  }

  // The lecture: one finding a screen, by the arrow keys or the buttons.
  const slides = [...document.querySelectorAll("#found, article.exhibit:has(figure)")];
  const lecture = document.getElementById("lecture");
  if (slides.length > 1) {
    const bar = document.createElement("p");
    bar.className = "slides";
    bar.innerHTML = '<button type="button" data-turn="-1">← Back</button> ' +
      '<span role="status"></span> <button type="button" data-turn="1">On →</button>';
    document.getElementById("main").prepend(bar);
    let now = 0;
    const isOn = () => document.body.classList.contains("lecture");
    const show = (next) => {
      now = Math.min(Math.max(next, 0), slides.length - 1);
      slides.forEach((slide, place) => slide.classList.toggle("slide", place === now));
      bar.querySelector("span").textContent = `${now + 1} of ${slides.length}`;
      if (isOn()) scrollTo(0, 0);
    };
    const turn = (isTurnedOn) => {
      document.body.classList.toggle("lecture", isTurnedOn);
      lecture.textContent = isTurnedOn ? "End the lecture" : "Lecture";
      show(now);
    };
    lecture.hidden = false;
    lecture.addEventListener("click", () => turn(!isOn()));
    bar.addEventListener("click", ({ target }) => {
      if (target.dataset.turn) show(now + Number(target.dataset.turn));
    });
    addEventListener("keydown", ({ key, target }) => {
      // Arrows move sliders and choices, too.
      if (!isOn() || target.localName === "input") return;
      if (key === "ArrowRight" || key === "PageDown") show(now + 1);
      if (key === "ArrowLeft" || key === "PageUp") show(now - 1);
      if (key === "Escape") turn(false);
    });
    show(0);
  }

  const search = document.getElementById("search");
  if (!search) return;
  const results = document.getElementById("search-results");
  const clean = (element) => element.textContent.replace(/\s+/g, " ").replace(" #", "").trim();
  const entry = (element, href) => ({ href, title: clean(element), text: clean(element) });
  // What is folded is read when somebody is about to search.
  const readAll = () => [
    ...[...document.querySelectorAll("article.exhibit, article.claim")].map((article) => ({
      href: `#${article.id}`,
      title: clean(article.querySelector(".kicker, h3")),
      text: [
        article.id,
        ...[...article.querySelectorAll("h3, .kicker, figcaption, .remarks, dd, .claim p, .claim td")]
          .map(clean),
      ].join(" "),
    })),
    ...[...document.querySelectorAll(".theorem, .theorem tr[id]")].map((part) =>
      entry(part.querySelector("th"), `#${part.id}`)),
    ...[...document.querySelectorAll("#notes ol a")].map((link) =>
      entry(link, link.getAttribute("href"))),
    ...[...document.querySelectorAll("#glossary dt")].map((term) => ({
      href: "#glossary",
      title: clean(term),
      text: `${clean(term)} ${clean(term.nextElementSibling)}`,
    })),
  ];
  let entries = [];
  search.addEventListener("focus", async () => {
    await unpackAll();
    entries = readAll();
    show();
  }, { once: true });
  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = entries.filter(({ text, title }) =>
      words.every((word) => `${title} ${text}`.toLowerCase().includes(word)));
    results.hidden = words.length === 0;
    results.replaceChildren(...found.slice(0, 12).map(({ href, title }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = href;
      link.textContent = title.length > 110 ? `${title.slice(0, 107)}...` : title;
      item.append(link);
      return item;
    }));
    if (found.length === 0) results.textContent = "Nothing was found.";
  }
  search.addEventListener("input", show);
})();

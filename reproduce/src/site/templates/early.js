"use strict";
// Before the page is painted: the theme chosen last time, and what the self-test counts as errors.
const pageErrors = [];
addEventListener("error", (event) => {
  pageErrors.push(event.message || `cannot load ${event.target.localName}`);
}, true);
addEventListener("securitypolicyviolation", (event) => pageErrors.push(event.blockedURI));
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A page on disk may be forbidden to store anything; the system's theme is used.
}

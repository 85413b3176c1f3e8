// Loaded before anything is painted, so that a dark page does not flash white first.
"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function chosen() {
    try {
      return localStorage.getItem("theme") ?? "auto";
    } catch {
      return "auto"; // a browser may keep its storage to itself
    }
  }

  function apply(choice) {
    const wanted = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    root.dataset.theme = wanted;
    root.dataset.choice = choice;
  }

  addEventListener("theme", ({ detail }) => {
    try {
      localStorage.setItem("theme", detail);
    } catch {
      /* it is then chosen for this visit only */
    }
    apply(detail);
  });
  dark.addEventListener("change", () => apply(chosen()));
  apply(chosen());
})();

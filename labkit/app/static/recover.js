// A browser cuts its connections when the machine's network changes, and an engine that starts or
// ends changes it. What of the page got lost by that is fetched again, by loading the page anew.
"use strict";
(() => {
  const TRIES = 5;
  const PAUSE = 300; // milliseconds
  let begun = false;

  function tries(count) {
    try {
      if (count !== undefined) sessionStorage.setItem("tries", String(count));
      return Number(sessionStorage.getItem("tries"));
    } catch {
      return TRIES; // who can't count must not try for ever
    }
  }

  function lost({ target }) {
    const ours = target instanceof HTMLScriptElement || target.rel === "stylesheet";
    if (!ours || begun || tries() >= TRIES) return;
    begun = true;
    tries(tries() + 1);
    setTimeout(() => location.reload(), PAUSE);
  }

  addEventListener("error", lost, true);
  addEventListener("load", () => begun || tries(0));
})();

/** What running containers use, told once a second while somebody looks. */

const KEPT = 60; // samples: the last minute
const RETRY = 2000; // milliseconds

/**
 * Listen until `signal` aborts.
 * @param {(usage: Map<string, Sample[]>) => void} told - the samples of each container, newest last
 */
export function usage(told, signal) {
  const history = new Map();
  let source = null;
  let timer = 0;

  function open() {
    if (signal.aborted || document.hidden) return;
    source?.close();
    source = new EventSource("/api/stats/stream");
    source.addEventListener("stats", (event) => take(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      source.close();
      clearTimeout(timer);
      timer = setTimeout(open, RETRY);
    });
  }

  function take(samples) {
    const now = performance.now() / 1000;
    for (const id of history.keys()) if (!(id in samples)) history.delete(id);
    for (const [id, sample] of Object.entries(samples)) {
      if (sample.cpu === null) continue; // the first look: nothing to compare it with
      const before = history.get(id) ?? [];
      before.push({ ...sample, at: now, ...rates(sample, before.at(-1), now) });
      if (before.length > KEPT) before.shift();
      history.set(id, before);
    }
    told(history);
  }

  document.addEventListener(
    "visibilitychange",
    () => (document.hidden ? source?.close() : open()),
    { signal },
  );
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source?.close();
  });
  open();
}

/** Bytes a second, from two counts of bytes. */
function rates({ rx, tx }, before, now) {
  const seconds = before ? now - before.at : 0;
  const rate = (count, earlier) => (seconds > 0 ? Math.max(0, (count - earlier) / seconds) : 0);
  return { down: rate(rx, before?.rx), up: rate(tx, before?.tx) };
}

export const SAMPLES = KEPT;

/** Numbers and times as a person reads them. */

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const AGES = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86400, 3600, "h"],
  [Infinity, 86400, "d"],
];

/** Bytes, in powers of a thousand as the docker command writes them: `13.3 MB`. */
export function bytes(count) {
  let value = Math.max(0, Number(count) || 0);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** How long ago that was, in one number: `3 min`. */
export function age(seconds, now = Date.now() / 1000) {
  if (!seconds) return "–";
  const past = Math.max(0, Math.floor(now - seconds));
  const [, size, unit] = AGES.find(([below]) => past < below);
  return `${Math.floor(past / size)} ${unit}`;
}

/** The date and the time of day, for a tooltip. */
export function moment(seconds) {
  return seconds ? new Date(seconds * 1000).toLocaleString() : "";
}

/** The time of day with its milliseconds. */
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  const two = (number) => String(number).padStart(2, "0");
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return `${parts}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** A percentage with one digit behind the point. */
export function percent(value) {
  return Number.isFinite(value) ? `${value.toFixed(1)} %` : "–";
}

/** Twelve characters of an id, as Docker shows it. */
export function short(id) {
  return String(id)
    .replace(/^sha256:/, "")
    .slice(0, 12);
}

/** `1 container`, `2 containers`. */
export function plural(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whether each word of a search is in the text, in any letter case. */
export function matches(text, words) {
  const within = text.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word));
}

/** Cells that several tables have: a state, a code, an age. */

import { h, mark, put } from "./element.js";
import { age, moment } from "./format.js";
import { child } from "./table.js";

/** A short text in the letters of machines, cut where the column ends; hovering shows all. */
export function showCode(td, text) {
  const code = child(td, () => h("code", {}));
  put(code, text);
  mark(code, "title", text);
}

/** How long ago it was made. */
export function showAge(td, { created }) {
  const time = child(td, () => h("time", {}));
  put(time, age(created));
  mark(time, "title", moment(created));
}

/** The dot and the word of a container's state; the colour never says it alone. */
export function stateMark() {
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const word = h("span", { class: "word" });
  const more = h("span", { class: "more" });
  const node = h("span", { class: "condition" }, dot, h("span", {}, word, more));
  const show = ({ state, status, health }) => {
    dot.dataset.state = health === "unhealthy" ? "unhealthy" : state;
    put(word, state);
    put(more, status);
    more.dataset.health = health;
  };
  return { node, show };
}

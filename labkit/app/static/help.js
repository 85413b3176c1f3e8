/** What the page is, and its few keys. */

import { h } from "./element.js";
import { foot, open } from "./dialog.js";

const KEYS = [
  ["/", "Go to the search"],
  ["Tab, Shift Tab", "Go to the next or the previous button"],
  ["Enter, Space", "Press it"],
  ["Esc", "Close a dialog, or empty a search"],
  ["?", "This help"],
];
const WORDS = [
  "Each button sends one request to the Docker Engine. The message that follows shows this request and Docker’s answer; “Requests” keeps the latest 200.",
  "Nothing is polled: the engine tells of each change in one stream of events, and the rows follow. When the engine is away, the page waits and catches up.",
  "200 means done and here it is, 201 created, 204 done, 304 it was so already, 404 no such thing, 409 its state forbids it.",
];

/** Open the help. */
export function help() {
  if (document.querySelector("dialog[open]")) return;
  const keys = KEYS.flatMap(([key, text]) => [
    h("dt", {}, ...key.split(", ").map((one) => h("kbd", { text: one }))),
    h("dd", { text }),
  ]);
  open("Help", [
    h(
      "div",
      { class: "dialog-body" },
      ...WORDS.map((text) => h("p", { text })),
      h("h3", { text: "Keys" }),
      h("dl", { class: "keys" }, ...keys),
    ),
    foot("Close"),
  ]);
}

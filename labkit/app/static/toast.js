/** What came of a request, said in the corner and to screen readers. */

import { button, h, icon, iconButton } from "./element.js";
import { reason } from "./api.js";

const SHOWN = 4;
const PATIENCE = 7000; // milliseconds; what went wrong stays until it is put away

/**
 * Say what came of something.
 * @param {object} said - `kind` good, same or bad; `text`; `engine` the Engine API request;
 *   `status` its answer; `hint` what to do next; `lines` one for each of many; `more` a button
 */
export function toast({ kind = "good", text, engine, status, hint, lines = [], more }) {
  const close = iconButton("close", "Put this message away", {
    on: { click: () => node.remove() },
  });
  const node = h(
    "div",
    { class: "toast", "data-kind": kind },
    icon(kind === "bad" ? "warn" : "done"),
    h(
      "div",
      { class: "said" },
      h("p", { class: "text", text }),
      hint ? h("p", { class: "hint", text: hint }) : null,
      lines.length ? h("ul", {}, ...lines.map((line) => h("li", { text: line }))) : null,
      engine ? request(engine, status) : null,
      more
        ? button(
            more.label,
            () => {
              node.remove();
              more.press();
            },
            { kind: "small" },
          )
        : null,
    ),
    close,
  );
  const box = document.getElementById("toasts");
  box.append(node);
  while (box.children.length > SHOWN) box.firstElementChild.remove();
  if (kind !== "bad") fade(node);
}

/** A request of the Engine API and its answer. */
export function request(engine, status) {
  return h(
    "p",
    { class: "request" },
    h("code", { text: engine }),
    h("span", { class: "arrow", text: " → " }),
    h("code", {
      class: "status",
      "data-kind": status && status < 400 ? "good" : "bad",
      text: reason(status),
    }),
  );
}

/** Take it away after a while, but not from under the pointer or the focus. */
function fade(node) {
  const away = () => {
    if (node.matches(":hover, :focus-within")) setTimeout(away, 1000);
    else node.remove();
  };
  setTimeout(away, PATIENCE);
}

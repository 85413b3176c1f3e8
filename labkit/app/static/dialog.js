/** Dialogs: the browser's own, so that Escape, focus and screen readers work as they should. */

import { button, h, iconButton } from "./element.js";

let number = 0;

/**
 * Open a dialog over the page.
 * @param {string} title
 * @param {Node[]} content
 * @param {string} [kind] - `wide` for much content
 * @returns {HTMLDialogElement} it takes itself off the page when it closes
 */
export function open(title, content, kind = "") {
  const id = `dialog-${(number += 1)}`;
  const before = document.activeElement;
  const dialog = h(
    "dialog",
    { class: kind, "aria-labelledby": id },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id, text: title }),
      iconButton("close", "Close", { on: { click: () => dialog.close() } }),
    ),
    ...content,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    // what opened it can be gone by now: a container's row, with the container
    (before?.isConnected ? before : document.querySelector("h1"))?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** The row of buttons at a dialog's foot: the way out, then the deed. */
export function foot(cancel, ...deeds) {
  const out = button(cancel, (event) => event.target.closest("dialog").close());
  return h("div", { class: "dialog-foot" }, out, ...deeds);
}

/** The head of a view: its title, what can be done, a search. */

import { h, icon, put } from "./element.js";

/** A view's heading with its buttons on the right. */
export function heading(title, ...tools) {
  const note = h("span", { class: "note" });
  const node = h(
    "div",
    { class: "heading" },
    h("h1", { tabindex: "-1", text: title }),
    note,
    h("div", { class: "tools" }, ...tools),
  );
  return { node, say: (text) => put(note, text) };
}

/**
 * A search field; `/` goes to it.
 * @param {string} label - what is searched
 * @param {{search: string}} memory - outlives the view
 * @param {() => void} changed
 */
export function searchField(label, memory, changed) {
  const input = h("input", {
    type: "search",
    class: "search",
    "aria-label": label,
    placeholder: label,
    value: memory.search,
    autocomplete: "off",
    spellcheck: "false",
    on: {
      input: () => {
        memory.search = input.value;
        changed();
      },
    },
  });
  return h(
    "label",
    { class: "searchbox" },
    icon("search"),
    input,
    h("kbd", { text: "/", "aria-hidden": "true" }),
  );
}

/** One choice of a few, side by side. */
export function segments(label, choices, chosen, changed) {
  const name = `choice-${label.replaceAll(" ", "-")}`;
  const options = choices.map(([value, words]) =>
    h(
      "label",
      {},
      h("input", {
        type: "radio",
        name,
        value,
        checked: value === chosen,
        on: { change: () => changed(value) },
      }),
      h("span", { text: words }),
    ),
  );
  return h(
    "fieldset",
    { class: "segments" },
    h("legend", { class: "unseen", text: label }),
    ...options,
  );
}

/** A box to tick, its words beside it. */
export function checkbox(label, checked, changed, props = {}) {
  const input = h("input", {
    type: "checkbox",
    checked,
    on: { change: () => changed(input.checked) },
    ...props,
  });
  return h("label", { class: "check" }, input, h("span", { text: label }));
}

/** Elements, made in JavaScript. Text is always text here: nothing is ever parsed as markup. */

const BOOLEAN = new Set([
  "hidden",
  "disabled",
  "checked",
  "selected",
  "required",
  "open",
  "autofocus",
]);

/**
 * Make an element.
 * @param {string} tag - its name
 * @param {object} props - attributes; `class`, `text`, and `on` with listeners by event
 * @param {...(Node|string|null)} children
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name === "on") listen(node, value);
    else if (BOOLEAN.has(name)) node[name] = true;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function listen(node, listeners) {
  for (const [event, listener] of Object.entries(listeners)) node.addEventListener(event, listener);
}

/** A picture that says nothing to who can't see it; the words stand beside it. */
export function icon(name) {
  return h("span", { class: `icon icon-${name}`, "aria-hidden": "true" });
}

/** A button with words, and a picture before them. */
export function button(label, press, { icon: picture, kind = "", ...props } = {}) {
  return h(
    "button",
    { type: "button", class: kind, on: { click: press }, ...props },
    picture ? icon(picture) : null,
    h("span", { class: "label", text: label }),
  );
}

/** A button that is a picture; its words are said and shown on hover. */
export function iconButton(picture, label, props = {}) {
  return h(
    "button",
    { type: "button", class: "quiet square", "aria-label": label, title: label, ...props },
    icon(picture),
  );
}

/** Set a text only where it is another: what does not change is not laid out anew. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or take away an attribute, only where that changes it. */
export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/**
 * Turn a button on or off. One that has the focus keeps it until the person moves on: a disabled
 * button would lose it, and with it the place on the page.
 */
export function enable(node, on) {
  const held = !on && node === document.activeElement;
  node.disabled = !on && !held;
  mark(node, "aria-disabled", held ? "true" : null);
  if (held) node.addEventListener("blur", () => settle(node), { once: true });
}

function settle(node) {
  if (node.getAttribute("aria-disabled") !== "true") return;
  node.removeAttribute("aria-disabled");
  node.disabled = true;
}

/** Whether a press on it counts. */
export function usable(node) {
  return !node.disabled && node.getAttribute("aria-disabled") !== "true";
}

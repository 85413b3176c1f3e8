/** Forms in a dialog: fields with their words, and errors at the field that they are about. */

import { button, h } from "./element.js";
import { foot, open } from "./dialog.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [hint] - how it is written
 * @property {"text"|"area"|"select"|"check"} [type]
 * @property {string|boolean} [value]
 * @property {string[]|[string, string][]} [options] - of a select, or suggestions for a text
 * @property {object} [props] - further attributes
 */

/**
 * Ask for something in a form.
 * @param {string} title
 * @param {Field[]} fields
 * @param {string} deed - the words on the button
 * @param {(values: object) => Promise<void>} submit - closes the dialog unless it throws
 * @param {{intro?: Node, kind?: string, danger?: boolean}} [look]
 */
export function form(
  title,
  fields,
  deed,
  submit,
  { intro = null, kind = "", danger = false } = {},
) {
  const parts = fields.map(build);
  const problem = h("div", { class: "problem", role: "alert" });
  const go = button(deed, () => {}, { kind: danger ? "danger" : "primary", type: "submit" });
  const node = h(
    "form",
    { novalidate: "", autocomplete: "off" },
    intro,
    ...parts.map((part) => part.node),
    problem,
    foot("Cancel", go),
  );
  const dialog = open(title, [node], kind);
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    clear(parts, problem);
    try {
      await submit(Object.fromEntries(parts.map((part) => [part.name, part.value()])));
      dialog.close();
    } catch (error) {
      blame(error, parts, problem);
    } finally {
      go.disabled = false;
    }
  });
  parts[0]?.input.focus();
  return { dialog, parts, node };
}

function clear(parts, problem) {
  problem.replaceChildren();
  for (const { input, error } of parts) {
    input.removeAttribute("aria-invalid");
    error.replaceChildren();
  }
}

/** Show an error at its field, if it is about one, else at the foot. */
function blame(error, parts, problem) {
  const part = parts.find(({ name }) => name === error.field);
  const said = [h("p", { class: "text", text: error.message })];
  if (error.hint) said.push(h("p", { class: "hint", text: error.hint }));
  if (part) {
    part.error.replaceChildren(...said);
    part.input.setAttribute("aria-invalid", "true");
    part.input.focus();
  } else problem.replaceChildren(...said);
}

function build(field) {
  const id = `field-${field.name}`;
  const error = h("div", { class: "field-error", id: `${id}-error`, role: "alert" });
  const hint = field.hint
    ? h("p", { class: "field-hint", id: `${id}-hint`, text: field.hint })
    : null;
  const described = `${id}-error${hint ? ` ${id}-hint` : ""}`;
  const props = { id, name: field.name, "aria-describedby": described, ...field.props };
  if (field.type === "check") return tick(field, props, hint, error);
  const list = field.options && field.type !== "select" ? suggestions(id, field.options) : null;
  if (list) props.list = list.id;
  const input = entry(field, props);
  if (field.value) input.value = field.value;
  const label = h("label", { for: id, text: field.label });
  const node = h("div", { class: "field" }, label, input, list, error, hint);
  return { name: field.name, node, input, error, value: () => input.value };
}

function entry({ type, options }, props) {
  const plain = { autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...props };
  if (type === "area") return h("textarea", { rows: 2, ...plain });
  if (type !== "select") return h("input", { type: "text", ...plain });
  return h("select", props, ...options.map(([value, text]) => h("option", { value, text })));
}

function suggestions(id, options) {
  return h("datalist", { id: `${id}-list` }, ...options.map((value) => h("option", { value })));
}

function tick(field, props, hint, error) {
  const input = h("input", { type: "checkbox", checked: Boolean(field.value), ...props });
  const label = h("label", { class: "check" }, input, h("span", { text: field.label }));
  const node = h("div", { class: "field" }, label, error, hint);
  return { name: field.name, node, input, error, value: () => input.checked };
}

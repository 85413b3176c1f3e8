/** All that the engine knows of a thing, as a table of keys and values to search in. */

import { call } from "./api.js";
import { inspect as asking } from "./asks.js";
import { h, put } from "./element.js";
import { searchField } from "./page.js";
import { matches } from "./format.js";
import { Table } from "./table.js";

const PAUSE = 1000; // milliseconds between two looks at a thing that keeps changing
const memory = { search: "" };

/** An inspect of a container, a network or a volume. `again()` asks anew. */
export class Inspect {
  #pairs = null;
  #timer = 0;

  constructor(kind, thing, signal) {
    this.kind = kind;
    this.thing = thing;
    this.note = h("span", { class: "note", role: "status" });
    this.table = new Table("Inspect", COLUMNS, { sort: "", descending: false }, () => {});
    this.element = h(
      "div",
      { class: "inspect" },
      h(
        "div",
        { class: "filters" },
        searchField("Search keys and values", memory, () => this.show()),
        this.note,
      ),
      h("p", { class: "request" }, h("code", { text: asking(kind, thing).engine })),
      this.table.element,
    );
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
    this.signal = signal;
    this.load();
  }

  /** Ask the engine anew, at most once a second. */
  again() {
    if (!this.#timer) this.#timer = setTimeout(() => this.load(), PAUSE);
  }

  async load() {
    this.#timer = 0;
    try {
      const found = await call("GET", asking(this.kind, this.thing).path);
      if (this.signal.aborted) return;
      this.#pairs = [...flat("", found)].map(([key, value]) => ({ id: key, value }));
      this.show();
    } catch (error) {
      if (!this.#pairs) this.table.show([], { empty: [error.message, error.hint].join(" ") });
    }
  }

  show() {
    const every = this.#pairs ?? [];
    const rows = every.filter(({ id, value }) => matches(`${id}\n${value}`, memory.search));
    put(this.note, `${rows.length} of ${every.length} values`);
    this.table.show(rows, {
      empty: every.length ? "Neither a key nor a value matches the search." : "Asking the engine…",
    });
  }
}

const COLUMNS = [
  { name: "key", label: "Key", show: (td, { id }) => put(td, id) },
  { name: "value", label: "Value", show: (td, { value }) => put(td, value) },
];

/** The leaves of nested JSON, each with the path that leads to it. */
function* flat(key, value) {
  const inner = value !== null && typeof value === "object" ? Object.entries(value) : [];
  if (inner.length) {
    for (const [name, one] of inner) yield* flat(path(key, name, Array.isArray(value)), one);
  } else if (key) yield [key, typeof value === "string" ? value : JSON.stringify(value)];
}

function path(key, name, inList) {
  if (inList) return `${key}[${name}]`;
  return key ? `${key}.${name}` : name;
}

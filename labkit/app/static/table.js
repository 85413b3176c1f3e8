/** A table whose rows are kept: each is made once, updated in place, and moved only if it must. */

import { h, mark, put } from "./element.js";

const ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * @typedef {object} Column
 * @property {string} name - class of its cells
 * @property {string} label - its heading
 * @property {(row) => any} [sort] - what to sort by; a column without it can't be sorted
 * @property {(td, row) => void} show - bring a cell up to date
 * @property {boolean} [bare] - the heading is for screen readers only
 */
export class Table {
  #rows = new Map(); // id -> {tr, cells, row, look}
  #columns;
  #memory;
  #changed;

  /**
   * @param {string} label - what it lists
   * @param {Column[]} columns
   * @param {{sort: string, descending: boolean}} memory - outlives the table
   * @param {() => void} changed - called when a person chose another order
   */
  constructor(label, columns, memory, changed) {
    this.#columns = columns;
    this.#memory = memory;
    this.#changed = changed;
    this.body = h("tbody", { role: "rowgroup" });
    this.heads = columns.map((column) => this.#head(column));
    this.empty = h("p", { class: "empty", hidden: true });
    const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...this.heads));
    this.table = h("table", { role: "table", "aria-label": label }, head, this.body);
    this.element = h("div", { class: "table" }, this.table, this.empty);
    this.#showOrder();
  }

  /**
   * Show these rows, in the chosen order.
   * @param {object[]} rows - each with an `id`; one that is the same object is not looked at again
   * @param {{empty?: string, look?: any}} [options] - what to say when there is none; `look`: when
   *   it changes, every row is brought up to date
   */
  show(rows, { empty = "", look = null } = {}) {
    const sorted = this.#sorted(rows);
    const wanted = new Set(sorted.map((row) => row.id));
    for (const [id, kept] of this.#rows) if (!wanted.has(id)) this.#forget(id, kept);
    this.#place(sorted.map((row) => this.#kept(row, look).tr));
    this.empty.hidden = rows.length > 0;
    this.table.classList.toggle("none", rows.length === 0);
    put(this.empty, empty);
  }

  /** Bring every row up to date, for something that they show has changed outside of them. */
  refresh() {
    for (const kept of this.#rows.values()) this.#fill(kept);
  }

  /** The id of the row in which an element is. */
  idOf(element) {
    return element.closest("tr")?.dataset.id;
  }

  #sorted(rows) {
    const { sort, descending } = this.#memory;
    const by = this.#columns.find((column) => column.name === sort)?.sort;
    if (!by) return rows;
    const sign = descending ? -1 : 1;
    const keyed = rows.map((row) => [by(row), row]);
    keyed.sort(([a, x], [b, y]) => sign * (compare(a, b) || (x.sequence ?? 0) - (y.sequence ?? 0)));
    return keyed.map(([, row]) => row);
  }

  #kept(row, look) {
    let kept = this.#rows.get(row.id);
    if (!kept) {
      kept = this.#made(row);
      this.#rows.set(row.id, kept);
    } else if (kept.row === row && kept.look === look) return kept;
    kept.row = row;
    kept.look = look;
    this.#fill(kept);
    return kept;
  }

  #made(row) {
    const tr = h("tr", { role: "row", "data-id": row.id });
    const cells = this.#columns.map(({ name, label, bare }) => {
      const data = bare ? undefined : label;
      return h("td", { role: "cell", class: name, "data-label": data });
    });
    tr.append(...cells);
    return { tr, cells, row };
  }

  #fill({ cells, row }) {
    this.#columns.forEach((column, index) => column.show(cells[index], row));
  }

  #forget(id, { tr }) {
    if (tr.contains(document.activeElement)) this.#passFocus(tr);
    tr.remove();
    this.#rows.delete(id);
  }

  /** The row with the focus goes: its neighbour gets it, rather than the top of the page. */
  #passFocus(tr) {
    const neighbour = tr.nextElementSibling ?? tr.previousElementSibling;
    (
      neighbour?.querySelector("a, button:not(:disabled)") ?? this.heads[0].querySelector("button")
    )?.focus();
  }

  /** Put the rows into this order with few moves; the focus stays where it is. */
  #place(wanted) {
    const focus = document.activeElement;
    let next = this.body.firstChild;
    for (const tr of wanted) {
      if (tr === next) next = next.nextSibling;
      else if (next && tr === next.nextSibling)
        next = tr.nextSibling; // `next` comes later
      else this.body.insertBefore(tr, next);
    }
    if (focus !== document.activeElement && this.body.contains(focus)) {
      focus.focus({ preventScroll: true });
    }
  }

  #head({ name, label, sort, bare }) {
    const press = { click: () => this.#sortBy(name) };
    const words = sort
      ? h("button", { type: "button", class: "sort", on: press }, label)
      : h("span", { class: bare ? "unseen" : "", text: label });
    return h("th", { scope: "col", role: "columnheader", class: name }, words);
  }

  #sortBy(name) {
    const { sort, descending } = this.#memory;
    Object.assign(this.#memory, { sort: name, descending: sort === name && !descending });
    this.#showOrder();
    this.#changed();
  }

  #showOrder() {
    const { sort, descending } = this.#memory;
    this.#columns.forEach((column, index) => {
      const order = column.name === sort ? (descending ? "descending" : "ascending") : "none";
      if (column.sort) mark(this.heads[index], "aria-sort", order);
    });
  }
}

function compare(a, b) {
  if (typeof a === "number") return a - b;
  return ORDER.compare(String(a), String(b));
}

/** The child that a cell keeps: made by `make` the first time. */
export function child(td, make) {
  return td.firstElementChild ?? td.appendChild(make());
}

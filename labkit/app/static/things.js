/** What the views of networks and of volumes have in common: a list, and one of them. */

import { ask } from "./api.js";
import { removeThing } from "./asks.js";
import { button, enable, h, icon, iconButton, mark, put, usable } from "./element.js";
import { form } from "./form.js";
import { matches, plural } from "./format.js";
import { live } from "./live.js";
import { heading, searchField } from "./page.js";
import { child, Table } from "./table.js";
import { toast } from "./toast.js";

const titled = (kind) => kind[0].toUpperCase() + kind.slice(1);

/** The view of a list: search, sort, create, remove. */
export class Things {
  /** @param {{kind, noun, columns, memory, create, fixed, empty}} kind - what is listed */
  constructor(kind, signal) {
    this.kind = kind;
    this.title = titled(kind.kind);
    this.create = button("Create", kind.create, { icon: "add", kind: "primary" });
    this.head = heading(this.title, this.create);
    this.table = new Table(this.title, this.#columns(), kind.memory, () => this.show());
    this.table.body.addEventListener("click", (event) => this.#press(event));
    const filters = h(
      "div",
      { class: "filters" },
      searchField(`Search ${kind.kind}`, kind.memory, () => this.show()),
    );
    this.element = h("section", {}, this.head.node, filters, this.table.element);
    for (const topic of [kind.kind, "state"]) live.on(topic, () => this.show(), signal);
    live.on("containers", () => this.table.refresh(), signal);
    this.show();
  }

  show() {
    const { kind, noun, memory, empty } = this.kind;
    const every = live.rows(kind);
    const rows = every.filter((row) => matches(Object.values(row).join("\n"), memory.search));
    this.head.say(live.loaded(kind) ? plural(every.length, noun) : "");
    this.table.show(rows, {
      empty: every.length ? `No ${noun} matches the search.` : empty,
      look: live.usable,
    });
    enable(this.create, live.usable);
  }

  #columns() {
    const name = {
      name: "name",
      label: "Name",
      sort: (row) => row.name,
      show: (td, row) => this.#showName(td, row),
    };
    const actions = {
      name: "actions",
      label: "Actions",
      bare: true,
      show: (td, row) => this.#showActions(td, row),
    };
    return [name, ...this.kind.columns, actions];
  }

  #showName(td, { id, name }) {
    const link = child(td, () => h("a", {}));
    put(link, name);
    mark(link, "href", `#/${this.kind.kind}/${encodeURIComponent(id)}`);
  }

  #showActions(td, row) {
    const why = this.kind.fixed(row);
    const node = child(
      child(td, () => h("div", { class: "actions" })),
      () => iconButton("remove", ""),
    );
    mark(node, "aria-label", `Remove ${row.name}`);
    mark(node, "title", why || "Remove");
    enable(node, live.usable && !why);
  }

  #press(event) {
    const pressed = event.target.closest("button");
    const row = live.find(this.kind.kind, this.table.idOf(event.target));
    if (pressed && row && usable(pressed)) askRemoval(this.kind.kind, this.kind.noun, row);
  }
}

function askRemoval(kind, noun, row) {
  const loss =
    noun === "volume"
      ? "The data in it is gone then."
      : "Docker refuses while a container is connected to it.";
  const intro = h("p", { class: "intro", text: loss });
  form(
    `Remove the ${noun} ${row.name}?`,
    [],
    "Remove",
    async () => {
      const wanted = removeThing(kind, row);
      await ask(wanted);
      toast({ text: `Removed the ${noun} ${row.name}.`, engine: wanted.engine, status: 204 });
    },
    { danger: true, intro },
  );
}

/** The view of one thing: its name, and what `make` shows of it. */
export class Thing {
  #content = null;
  #row = null;

  constructor(kind, id, signal, make) {
    this.kind = kind;
    this.id = id;
    this.make = make;
    this.title = titled(kind);
    this.name = h("h1", { tabindex: "-1", text: id });
    this.note = h("p", { class: "empty" });
    this.place = h("div", { class: "pane" });
    const back = h("a", { class: "back", href: `#/${kind}` }, icon("back"), titled(kind));
    this.element = h(
      "section",
      {},
      back,
      h("div", { class: "heading" }, this.name),
      this.note,
      this.place,
    );
    for (const topic of [kind, "state"]) live.on(topic, () => this.show(), signal);
    this.show();
  }

  show() {
    const row = live.find(this.kind, this.id);
    this.note.hidden = Boolean(row);
    put(
      this.note,
      live.loaded(this.kind) ? "It is gone: somebody removed it." : "Asking the engine…",
    );
    if (!row) return;
    this.title = row.name;
    put(this.name, row.name);
    if (!this.#content) {
      this.#content = this.make(row);
      this.place.replaceChildren(this.#content.element);
    } else if (row !== this.#row) this.#content.changed(row);
    this.#row = row;
  }
}

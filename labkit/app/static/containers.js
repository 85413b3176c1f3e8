/** The containers, live: search, sort, choose, and do something to one or many. */

import { ACTIONS, perform, performAll } from "./actions.js";
import { showAge, showCode, stateMark } from "./cells.js";
import { create } from "./create.js";
import { button, enable, h, iconButton, mark, put, usable } from "./element.js";
import { matches, plural, short } from "./format.js";
import { live } from "./live.js";
import { heading, searchField, segments } from "./page.js";
import { child, Table } from "./table.js";

const ALIVE = new Set(["running", "paused", "restarting"]);
const AGES = 15_000; // milliseconds between two looks at the clock
const memory = { search: "", sort: "created", descending: true, shown: "all" };
const selected = new Set();
const busy = new Map(); // id -> the action under way
let marked = false;
const SLOTS = ["start", "stop", "restart", "pause", "kill", "remove"];
const WORDS = Object.fromEntries(ACTIONS);

/** The view of all containers. */
export function containers(_, signal) {
  const view = new Containers();
  live.on("containers", () => view.show(), signal);
  live.on("state", () => view.show(), signal);
  const clock = setInterval(() => view.table.refresh(), AGES);
  signal.addEventListener("abort", () => clearInterval(clock));
  view.show();
  return view;
}

class Containers {
  title = "Containers";

  constructor() {
    this.head = heading("Containers", button("Create", create, { icon: "add", kind: "primary" }));
    this.createButton = this.head.node.querySelector(".primary");
    this.table = new Table("Containers", this.#columns(), memory, () => this.show());
    this.table.body.addEventListener("click", (event) => this.#press(event));
    this.bulk = this.#bulkBar();
    const redraw = () => this.show();
    this.element = h(
      "section",
      {},
      this.head.node,
      h(
        "div",
        { class: "filters" },
        searchField("Search containers", memory, redraw),
        segments(
          "Which containers",
          [
            ["all", "All"],
            ["running", "Running"],
          ],
          memory.shown,
          (value) => {
            memory.shown = value;
            redraw();
          },
        ),
        this.bulk.node,
      ),
      this.table.element,
    );
  }

  show() {
    const every = live.rows("containers");
    for (const id of selected) if (!live.find("containers", id)) selected.delete(id);
    const running = every.filter(({ state }) => ALIVE.has(state));
    this.shown = (memory.shown === "all" ? every : running).filter(found);
    this.head.say(counted(every, running, this.shown));
    this.table.show(this.shown, { empty: nothing(every, running), look: live.usable });
    enable(this.createButton, live.usable);
    this.#showBulk();
    this.#markFirst();
  }

  /** Note when the first rows were there: the browser's performance tools show it. */
  #markFirst() {
    if (marked || !live.loaded("containers")) return;
    marked = true;
    performance.mark("containers-shown");
  }

  #columns() {
    return [
      { name: "select", label: "Select", bare: true, show: showSelect },
      {
        name: "state",
        label: "State",
        sort: ({ state, status }) => `${state} ${status}`,
        show: showState,
      },
      { name: "name", label: "Name", sort: ({ name }) => name, show: showName },
      {
        name: "image",
        label: "Image",
        sort: ({ image }) => image,
        show: (td, { image }) => showCode(td, image),
      },
      { name: "ports", label: "Ports", sort: ({ ports }) => ports.join(), show: showPorts },
      { name: "created", label: "Created", sort: ({ created }) => created, show: showAge },
      { name: "actions", label: "Actions", bare: true, show: showActions },
    ];
  }

  #press(event) {
    const container = live.find("containers", this.table.idOf(event.target));
    if (!container) return;
    if (event.target.matches("input")) this.#select(container, event.target.checked);
    const pressed = event.target.closest("button[data-action]");
    if (pressed && usable(pressed)) this.#act(pressed.dataset.action, container);
  }

  async #act(action, container) {
    if (action !== "remove") busy.set(container.id, action);
    this.table.refresh();
    await perform(action, container);
    busy.delete(container.id);
    this.table.refresh();
  }

  #select(container, on) {
    if (on) selected.add(container.id);
    else selected.delete(container.id);
    this.table.refresh();
    this.#showBulk();
  }

  #bulkBar() {
    const all = h("input", {
      type: "checkbox",
      "aria-label": "Select all that are shown",
      on: { change: () => this.#selectAll(all.checked) },
    });
    this.table.heads[0].replaceChildren(all);
    const note = h("span", { class: "note", role: "status" });
    const deeds = ["start", "stop", "restart", "kill", "remove"].map((action) =>
      button(WORDS[action], () => this.#actOnAll(action), {
        icon: action,
        kind: `small ${action}`,
      }),
    );
    const clear = button("Clear", () => this.#selectAll(false), { kind: "small quiet" });
    const node = h(
      "div",
      { class: "bulk", role: "group", "aria-label": "With the selected containers", hidden: true },
      note,
      ...deeds,
      clear,
    );
    return { node, all, note, deeds };
  }

  #showBulk() {
    const { node, all, note, deeds } = this.bulk;
    const among = this.shown.filter(({ id }) => selected.has(id)).length;
    all.checked = among > 0 && among === this.shown.length;
    all.indeterminate = among > 0 && among < this.shown.length;
    node.hidden = selected.size === 0;
    put(note, `${selected.size} selected`);
    for (const one of deeds) enable(one, live.usable);
  }

  #selectAll(on) {
    if (!on) selected.clear();
    else for (const { id } of this.shown) selected.add(id);
    this.table.refresh();
    this.#showBulk();
  }

  async #actOnAll(action) {
    const chosen = [...selected].map((id) => live.find("containers", id)).filter(Boolean);
    if (action !== "remove") for (const { id } of chosen) busy.set(id, action);
    this.table.refresh();
    await performAll(action, chosen);
    for (const { id } of chosen) busy.delete(id);
    this.table.refresh();
  }
}

function found({ name, id, image, state, status, ports }) {
  return matches([name, id, image, state, status, ...ports].join("\n"), memory.search);
}

function counted(every, running, shown) {
  if (!live.loaded("containers")) return "";
  const text = `${plural(every.length, "container")}, ${running.length} running`;
  return memory.search ? `${text}; ${shown.length} shown` : text;
}

function nothing(every, running) {
  if (!live.loaded("containers")) return live.state === "connecting" ? "Asking the engine…" : "";
  if (!every.length)
    return "No containers yet. “Create” makes one; what others create appears here by itself.";
  if (memory.shown === "running" && !running.length)
    return "No container is running. “All” shows the others too.";
  return "No container matches the search.";
}

function showSelect(td, { id, name }) {
  const box = child(td, () => h("input", { type: "checkbox" }));
  mark(box, "aria-label", `Select ${name}`);
  if (box.checked !== selected.has(id)) box.checked = selected.has(id);
  td.parentNode?.classList.toggle("chosen", selected.has(id));
}

function showState(td, row) {
  td.look ??= stateMark();
  if (!td.firstChild) td.append(td.look.node);
  td.look.show(row);
}

function showName(td, { id, name }) {
  const link = child(td, () => h("a", {}));
  put(link, name);
  mark(link, "href", `#/containers/${id}/logs`);
  const code = link.nextSibling ?? td.appendChild(h("code", { class: "id" }));
  put(code, short(id));
}

function showPorts(td, { ports }) {
  showCode(td, ports.join(", "));
}

function showActions(td, row) {
  const box = child(td, () => {
    const buttons = SLOTS.map((slot) => iconButton(slot, "", { "data-slot": slot }));
    return h("div", { class: "actions" }, ...buttons);
  });
  const can = new Set(row.actions);
  [...box.children].forEach((node, index) => showAction(node, SLOTS[index], row, can));
}

function showAction(node, slot, { id, name }, can) {
  const action = slot === "pause" && can.has("unpause") ? "unpause" : slot;
  if (node.dataset.action !== action) {
    node.dataset.action = action;
    node.firstElementChild.className = `icon icon-${action}`;
  }
  mark(node, "aria-label", `${WORDS[action]} ${name}`);
  mark(node, "title", WORDS[action]);
  mark(node, "aria-busy", busy.get(id) === action ? "true" : null);
  enable(node, live.usable && can.has(action) && !busy.has(id));
}

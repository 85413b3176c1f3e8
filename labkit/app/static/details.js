/** One container: its state and buttons, and three panes: logs, inspect, stats. */

import { ACTIONS, perform } from "./actions.js";
import { stateMark } from "./cells.js";
import { button, enable, h, icon, mark, put, usable } from "./element.js";
import { age, moment, short } from "./format.js";
import { Inspect } from "./inspect.js";
import { live } from "./live.js";
import { Logs } from "./logs.js";
import { Usage } from "./stats.js";

const PANES = {
  logs: ["Logs", (container, signal) => new Logs(container, signal)],
  inspect: ["Inspect", (container, signal) => new Inspect("containers", container, signal)],
  stats: ["Stats", (container, signal) => new Usage(container, signal)],
};
const SHOWN = ["start", "stop", "restart", "pause", "unpause", "kill", "remove"];
const ONE_OF_TWO = new Set(["pause", "unpause"]);

/** The view of one container. */
export function details([id, tab], signal) {
  const view = new Details(id, tab, signal);
  live.on("containers", () => view.show(), signal);
  live.on("state", () => view.show(), signal);
  view.show();
  return view;
}

class Details {
  title = "Container";
  #row = null;
  #pane = null;
  #end = new AbortController();

  constructor(id, tab, signal) {
    this.id = id;
    this.tab = tab;
    this.state = stateMark();
    this.name = h("h1", { tabindex: "-1" });
    this.actions = h(
      "div",
      { class: "tools" },
      ...ACTIONS.filter(([name]) => SHOWN.includes(name)).map(([name, words]) =>
        this.#button(name, words),
      ),
    );
    this.facts = h("dl", { class: "facts" });
    this.tabs = h(
      "nav",
      { class: "tabs", "aria-label": "About this container" },
      ...Object.entries(PANES).map(([name, [words]]) =>
        h("a", {
          href: `#/containers/${encodeURIComponent(id)}/${name}`,
          "data-tab": name,
          text: words,
        }),
      ),
    );
    this.place = h("div", { class: "pane" });
    this.gone = h("p", { class: "empty", hidden: true });
    const back = h("a", { class: "back", href: "#/containers" }, icon("back"), "Containers");
    this.content = h("div", {}, this.facts, this.tabs, this.place);
    this.element = h(
      "section",
      {},
      back,
      h("div", { class: "heading" }, this.name, this.state.node, this.actions),
      this.gone,
      this.content,
    );
    signal.addEventListener("abort", () => this.#end.abort());
  }

  /** Another pane of the same container. */
  turn([tab]) {
    this.tab = tab;
    this.#pane = null;
    this.show();
  }

  show() {
    const row = live.rows("containers").find(({ id, name }) => id === this.id || name === this.id);
    const known = row ?? this.#row;
    this.gone.hidden = Boolean(row);
    put(
      this.gone,
      live.loaded("containers")
        ? "There is no such container any more: it was removed."
        : "Asking the engine…",
    );
    if (!known) return this.#tellNothing();
    this.title = known.name;
    this.content.hidden = false;
    this.#describe(known, Boolean(row));
    if (!this.#pane) this.#open(known);
    else if (row && row !== this.#row) this.#changed(row);
    this.#row = known;
  }

  #tellNothing() {
    this.content.hidden = true;
    put(this.name, short(this.id));
    for (const node of this.actions.children) node.hidden = true;
  }

  #describe(row, exists) {
    put(this.name, row.name);
    this.state.show(exists ? row : { state: "removed", status: "", health: "" });
    const can = new Set(exists && live.usable ? row.actions : []);
    for (const node of this.actions.children) {
      const { action } = node.dataset;
      const paused = row.actions.includes("unpause");
      node.hidden = ONE_OF_TWO.has(action) && (action === "unpause") !== paused;
      enable(node, can.has(action));
    }
    const facts = [
      ["Id", short(row.id)],
      ["Image", row.image],
      ["Ports", row.ports.join(", ")],
      ["Networks", row.networks.join(", ")],
      ["Volumes", row.volumes.join(", ")],
      ["Created", `${age(row.created)} ago`],
    ];
    const shown = facts.filter(([, value]) => value);
    this.facts.replaceChildren(
      ...shown.map(([key, value]) =>
        h(
          "div",
          {},
          h("dt", { text: key }),
          h("dd", { text: value, title: key === "Created" ? moment(row.created) : undefined }),
        ),
      ),
    );
  }

  #open(row) {
    const name = PANES[this.tab] ? this.tab : "logs";
    this.#end.abort();
    this.#end = new AbortController();
    this.#pane = PANES[name][1](row, this.#end.signal);
    this.place.replaceChildren(this.#pane.element);
    for (const link of this.tabs.children)
      mark(link, "aria-current", link.dataset.tab === name ? "page" : null);
  }

  #changed(row) {
    if (this.#pane.again) this.#pane.again();
    else this.#pane.changed(row);
  }

  #button(name, words) {
    const press = ({ currentTarget: node }) => usable(node) && this.#act(name, node);
    return button(words, press, { icon: name, "data-action": name });
  }

  async #act(action, node) {
    const row = this.#row;
    mark(node, "aria-busy", action === "remove" ? null : "true");
    await perform(action, row);
    mark(node, "aria-busy", null);
  }
}

/** What containers use: all of them in a table, or one in three plots. */

import { h, mark, put } from "./element.js";
import { bytes, matches, percent, plural } from "./format.js";
import { live } from "./live.js";
import { heading, searchField } from "./page.js";
import { plot } from "./plot.js";
import { child, Table } from "./table.js";
import { SAMPLES, usage } from "./usage.js";

const memory = { search: "", sort: "cpu", descending: true };
const CPU_TOP = 5; // percent: below that a line should look as calm as it is
const MEMORY_TOP = 1e6; // bytes
const NETWORK_TOP = 1e3; // bytes a second

/** The view of all running containers. */
export function stats(_, signal) {
  const head = heading("Stats");
  const table = new Table("Stats", COLUMNS, memory, () => show());
  let samples = null;
  const show = () => {
    const rows = [...(samples ?? [])]
      .map(([id, all]) => row(id, all))
      .filter((one) => one && matches(`${one.name}\n${one.id}`, memory.search));
    head.say(samples?.size ? `${plural(samples.size, "container")} running, once a second` : "");
    table.show(rows, { empty: nothing(samples) });
  };
  usage((history) => {
    samples = history;
    show();
  }, signal);
  live.on("containers", show, signal);
  show();
  const filters = h("div", { class: "filters" }, searchField("Search containers", memory, show));
  return { title: "Stats", element: h("section", {}, head.node, filters, table.element) };
}

function row(id, samples) {
  const container = live.find("containers", id);
  return (
    container && {
      id,
      name: container.name,
      samples,
      sequence: container.sequence,
      now: samples.at(-1),
    }
  );
}

function nothing(samples) {
  if (!samples?.size && live.rows("containers").some(({ state }) => state === "running"))
    return "Measuring… Docker needs two looks, a second apart.";
  return samples?.size
    ? "No container matches the search."
    : "No container is running, so there is nothing to measure.";
}

const COLUMNS = [
  { name: "name", label: "Name", sort: ({ name }) => name, show: showName },
  {
    name: "cpu",
    label: "CPU",
    sort: ({ now }) => Math.round(now.cpu * 10),
    show: (td, { samples, now }) =>
      spark(td, percent(now.cpu), "CPU", [samples.map(({ cpu }) => cpu)], CPU_TOP),
  },
  {
    name: "memory",
    label: "Memory",
    sort: ({ now }) => now.memory,
    show: (td, { samples, now }) =>
      spark(td, bytes(now.memory), "Memory", [samples.map(({ memory: used }) => used)], MEMORY_TOP),
  },
  {
    name: "share",
    label: "of limit",
    sort: ({ now }) => share(now),
    show: (td, { now }) => put(td, now.limit ? percent(share(now)) : "–"),
  },
  {
    name: "network",
    label: "Network",
    sort: ({ now }) => now.down + now.up,
    show: (td, { samples, now }) =>
      spark(
        td,
        `${bytes(now.down)}/s in, ${bytes(now.up)}/s out`,
        "Network",
        [samples.map(({ down }) => down), samples.map(({ up }) => up)],
        NETWORK_TOP,
      ),
  },
];

function share({ memory: used, limit }) {
  return limit ? (100 * used) / limit : 0;
}

function showName(td, { id, name }) {
  const link = child(td, () => h("a", {}));
  put(link, name);
  mark(link, "href", `#/containers/${id}/stats`);
}

function spark(td, text, label, series, top) {
  if (!td.plot) {
    td.plot = plot(`${label} over the last minute`, SAMPLES, 28, series.length);
    td.words = h("span", { class: "number" });
    td.append(h("div", { class: "spark" }, td.words, td.plot.node));
  }
  put(td.words, text);
  td.plot.draw(series, top);
}

/** The pane with what one container uses. */
export class Usage {
  constructor(container, signal) {
    this.container = container;
    this.cards = [
      card("CPU", ({ cpu }) => [cpu], percent, CPU_TOP),
      card("Memory", ({ memory: used }) => [used], bytes, MEMORY_TOP),
      card(
        "Network in, out",
        ({ down, up }) => [down, up],
        (value) => `${bytes(value)}/s`,
        NETWORK_TOP,
      ),
    ];
    this.empty = h("p", { class: "empty" });
    const request = h(
      "p",
      { class: "request" },
      h("code", { text: `GET /containers/${container.name}/stats` }),
    );
    this.element = h(
      "div",
      { class: "usage" },
      request,
      this.empty,
      h("div", { class: "cards" }, ...this.cards.map(({ node }) => node)),
    );
    this.changed(container);
    usage((history) => this.#show(history.get(container.id)), signal);
  }

  changed(container) {
    this.container = container;
    const runs = container.state === "running" || container.state === "paused";
    this.empty.hidden = runs;
    put(
      this.empty,
      runs ? "" : "It does not run, so it uses nothing. Start it, and the plots begin.",
    );
  }

  #show(samples) {
    if (!samples) return;
    for (const one of this.cards) one.show(samples);
  }
}

function card(label, values, words, top) {
  const now = h("p", { class: "big", text: "–" });
  const more = h("p", { class: "note" });
  const most = h("span", { class: "note" });
  const lines = values({}).length;
  const drawing = plot(`${label} over the last minute`, SAMPLES, 90, lines);
  const node = h(
    "figure",
    { class: "card" },
    h("figcaption", {}, h("h2", { text: label }), now, more),
    most,
    drawing.node,
    h("div", { class: "axis" }, h("span", { text: "a minute ago" }), h("span", { text: "now" })),
  );
  const show = (samples) => {
    const latest = samples.at(-1);
    put(now, values(latest).map(words).join(", "));
    put(more, about(label, latest));
    put(
      most,
      words(
        drawing.draw(
          Array.from({ length: lines }, (_, index) =>
            samples.map((sample) => values(sample)[index]),
          ),
          top,
        ),
      ),
    );
  };
  return { node, show };
}

function about(label, { memory: used, limit, rx, tx }) {
  if (label === "Memory")
    return limit ? `${percent((100 * used) / limit)} of ${bytes(limit)}` : "no limit";
  if (label === "CPU") return "100 % is one core";
  return `${bytes(rx)} in, ${bytes(tx)} out since its start`;
}

/** The requests of the Engine API that this page has caused, newest first. */

import { asked, reason } from "./api.js";
import { h, mark, put } from "./element.js";
import { clock, matches, plural } from "./format.js";
import { heading, searchField } from "./page.js";
import { child, Table } from "./table.js";

const memory = { search: "", sort: "time", descending: true };
const COLUMNS = [
  {
    name: "time",
    label: "Time",
    sort: ({ id }) => Number(id),
    show: (td, { time }) => put(td, clock(time)),
  },
  { name: "engine", label: "Request", sort: ({ engine }) => engine, show: showRequest },
  { name: "status", label: "Answer", sort: ({ status }) => status, show: showStatus },
  {
    name: "took",
    label: "Took",
    sort: ({ took }) => took,
    show: (td, { took }) => put(td, `${Math.round(took)} ms`),
  },
];

/** The view of the requests. */
export function requests(_, signal) {
  const head = heading("Requests");
  const table = new Table("Requests", COLUMNS, memory, () => show());
  const show = () => {
    const rows = asked.rows.filter(({ engine, text = "", status }) =>
      matches(`${engine}\n${reason(status)}\n${text}`, memory.search),
    );
    head.say(plural(asked.rows.length, "request"));
    table.show(rows, {
      empty: asked.rows.length
        ? "No request matches the search."
        : "Nothing asked yet. Press a button, and see here which request of the Engine API it is.",
    });
  };
  asked.addEventListener("change", show, { signal });
  show();
  const filters = h("div", { class: "filters" }, searchField("Search requests", memory, show));
  return { title: "Requests", element: h("section", {}, head.node, filters, table.element) };
}

function showRequest(td, { engine, text }) {
  put(
    child(td, () => h("code", {})),
    engine,
  );
  if (text) put(td.children[1] ?? td.appendChild(h("p", { class: "more" })), text);
}

function showStatus(td, { status }) {
  const code = child(td, () => h("code", { class: "status" }));
  put(code, reason(status));
  mark(code, "data-kind", status && status < 400 ? "good" : "bad");
}

/** What happens in the engine, newest first. */

import { button, h, put } from "./element.js";
import { clock, matches, plural, short } from "./format.js";
import { live } from "./live.js";
import { heading, searchField } from "./page.js";
import { showCode } from "./cells.js";
import { child, Table } from "./table.js";

const SHOWN = 300;
const memory = { search: "", sort: "time", descending: true };

/** The view of the events; it can be paused, to read in peace. */
export function events(_, signal) {
  let held = null;
  const pause = button(
    "Pause",
    () => {
      held = held ? null : live.rows("events");
      show();
    },
    { icon: "pause" },
  );
  const head = heading("Events", pause);
  const table = new Table("Events", COLUMNS, memory, () => show());
  const show = () => {
    const every = held ?? live.rows("events");
    const rows = every.filter(found).slice(-SHOWN);
    head.say(
      held ? `paused; ${plural(missed(held), "new event")} since` : `the latest ${every.length}`,
    );
    put(pause.querySelector(".label"), held ? "Go on" : "Pause");
    pause.querySelector(".icon").className = `icon icon-${held ? "start" : "pause"}`;
    table.show(rows, {
      empty: every.length
        ? "No event matches the search."
        : "Nothing has happened since this page came. Start or stop a container, and see.",
    });
  };
  live.on("events", show, signal);
  show();
  const filters = h("div", { class: "filters" }, searchField("Search events", memory, show));
  return { title: "Events", element: h("section", {}, head.node, filters, table.element) };
}

function missed(held) {
  const last = Number(held.at(-1)?.id ?? 0);
  return live.rows("events").filter(({ id }) => Number(id) > last).length;
}

function found({ type, action, name, actor, attributes }) {
  return matches(
    [type, action, name, actor, ...Object.values(attributes)].join("\n"),
    memory.search,
  );
}

const COLUMNS = [
  {
    name: "time",
    label: "Time",
    sort: ({ time }) => time,
    show: (td, { time }) => put(td, clock(time)),
  },
  { name: "type", label: "Type", sort: ({ type }) => type, show: (td, { type }) => put(td, type) },
  {
    name: "action",
    label: "Action",
    sort: ({ action }) => action,
    show: (td, { action }) => put(td, action),
  },
  { name: "name", label: "Name", sort: ({ name }) => name, show: showName },
  { name: "more", label: "Attributes", show: showAttributes },
];

function showName(td, { type, actor, name }) {
  const text = name === actor ? short(name) : name;
  if (type === "container" && live.find("containers", actor)) {
    const link = child(td, () => h("a", {}));
    link.href = `#/containers/${actor}/logs`;
    put(link, text);
  } else put(td, text);
}

function showAttributes(td, { attributes }) {
  const text = Object.entries(attributes)
    .filter(([key]) => key !== "name")
    .map(([key, value]) => `${key}=${cut(value)}`)
    .join("  ");
  showCode(td, text);
}

/** Long ids cut short, as Docker itself does where people read them. */
function cut(value) {
  return String(value).replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, "$1");
}

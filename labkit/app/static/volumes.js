/** The volumes: create, look into, remove; and which containers use them. */

import { ask } from "./api.js";
import { createThing } from "./asks.js";
import { h, put } from "./element.js";
import { form } from "./form.js";
import { Inspect } from "./inspect.js";
import { live } from "./live.js";
import { Thing, Things } from "./things.js";
import { toast } from "./toast.js";
import { showAge, showCode } from "./cells.js";

const memory = { search: "", sort: "name", descending: false };

const COLUMNS = [
  {
    name: "driver",
    label: "Driver",
    sort: ({ driver }) => driver,
    show: (td, { driver }) => put(td, driver),
  },
  {
    name: "users",
    label: "Used by",
    sort: ({ name }) => users(name),
    show: (td, { name }) => put(td, users(name) || "none"),
  },
  {
    name: "mountpoint",
    label: "Where",
    sort: ({ mountpoint }) => mountpoint,
    show: (td, { mountpoint }) => showCode(td, mountpoint),
  },
  { name: "created", label: "Created", sort: ({ created }) => created, show: showAge },
];

function users(volume) {
  const found = live.rows("containers").filter(({ volumes: names }) => names.includes(volume));
  return found.map(({ name }) => name).join(", ");
}

/** The view of all volumes. */
export function volumes(_, signal) {
  return new Things(
    {
      kind: "volumes",
      noun: "volume",
      columns: COLUMNS,
      memory,
      create: askCreate,
      fixed: () => "",
      empty: "No volumes yet. A volume keeps data when its container is removed.",
    },
    signal,
  );
}

/** The view of one volume. */
export function volume([name], signal) {
  return new Thing("volumes", name, signal, (row) => {
    const inspect = new Inspect("volumes", row, signal);
    const used = h("p", {
      class: "intro",
      text: users(row.name) ? `Used by ${users(row.name)}.` : "No container uses it.",
    });
    return { element: h("div", {}, used, inspect.element), changed: () => inspect.again() };
  });
}

function askCreate() {
  const fields = [
    {
      name: "name",
      label: "Name",
      hint: "Such as data. Mount it with data:/folder.",
      props: { required: true },
    },
  ];
  form("Create a volume", fields, "Create", async (values) => {
    const wanted = createThing("volumes", values);
    await ask(wanted);
    toast({ text: `Created the volume ${values.name}.`, engine: wanted.engine, status: 201 });
  });
}

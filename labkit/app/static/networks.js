/** The networks: create, look into, connect, remove. */

import { ask } from "./api.js";
import { say } from "./actions.js";
import { createThing, join } from "./asks.js";
import { button, enable, h, mark, put } from "./element.js";
import { form } from "./form.js";
import { Inspect } from "./inspect.js";
import { live } from "./live.js";
import { child } from "./table.js";
import { Thing, Things } from "./things.js";
import { toast } from "./toast.js";

const memory = { search: "", sort: "name", descending: false };

const COLUMNS = [
  {
    name: "driver",
    label: "Driver",
    sort: ({ driver }) => driver,
    show: (td, { driver, internal }) => put(td, internal ? `${driver}, internal` : driver),
  },
  {
    name: "subnets",
    label: "Subnet",
    sort: ({ subnets }) => subnets.join(),
    show: (td, { subnets }) =>
      put(
        child(td, () => h("code", {})),
        subnets.join(", "),
      ),
  },
  {
    name: "users",
    label: "Containers",
    sort: ({ name }) => users(name).length,
    show: (td, { name }) =>
      put(
        td,
        users(name)
          .map((one) => one.name)
          .join(", ") || "none",
      ),
  },
];

function users(network) {
  return live.rows("containers").filter(({ networks: names }) => names.includes(network));
}

/** The view of all networks. */
export function networks(_, signal) {
  return new Things(
    {
      kind: "networks",
      noun: "network",
      columns: COLUMNS,
      memory,
      create: askCreate,
      fixed: ({ own }) => (own ? "" : "Docker’s own: nobody can remove it"),
      empty: "No networks.",
    },
    signal,
  );
}

/** The view of one network. */
export function network([id], signal) {
  return new Thing("networks", id, signal, (row) => new Network(row, signal));
}

/** What is connected to a network, and its inspect. */
class Network {
  constructor(row, signal) {
    this.row = row;
    this.list = h("ul", { class: "joined" });
    this.choice = h("select", { "aria-label": "Which container to connect" });
    this.connect = button("Connect", () => this.#connect(), { icon: "link" });
    this.inspect = new Inspect("networks", row, signal);
    const card = h(
      "section",
      { class: "card" },
      h("h2", { text: "Connected containers" }),
      this.list,
      h("div", { class: "filters" }, this.choice, this.connect),
    );
    this.element = h("div", {}, card, h("h2", { text: "Inspect" }), this.inspect.element);
    live.on("containers", () => this.changed(), signal);
    live.on("state", () => this.changed(), signal);
    this.changed();
  }

  changed() {
    const inside = users(this.row.name);
    const key = JSON.stringify([
      inside.map(({ id, name }) => [id, name]),
      live.rows("containers").map(({ id, name }) => [id, name]),
      live.usable,
    ]);
    if (key === this.key) return;
    this.key = key;
    this.#showInside(inside);
    this.#showOthers(new Set(inside.map(({ id }) => id)));
    this.inspect.again();
  }

  #showInside(inside) {
    const items = inside.map((one) => {
      const leave = button("Disconnect", () => this.#join("disconnect", one), {
        kind: "small",
        "aria-label": `Disconnect ${one.name}`,
      });
      enable(leave, live.usable);
      return h("li", {}, h("a", { href: `#/containers/${one.id}/inspect`, text: one.name }), leave);
    });
    this.list.replaceChildren(
      ...(items.length ? items : [h("li", { class: "note", text: "None." })]),
    );
  }

  #showOthers(inside) {
    const chosen = this.choice.value;
    const others = live.rows("containers").filter(({ id }) => !inside.has(id));
    this.choice.replaceChildren(
      ...others.map(({ id, name }) =>
        h("option", { value: id, text: name, selected: id === chosen }),
      ),
    );
    mark(this.choice, "disabled", others.length ? null : "");
    enable(this.connect, live.usable && others.length > 0);
  }

  #connect() {
    const container = live.find("containers", this.choice.value);
    if (container) this.#join("connect", container);
  }

  async #join(action, container) {
    const wanted = join(action, this.row, container);
    try {
      await ask(wanted);
      const done =
        action === "connect"
          ? `Connected ${container.name} to`
          : `Disconnected ${container.name} from`;
      toast({ text: `${done} ${this.row.name}.`, engine: wanted.engine, status: 200 });
    } catch (error) {
      say(error, wanted);
    }
  }
}

function askCreate() {
  const fields = [
    {
      name: "name",
      label: "Name",
      hint: "Such as backend. Containers on it find each other by name.",
      props: { required: true },
    },
    {
      name: "driver",
      label: "Driver",
      type: "select",
      options: [
        ["bridge", "bridge: on this machine"],
        ["macvlan", "macvlan: an address on your LAN"],
        ["overlay", "overlay: across machines (Swarm)"],
      ],
      value: "bridge",
    },
    { name: "subnet", label: "Subnet", hint: "Such as 172.30.0.0/24. Empty: Docker chooses one." },
    { name: "internal", label: "Internal: no way out", type: "check" },
  ];
  form("Create a network", fields, "Create", async (values) => {
    const wanted = createThing("networks", values);
    await ask(wanted);
    toast({ text: `Created the network ${values.name}.`, engine: wanted.engine, status: 201 });
  });
}

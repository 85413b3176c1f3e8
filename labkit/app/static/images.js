/** The images: pull one, build one, make a container of one, remove one. */

import { ask } from "./api.js";
import { build, pull, removeImage } from "./asks.js";
import { create } from "./create.js";
import { button, enable, h, iconButton, mark, put, usable } from "./element.js";
import { form } from "./form.js";
import { bytes, matches, plural, short } from "./format.js";
import { follow, jobs } from "./jobs.js";
import { live } from "./live.js";
import { heading, searchField } from "./page.js";
import { child, Table } from "./table.js";
import { toast } from "./toast.js";
import { showAge } from "./cells.js";

const memory = { search: "", sort: "name", descending: false };
const DOCKERFILE =
  'FROM busybox\nRUN echo "Built by hand" > /hello.txt\nCMD ["cat", "/hello.txt"]\n';
const PULLED =
  "The engine itself asks the registry. Where it can reach none, build an image instead.";
const BUILT =
  "The output’s last lines say which step failed. The steps before it are kept, so the next build is quicker.";

/** The view of all images. */
export function images(_, signal) {
  const tools = [
    button("Pull", askPull, { icon: "download" }),
    button("Build", askBuild, { icon: "build", kind: "primary" }),
  ];
  const head = heading("Images", ...tools);
  const table = new Table("Images", COLUMNS, memory, () => show());
  const show = () => {
    const every = live.rows("images");
    const rows = every.filter(({ id, name, tags }) =>
      matches([id, name, ...tags].join("\n"), memory.search),
    );
    head.say(
      live.loaded("images")
        ? `${plural(every.length, "image")}, ${bytes(every.reduce((sum, { size }) => sum + size, 0))}`
        : "",
    );
    table.show(rows, {
      empty: every.length
        ? "No image matches the search."
        : "No images yet. “Pull” fetches one from a registry, “Build” makes one.",
      look: live.usable,
    });
    for (const one of tools) enable(one, live.usable);
  };
  table.body.addEventListener("click", (event) => press(event, table));
  live.on("images", show, signal);
  live.on("state", show, signal);
  show();
  const filters = h("div", { class: "filters" }, searchField("Search images", memory, show));
  return { title: "Images", element: h("section", {}, head.node, jobs, filters, table.element) };
}

const COLUMNS = [
  { name: "name", label: "Name", sort: ({ name }) => name, show: showNames },
  {
    name: "id",
    label: "Id",
    show: (td, { id }) =>
      put(
        child(td, () => h("code", {})),
        short(id),
      ),
  },
  {
    name: "size",
    label: "Size",
    sort: ({ size }) => size,
    show: (td, { size }) => put(td, bytes(size)),
  },
  { name: "created", label: "Created", sort: ({ created }) => created, show: showAge },
  { name: "actions", label: "Actions", bare: true, show: showActions },
];

function showNames(td, { name, tags }) {
  const names = tags.length ? tags : [`${name} (no name)`];
  if (td.dataset.names === names.join()) return;
  td.dataset.names = names.join();
  td.replaceChildren(...names.map((text) => h("span", { class: "tag", text })));
}

function showActions(td, { name }) {
  const box = child(td, () =>
    h(
      "div",
      { class: "actions" },
      iconButton("add", "", { "data-action": "create" }),
      iconButton("remove", "", { "data-action": "remove" }),
    ),
  );
  for (const [node, words] of [
    [box.children[0], `Create a container from ${name}`],
    [box.children[1], `Remove ${name}`],
  ]) {
    mark(node, "aria-label", words);
    mark(node, "title", words);
    enable(node, live.usable);
  }
}

function press(event, table) {
  const pressed = event.target.closest("button[data-action]");
  const image = live.find("images", table.idOf(event.target));
  if (!pressed || !image || !usable(pressed)) return;
  if (pressed.dataset.action === "create") create(image.name);
  else askRemoval(image);
}

function askRemoval({ name, tags }) {
  const last = tags.length < 2;
  const intro = h("p", {
    class: "intro",
    text: last
      ? "Its layers go too, unless another image has them."
      : `It has ${tags.length} names; this takes away one.`,
  });
  const field = {
    name: "force",
    type: "check",
    label: "Force: also if a stopped container was made of it",
    hint: "Without this, Docker refuses (409 Conflict) while any container uses it.",
  };
  form(
    `Remove ${name}?`,
    [field],
    "Remove",
    async (options) => {
      const wanted = removeImage(name, options);
      await ask(wanted);
      toast({ text: `Removed ${name}.`, engine: wanted.engine, status: 200 });
    },
    { danger: true, intro },
  );
}

function askPull() {
  const field = {
    name: "image",
    label: "Image",
    hint: "Such as alpine, nginx:1.27 or ghcr.io/owner/name:tag.",
    props: { required: true },
  };
  form("Pull an image", [field], "Pull", ({ image }) =>
    begin(pull(image.trim()), `Pull ${image.trim()}`, PULLED),
  );
}

function askBuild() {
  const fields = [
    {
      name: "tag",
      label: "Name",
      hint: "Such as mine:1.",
      value: "mine:1",
      props: { required: true },
    },
    {
      name: "dockerfile",
      label: "Dockerfile",
      type: "area",
      value: DOCKERFILE,
      hint: "RUN needs what it runs in the image; COPY has nothing to copy here.",
      props: { class: "mono", rows: 9 },
    },
  ];
  form(
    "Build an image",
    fields,
    "Build",
    ({ dockerfile, tag }) => begin(build(dockerfile, tag.trim()), `Build ${tag.trim()}`, BUILT),
    { kind: "wide" },
  );
}

async function begin(wanted, title, hint) {
  const { job } = await ask(wanted);
  follow(job, title, wanted.engine, hint);
}

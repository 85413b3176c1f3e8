/** The dialog that creates a container, as `docker run` would. */

import { ask } from "./api.js";
import { create as creation } from "./asks.js";
import { form } from "./form.js";
import { live } from "./live.js";
import { toast } from "./toast.js";

const RESTART = [
  ["no", "Never (no)"],
  ["on-failure", "When it fails (on-failure)"],
  ["unless-stopped", "Always, unless I stop it (unless-stopped)"],
  ["always", "Always (always)"],
];

/** Open the dialog; `image` is filled in where it is given. */
export function create(image) {
  const images = live.rows("images").flatMap(({ tags }) => tags);
  form(
    "Create a container",
    fields(typeof image === "string" ? image : "", images),
    "Create",
    submit,
    { kind: "columns" },
  );
}

function fields(image, images) {
  return [
    {
      name: "image",
      label: "Image",
      value: image,
      options: images,
      hint: "One that the engine has, such as busybox.",
      props: { required: true },
    },
    { name: "name", label: "Name", hint: "Empty: Docker makes one up." },
    {
      name: "command",
      label: "Command",
      hint: "As in a shell: sh -c 'echo hello'. Empty: the image's own.",
      props: { class: "mono" },
    },
    { name: "restart", label: "Restart it", type: "select", options: RESTART, value: "no" },
    {
      name: "ports",
      label: "Ports",
      type: "area",
      hint: "OUTSIDE:INSIDE, such as 8080:80.",
      props: { class: "mono" },
    },
    {
      name: "env",
      label: "Environment",
      type: "area",
      hint: "KEY=value, one a line.",
      props: { class: "mono" },
    },
    {
      name: "mounts",
      label: "Mounts",
      type: "area",
      hint: "VOLUME:/folder, with :ro for read-only.",
      props: { class: "mono" },
    },
    {
      name: "start",
      label: "Start it at once",
      type: "check",
      value: true,
      hint: "Two requests: one creates, one starts.",
    },
  ];
}

async function submit(values) {
  const wanted = creation(values);
  const made = await ask(wanted).catch((error) => {
    throw error.status === 404 ? noImage(error) : error;
  });
  const started = made.started ? " and started" : "";
  toast({
    text: `Created${started} ${made.name}.`,
    engine: wanted.engine,
    status: 201,
    lines: [
      ...(made.warnings ?? []),
      ...(made.started ? [`POST /containers/${made.name}/start → 204 No Content`] : []),
    ],
  });
}

function noImage(error) {
  error.field = "image";
  error.hint = "Pull or build it first, in Images; or choose one of the list.";
  return error;
}

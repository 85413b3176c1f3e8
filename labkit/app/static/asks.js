/** What can be asked, each with the Engine API request that it is: the page shows both. */

const part = encodeURIComponent;
const inPath = (name) => String(name).split("/").map(part).join("/");

/** Seconds between SIGTERM and SIGKILL when a container is stopped. Docker's own default is 10. */
const PATIENCE = 1;

const CONTAINER = {
  start: ["start", ""],
  stop: [`stop?t=${PATIENCE}`, `?timeout=${PATIENCE}`],
  restart: [`restart?t=${PATIENCE}`, `?timeout=${PATIENCE}`],
  pause: ["pause", ""],
  unpause: ["unpause", ""],
  kill: ["kill", ""],
};

const HARMLESS = new Set(["start", "stop"]); // done twice is done once

/** `start`, `stop`, `restart`, `pause`, `unpause` or `kill` a container. */
export function act(action, { id, name }) {
  const [request, query] = CONTAINER[action];
  return {
    method: "POST",
    path: `/api/containers/${part(id)}/${action}${query}`,
    engine: `POST /containers/${name}/${request}`,
    success: 204,
    harmless: HARMLESS.has(action),
  };
}

/** Remove a container. */
export function remove({ id, name }, { force = false, volumes = false } = {}) {
  const ours = query({ force, volumes });
  return {
    method: "DELETE",
    path: `/api/containers/${part(id)}${ours}`,
    engine: `DELETE /containers/${name}${query({ force, v: volumes })}`,
    success: 204,
  };
}

/** Create a container, and start it if `form.start` says so. */
export function create(form) {
  const named = form.name ? `?name=${form.name}` : "";
  return {
    method: "POST",
    path: "/api/containers",
    body: form,
    engine: `POST /containers/create${named}`,
    success: 201,
  };
}

/** All that the engine knows of a container, a network or a volume. */
export function inspect(kind, { id, name }) {
  const engine = { containers: `/containers/${name}/json` }[kind] ?? `/${kind}/${name}`;
  return {
    method: "GET",
    path: `/api/${kind}/${part(id)}`,
    engine: `GET ${engine}`,
  };
}

/** Pull an image, in a job of its own. */
export function pull(image) {
  return {
    method: "POST",
    path: "/api/images/pull",
    body: { image },
    engine: `POST /images/create?fromImage=${image}`,
  };
}

/** Build an image from the text of a Dockerfile, in a job of its own. */
export function build(dockerfile, tag) {
  return {
    method: "POST",
    path: "/api/images/build",
    body: { dockerfile, tag },
    engine: `POST /build?t=${tag}`,
  };
}

/** Remove an image: its name, and the image itself when that was its last one. */
export function removeImage(name, { force = false } = {}) {
  return {
    method: "DELETE",
    path: `/api/images/${inPath(name)}${query({ force })}`,
    engine: `DELETE /images/${name}${query({ force })}`,
  };
}

/** Create a network or a volume. */
export function createThing(kind, form) {
  return {
    method: "POST",
    path: `/api/${kind}`,
    body: form,
    engine: `POST /${kind}/create`,
    success: 201,
  };
}

/** Remove a network or a volume. */
export function removeThing(kind, { id, name }) {
  return {
    method: "DELETE",
    path: `/api/${kind}/${part(id)}`,
    engine: `DELETE /${kind}/${name}`,
    success: 204,
  };
}

/** `connect` a container to a network, or `disconnect` it. */
export function join(action, network, container) {
  return {
    method: "POST",
    path: `/api/networks/${part(network.id)}/${action}`,
    body: { container: container.id },
    engine: `POST /networks/${network.name}/${action}`,
  };
}

function query(flags) {
  const set = Object.entries(flags)
    .filter(([, on]) => on)
    .map(([name]) => `${name}=true`);
  return set.length ? `?${set.join("&")}` : "";
}

/** Requests to the app's server, and what came of each. */

const REASONS = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  422: "Unprocessable Content",
  500: "Server Error",
  503: "Service Unavailable",
};
const KEPT = 200;
const REPEATS = 3;
const PAUSE = 250; // milliseconds

/** What the page has asked of the engine, newest last; `Requests` shows it. */
export const asked = new EventTarget();
asked.rows = [];
let number = 0;

/** A request that was refused. `status` is 0 when nobody answered. */
export class Refused extends Error {
  constructor(status, message, hint = "", field = "") {
    super(message);
    this.status = status;
    this.hint = hint;
    this.field = field;
  }
}

/** A status with its name: `409 Conflict`. */
export function reason(status) {
  return status ? `${status} ${REASONS[status] ?? ""}`.trim() : "no answer";
}

/**
 * Send a request and return the JSON that is answered.
 *
 * A browser cuts its connections when the machine's network changes, and starting an engine
 * changes it. What does no harm when it is done twice is then sent again.
 * @throws {Refused} it is refused, or nobody answers
 */
export async function call(method, path, body, { harmless = method !== "POST" } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Labkit"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
  const { answer, repeated } = await send(path, options, harmless ? REPEATS : 0);
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return repeated && found.changed === false ? { ...found, changed: true } : found;
  if (repeated && method === "DELETE" && answer.status === 404) return { changed: true };
  throw refused(answer.status, found);
}

async function send(path, options, repeats) {
  for (let left = repeats; ; left -= 1) {
    try {
      return { answer: await fetch(path, options), repeated: left < repeats };
    } catch {
      if (left <= 0) throw cutOff(repeats);
      await new Promise((go) => setTimeout(go, PAUSE));
    }
  }
}

function cutOff(repeats) {
  if (repeats)
    return new Refused(0, "The app’s server does not answer.", "Does labkit app still run?");
  const hint = "Look whether it was done. If nothing changes any more: does labkit app still run?";
  return new Refused(0, "The connection was cut before the answer came.", hint);
}

function refused(status, found) {
  const message = found.error ?? `The server answers ${reason(status)}.`;
  return new Refused(status, String(message), String(found.hint ?? ""), String(found.field ?? ""));
}

/**
 * Ask something of the engine, and note the request that this is in the Engine API.
 * @param {object} ask - `method`, `path` and `body` of ours; `engine` the Engine API's request;
 *   `success` the status with which Docker answers it; `harmless` that it can be sent twice
 */
export async function ask({ method, path, body, engine, success = 200, harmless }) {
  const begun = performance.now();
  const row = { id: String((number += 1)), time: Date.now() / 1000, engine };
  try {
    const found = await call(method, path, body, { harmless });
    note({
      ...row,
      status: found.changed === false ? 304 : success,
      took: performance.now() - begun,
    });
    return found;
  } catch (error) {
    note({ ...row, status: error.status, took: performance.now() - begun, text: error.message });
    throw error;
  }
}

function note(row) {
  asked.rows.push(row);
  if (asked.rows.length > KEPT) asked.rows.shift();
  asked.dispatchEvent(new Event("change"));
}

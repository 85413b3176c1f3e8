/** What is done to containers: to one, or to many at once, and what came of it. */

import { ask } from "./api.js";
import { act, remove } from "./asks.js";
import { h } from "./element.js";
import { form } from "./form.js";
import { plural } from "./format.js";
import { toast } from "./toast.js";

/** The actions on a row: name, words. Pause and unpause share a button. */
export const ACTIONS = [
  ["start", "Start"],
  ["stop", "Stop"],
  ["restart", "Restart"],
  ["pause", "Pause"],
  ["unpause", "Unpause"],
  ["kill", "Kill"],
  ["remove", "Remove"],
];
const DONE = {
  start: ["Started", "was already running"],
  stop: ["Stopped", "was already stopped"],
  restart: ["Restarted", ""],
  pause: ["Paused", ""],
  unpause: ["Unpaused", ""],
  kill: ["Killed", ""],
  remove: ["Removed", ""],
};
const TOGETHER = 4;
const EACH = { id: "", name: "{name}" }; // stands for many in a request that is shown

/** Do something to one container, and say what came of it. */
export async function perform(action, container) {
  if (action === "remove") return removal([container]);
  await told(act(action, container), action, container);
}

async function told(wanted, action, container) {
  const [done, same] = DONE[action];
  try {
    const { changed } = await ask(wanted);
    const text = changed === false ? `${container.name} ${same}.` : `${done} ${container.name}.`;
    const kind = changed === false ? "same" : "good";
    toast({ kind, text, engine: wanted.engine, status: changed === false ? 304 : wanted.success });
  } catch (error) {
    say(error, wanted);
  }
}

/** Say why a request was refused, in Docker's own words. */
export function say(error, { engine } = {}) {
  toast({ kind: "bad", text: error.message, hint: error.hint, engine, status: error.status });
}

/** Do something to many containers, a few at a time, and sum up what came of it. */
export async function performAll(action, containers) {
  if (action === "remove") return removal(containers);
  const results = await each(containers, (one) => ask(act(action, one)));
  sumUp(action, containers, results, act(action, EACH));
}

async function each(containers, deed) {
  const left = [...containers];
  const results = new Map();
  const worker = async () => {
    for (let one = left.shift(); one; one = left.shift()) {
      results.set(one, await deed(one).catch((error) => error));
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  return results;
}

function sumUp(action, containers, results, wanted, hint = "") {
  const [done, already] = DONE[action];
  const refused = containers.filter((one) => results.get(one) instanceof Error);
  const same = containers.filter((one) => results.get(one).changed === false);
  const changed = containers.length - refused.length - same.length;
  const parts = [`${done} ${plural(changed, "container")}`];
  if (same.length) parts.push(`${same.length} ${already}`);
  if (refused.length) parts.push(`${refused.length} refused`);
  toast({
    kind: refused.length ? "bad" : "good",
    text: `${parts.join(", ")}.`,
    lines: refused.map((one) => `${one.name}: ${results.get(one).message}`),
    hint: refused.length ? hint : "",
    engine: wanted.engine,
    status: refused.length ? results.get(refused[0]).status : wanted.success,
  });
}

/** Ask before a removal: with force or without, with the anonymous volumes or without. */
function removal(containers) {
  const one = containers.length === 1;
  const name = one ? containers[0].name : plural(containers.length, "container");
  const running = containers.filter(({ state }) => state === "running" || state === "paused");
  form(
    `Remove ${name}?`,
    [
      {
        name: "force",
        type: "check",
        label: "Force: kill it first if it runs",
        hint: "Without this, Docker refuses (409 Conflict) to remove a running container.",
      },
      {
        name: "volumes",
        type: "check",
        label: "Remove its anonymous volumes too",
        hint: "Volumes that have a name stay in any case.",
      },
    ],
    "Remove",
    (options) => (one ? removeOne(containers[0], options) : removeMany(containers, options)),
    { danger: true, intro: warning(running, one) },
  );
}

function warning(running, one) {
  const some = one ? "It runs now." : `${running.length} of them run now.`;
  const text = "What a container has written is gone with it.";
  return h("p", { class: "intro", text: running.length ? `${some} ${text}` : text });
}

async function removeOne(container, options) {
  const wanted = remove(container, options);
  try {
    await ask(wanted);
  } catch (error) {
    // the dialog stays open with Docker's words; a tick at Force and another press do it
    if (error.status === 409 && !options.force) {
      error.message = `Docker answers 409 Conflict: “${error.message}”`;
      error.hint = "Stop the container first, or tick Force, which kills it.";
      error.field = "force";
    }
    throw error;
  }
  toast({ text: `Removed ${container.name}.`, engine: wanted.engine, status: 204 });
}

async function removeMany(containers, options) {
  const results = await each(containers, (one) => ask(remove(one, options)));
  const hint = options.force ? "" : "With Force, what runs is killed first.";
  sumUp("remove", containers, results, remove(EACH, options), hint);
}

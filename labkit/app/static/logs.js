/** What a container writes, as it writes it. */

import { pieces } from "./ansi.js";
import { button, h, mark, put } from "./element.js";
import { plural } from "./format.js";
import { live } from "./live.js";
import { checkbox, searchField } from "./page.js";

const KEPT = 5000; // lines on the page
const NEAR = 24; // pixels from the end that still count as the end
const RETRY = 1000; // milliseconds
const TAILS = ["100", "200", "1000", "5000"];
const memory = { search: "", follow: true, timestamps: false, tail: "200" };

/** The pane with a container's log. */
export class Logs {
  #lines = []; // {line, text, node}
  #waiting = [];
  #source = null;
  #timer = 0;
  #known = new Set(); // lines from before a cut
  #follows = true; // the end of the log is in sight

  constructor(container, signal) {
    this.container = container;
    this.signal = signal;
    this.note = h("span", { class: "note", role: "status" });
    this.box = h("div", {
      class: "log",
      tabindex: "0",
      role: "log",
      "aria-live": "off",
      "aria-label": `Log of ${container.name}`,
    });
    this.empty = h("p", { class: "empty" });
    this.down = button("To the end", () => this.#toEnd(), { icon: "down", kind: "small down" });
    this.down.hidden = true;
    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element = h(
      "div",
      { class: "logs" },
      this.#tools(),
      this.request,
      h("div", { class: "logbox" }, this.box, this.empty, this.down),
    );
    signal.addEventListener("abort", () => this.#close());
    this.#open();
  }

  /** The container has changed: one that runs again writes again. */
  changed(container) {
    const woke = container.state === "running" && this.container.state !== "running";
    this.container = container;
    if (woke && memory.follow && !this.#source) this.#open();
    this.#say();
  }

  #tools() {
    const tail = h(
      "select",
      {
        "aria-label": "How many lines from before",
        on: {
          change: () => {
            memory.tail = tail.value;
            this.#open();
          },
        },
      },
      ...TAILS.map((value) =>
        h("option", { value, text: `Last ${value}`, selected: value === memory.tail }),
      ),
    );
    this.link = h(
      "a",
      { class: "button", download: `${this.container.name}.log` },
      h("span", { class: "icon icon-download", "aria-hidden": "true" }),
      "Download",
    );
    this.request = h("p", { class: "request" }, h("code"));
    return h(
      "div",
      { class: "filters" },
      searchField("Search this log", memory, () => this.#searched()),
      checkbox("Follow", memory.follow, (on) => this.#setFollow(on)),
      checkbox("Timestamps", memory.timestamps, (on) => {
        memory.timestamps = on;
        this.#stamp();
      }),
      tail,
      this.link,
      this.note,
    );
  }

  /** Without following, what is there stays; with it, the log begins anew, for lines were missed. */
  #setFollow(on) {
    memory.follow = on;
    if (on) return this.#open();
    this.#close();
    this.#stamp();
    this.#say();
  }

  #open() {
    this.#close();
    this.#clear();
    this.#stamp();
    this.ended = "";
    this.failed = "";
    if (memory.follow) this.#listen();
    else this.#read();
    this.#say();
  }

  #listen() {
    const { id } = this.container;
    const source = new EventSource(
      `/api/containers/${encodeURIComponent(id)}/logs/stream?tail=${memory.tail}`,
    );
    this.#source = source;
    this.#known = new Set(this.#lines.map(keyOf));
    source.addEventListener("lines", (event) => this.#take(JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      this.ended = String(JSON.parse(event.data).reason ?? "");
      source.close();
      this.#source = null;
      this.#say();
    });
    source.addEventListener("error", () => {
      source.close();
      this.#timer = setTimeout(() => this.#again(source), RETRY);
    });
  }

  #again(source) {
    if (source !== this.#source || this.signal.aborted) return;
    const exists = live.find("containers", this.container.id);
    if (live.usable && exists) this.#listen();
    else if (live.usable) this.#source = null;
    else this.#timer = setTimeout(() => this.#again(source), RETRY);
  }

  async #read() {
    const path = `/api/containers/${encodeURIComponent(this.container.id)}/logs?tail=${memory.tail}&timestamps=true`;
    try {
      const answer = await fetch(path);
      const text = await answer.text();
      if (!answer.ok) throw new Error(JSON.parse(text).error);
      if (this.signal.aborted || memory.follow) return;
      this.#take(text.split("\n").filter(Boolean).map(stamped));
    } catch (error) {
      this.failed = error.message;
    }
    this.#say();
  }

  #take(told) {
    // after a cut the stream begins with lines that are here already
    const lines = told.filter((line) => !this.#known.delete(keyOf(line)));
    if (!lines.length) return;
    if (!this.#waiting.length) requestAnimationFrame(() => this.#append());
    this.#waiting.push(...lines.slice(-KEPT));
    if (this.#waiting.length > KEPT) this.#waiting.splice(0, this.#waiting.length - KEPT);
  }

  #append() {
    const fresh = this.#waiting.map((line) => made(line));
    this.#waiting = [];
    for (const one of fresh) look(one);
    this.box.append(...fresh.map(({ node }) => node));
    this.#lines.push(...fresh);
    const over = this.#lines.length - KEPT;
    if (over > 0) for (const { node } of this.#lines.splice(0, over)) node.remove();
    if (this.#follows) this.#toEnd();
    this.#say();
  }

  #searched() {
    for (const one of this.#lines) look(one);
    if (this.#follows) this.#toEnd();
    this.#say();
  }

  #stamp() {
    this.box.classList.toggle("stamped", memory.timestamps);
    const { id, name } = this.container;
    this.link.href = `/api/containers/${encodeURIComponent(id)}/logs?tail=${KEPT}&download=true&timestamps=${memory.timestamps}`;
    const query = `stdout=true&stderr=true&tail=${memory.tail}${memory.follow ? "&follow=true" : ""}${memory.timestamps ? "&timestamps=true" : ""}`;
    put(this.request.firstChild, `GET /containers/${name}/logs?${query}`);
    if (this.#follows) this.#toEnd();
  }

  #say() {
    const shown = this.#lines.filter(({ node }) => !node.hidden).length;
    const some =
      shown === this.#lines.length
        ? plural(shown, "line")
        : `${shown} of ${this.#lines.length} lines`;
    put(this.note, `${some} · ${this.#doing()}`);
    this.empty.hidden = shown > 0;
    put(this.empty, this.failed || this.#nothing());
    mark(this.box, "data-following", this.#source ? "true" : null);
  }

  #doing() {
    if (this.#source) return "following";
    return memory.follow ? `ended${this.ended ? `: ${this.ended}` : ""}` : "not following";
  }

  #nothing() {
    if (this.#lines.length) return "No line matches the search.";
    if (this.container.state === "created")
      return "It was never started, so it has written nothing.";
    return "It has written nothing yet. Programs that write to files instead of stdout show nothing here.";
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.box;
    this.#follows = scrollHeight - scrollTop - clientHeight < NEAR;
    this.down.hidden = this.#follows;
  }

  #toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
    this.#follows = true;
    this.down.hidden = true;
  }

  #clear() {
    this.#lines = [];
    this.#waiting = [];
    this.box.replaceChildren();
    this.#follows = true;
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }
}

function made({ stream, time, text }) {
  const node = h("div", { class: "line", "data-stream": stream });
  const parts = pieces(text);
  return { node, parts, stream, time, text, plain: parts.map((part) => part.text).join("") };
}

function keyOf({ stream, time, text }) {
  return `${stream} ${time} ${text}`;
}

/** Show a line: what was searched for is marked, and lines without it are hidden. */
function look({ node, parts, time, plain }) {
  const places = found(plain, memory.search);
  node.hidden = places === null;
  const children = [h("time", { text: String(time ?? "").slice(0, 23) })];
  let from = 0;
  for (const { text, look: kind } of parts) {
    const marked = cut(text, from, places ?? []);
    children.push(...(kind ? [h("span", { class: kind }, ...marked)] : marked));
    from += text.length;
  }
  node.replaceChildren(...children, "\n");
}

/** Where each word of a search stands in a text, or null when one of them is not in it. */
function found(text, words) {
  const within = text.toLowerCase();
  const places = [];
  for (const word of words.toLowerCase().split(/\s+/).filter(Boolean)) {
    let at = within.indexOf(word);
    if (at < 0) return null;
    for (; at >= 0; at = within.indexOf(word, at + word.length))
      places.push([at, at + word.length]);
  }
  return places.sort(([a], [b]) => a - b);
}

/** Cut a piece of a line, which begins at `from`, at the marks. */
function cut(text, from, places) {
  const cutted = [];
  let at = 0;
  for (const [begin, end] of places) {
    const [left, right] = [Math.max(begin - from, at), Math.min(end - from, text.length)];
    if (left >= right) continue;
    cutted.push(text.slice(at, left), h("mark", { text: text.slice(left, right) }));
    at = right;
  }
  return [...cutted, text.slice(at)].filter((part) => part !== "");
}

function stamped(line) {
  const [, time, text] = /^(\S+T\S+Z) ?(.*)$/s.exec(line) ?? ["", "", line];
  return { stream: "stdout", time, text };
}

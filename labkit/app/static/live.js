/** What the engine has, kept up to date by one stream of server-sent events. */

import { call } from "./api.js";

const TOPICS = ["containers", "images", "networks", "volumes", "events"];
const EVENTS_KEPT = 500;
const RETRY = 1000; // milliseconds
const HIDDEN = 30_000; // milliseconds after which a page that nobody sees lets its stream go

class Live {
  /** `connecting`, `live`, `away` (the engine), `gone` (the app's server) or `locked` (no token) */
  state = "connecting";
  why = "";
  engine = null;
  #rows = new Map(TOPICS.map((topic) => [topic, new Map()]));
  #loaded = new Set();
  #listeners = new Map();
  #dirty = new Set();
  #source = null;
  #timer = 0;
  #sequence = 0;

  /** Open the stream, and keep it open while somebody looks. */
  start() {
    document.addEventListener("visibilitychange", () => this.#look());
    this.#open();
  }

  /** Whether a button that asks something of the engine would get an answer. */
  get usable() {
    return this.state === "live";
  }

  /** Whether the topic has come at all. */
  loaded(topic) {
    return this.#loaded.has(topic);
  }

  /** The rows of a topic, in the order in which they came. */
  rows(topic) {
    return [...this.#rows.get(topic).values()];
  }

  /** The row of that id. */
  find(topic, id) {
    return this.#rows.get(topic).get(id);
  }

  /** Call `listener` in the frame after a topic, or `state`, has changed, until `signal` aborts. */
  on(topic, listener, signal) {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    signal?.addEventListener("abort", () => listeners.delete(listener));
  }

  #open() {
    clearTimeout(this.#timer);
    this.#source?.close();
    const source = new EventSource("/api/live");
    this.#source = source;
    const take = (name, taken) =>
      source.addEventListener(name, (event) => taken.call(this, JSON.parse(event.data)));
    take("load", this.#load);
    take("put", this.#put);
    take("drop", this.#drop);
    take("away", ({ why }) => this.#become("away", why));
    source.addEventListener("error", () => this.#lost(source));
  }

  async #lost(source) {
    if (source !== this.#source) return;
    source.close();
    // an EventSource does not tell why: ask the server itself
    const status = await call("GET", "/api/engine").then(
      () => 200,
      (error) => error.status,
    );
    if (source !== this.#source) return;
    if (status === 401) return this.#become("locked");
    if (status === 0) this.#become("gone");
    this.#timer = setTimeout(() => this.#open(), RETRY);
  }

  #look() {
    clearTimeout(this.#timer);
    if (document.hidden) {
      this.#timer = setTimeout(() => this.#rest(), HIDDEN);
    } else if (this.#source?.readyState !== EventSource.OPEN) this.#open();
  }

  #rest() {
    this.#source?.close();
    this.#source = null;
  }

  #load({ topic, rows }) {
    const before = this.#rows.get(topic);
    if (!before) return;
    this.#rows.set(topic, new Map(rows.map((row) => [row.id, this.#numbered(row, before)])));
    this.#loaded.add(topic);
    this.#become("live");
    this.#changed(topic);
  }

  #put({ topic, row }) {
    const rows = this.#rows.get(topic);
    if (!rows) return;
    rows.set(row.id, this.#numbered(row, rows));
    if (topic === "events" && rows.size > EVENTS_KEPT) rows.delete(rows.keys().next().value);
    this.#changed(topic);
  }

  #drop({ topic, id }) {
    if (this.#rows.get(topic)?.delete(id)) this.#changed(topic);
  }

  /** A second is too coarse to sort by: things that were made in the same one keep their order. */
  #numbered(row, before) {
    row.sequence = before.get(row.id)?.sequence ?? (this.#sequence += 1);
    return row;
  }

  #become(state, why = "") {
    if (state === this.state && why === this.why) return;
    this.state = state;
    this.why = why;
    if (state === "live") this.#meet();
    this.#changed("state");
  }

  async #meet() {
    this.engine = await call("GET", "/api/engine").catch(() => this.engine);
    this.#changed("state");
  }

  #changed(topic) {
    if (!this.#dirty.size) requestAnimationFrame(() => this.#tell());
    this.#dirty.add(topic);
  }

  #tell() {
    const topics = [...this.#dirty];
    this.#dirty.clear();
    for (const topic of topics) this.#listeners.get(topic)?.forEach((listener) => listener());
  }
}

export const live = new Live();

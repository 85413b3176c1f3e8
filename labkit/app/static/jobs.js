/** Pulls and builds: each a card with a bar for each layer or step, until it is put away. */

import { call } from "./api.js";
import { button, enable, h, mark, put } from "./element.js";
import { bytes } from "./format.js";

const OUTPUT = 500; // lines

/** The place where the cards are; they outlive the view that shows them. */
export const jobs = h("div", { class: "jobs" });

/** Show a job's progress until it is done; `hint` is what to do if it fails. */
export function follow(id, title, engine, hint) {
  const card = new Card(id, title, engine, hint);
  jobs.prepend(card.node);
}

class Card {
  #bars = new Map();
  #done = false;

  constructor(id, title, engine, hint) {
    this.id = id;
    this.hint = hint;
    this.state = h("span", { class: "note", role: "status", text: "asking…" });
    this.bars = h("ul", { class: "bars" });
    this.output = h("pre", {
      class: "output",
      tabindex: "0",
      "aria-label": `What ${title} says`,
      hidden: true,
    });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.stop = button("Cancel", () => this.#press(), { kind: "small" });
    this.node = h(
      "article",
      { class: "job", "aria-label": title },
      h("div", { class: "job-head" }, h("h2", { text: title }), this.state, this.stop),
      h("p", { class: "request" }, h("code", { text: engine })),
      this.bars,
      this.output,
      this.problem,
    );
    this.source = new EventSource(`/api/jobs/${encodeURIComponent(id)}/stream`);
    this.source.addEventListener("progress", (event) => this.#show(JSON.parse(event.data)));
    this.source.addEventListener("error", () => this.#lost());
  }

  #show({ parts, output, done, error }) {
    const before = [...this.#bars.keys()];
    for (const part of parts) this.#bar(part).show(part);
    if (before.length < this.#bars.size)
      this.bars.lastElementChild.scrollIntoView?.({ block: "nearest" });
    this.output.hidden = output.length === 0;
    const near = this.output.scrollHeight - this.output.scrollTop - this.output.clientHeight < 24;
    put(this.output, output.slice(-OUTPUT).join("\n"));
    if (near) this.output.scrollTop = this.output.scrollHeight;
    if (error || done) this.#end(error);
    else put(this.state, "working…");
  }

  #bar(part) {
    if (!this.#bars.has(part.id)) {
      const bar = makeBar(part.id);
      this.#bars.set(part.id, bar);
      this.bars.append(bar.node);
    }
    return this.#bars.get(part.id);
  }

  #end(error) {
    this.#done = true;
    this.source.close();
    put(this.state, error ? "failed" : "done");
    this.node.dataset.kind = error ? "bad" : "good";
    this.problem.hidden = !error;
    this.problem.replaceChildren(
      ...(error ? [h("p", { class: "text", text: error }), h("p", { text: this.hint })] : []),
    );
    put(this.stop.querySelector(".label"), "Put away");
    enable(this.stop, true);
  }

  #lost() {
    if (this.#done) return;
    if (this.source.readyState === EventSource.CLOSED)
      this.#end("Nobody knows what became of it: the app’s server does not answer.");
  }

  async #press() {
    if (this.#done) return this.node.remove();
    enable(this.stop, false);
    await call("DELETE", `/api/jobs/${encodeURIComponent(this.id)}`).catch(() => {});
  }
}

function makeBar(id) {
  const words = h("span", { class: "part" });
  const size = h("span", { class: "note" });
  const bar = h("progress", { max: "1", "aria-label": id });
  const node = h("li", {}, words, bar, size);
  const show = ({ text, current, total, done }) => {
    put(words, [id, text].filter(Boolean).join(" "));
    if (done) bar.value = 1;
    else if (total) bar.value = current / total;
    else bar.removeAttribute("value");
    put(size, total > 1000 && !done ? `${bytes(current)} of ${bytes(total)}` : "");
    mark(node, "data-done", done ? "true" : null);
  };
  return { node, show };
}

/** The page: which view is open, the banner, the engine's name, the keys. */

import { containers } from "./containers.js";
import { details } from "./details.js";
import { h, icon, mark, put } from "./element.js";
import { events } from "./events.js";
import { help } from "./help.js";
import { images } from "./images.js";
import { live } from "./live.js";
import { network, networks } from "./networks.js";
import { requests } from "./requests.js";
import { stats } from "./stats.js";
import { volume, volumes } from "./volumes.js";

const VIEWS = {
  containers: [containers, details],
  stats: [stats],
  images: [images],
  networks: [networks, network],
  volumes: [volumes, volume],
  events: [events],
  requests: [requests],
};
const CHOICES = { auto: "As the system", light: "Light", dark: "Dark" };
const AWAY = {
  away: "The engine does not answer; trying again…",
  gone: "The app’s server does not answer; trying again… Does labkit app still run?",
  locked: "The app was started anew: open the link that labkit app has printed.",
};

let open = { path: "", view: null, end: new AbortController() };

/** Show the view that the address names: `#/containers/ID/logs`. */
function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decoded);
  const [name, id, ...rest] = parts.length ? parts : ["containers"];
  const kinds = VIEWS[name] ?? VIEWS.containers;
  const path = JSON.stringify([name, id]);
  if (path === open.path) open.view.turn?.(rest);
  else show(path, kinds[id && kinds[1] ? 1 : 0], [id, ...rest]);
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    const here = link.hash === `#/${VIEWS[name] ? name : "containers"}`;
    mark(link, "aria-current", here ? "page" : null);
    if (here) reveal(link);
  }
}

/** On a narrow screen the views are in a line that scrolls: bring the open one into sight. */
function reveal(link) {
  const line = link.parentElement;
  line.scrollLeft = link.offsetLeft - (line.clientWidth - link.offsetWidth) / 2;
}

function show(path, make, parts) {
  const first = !open.path;
  open.end.abort();
  const end = new AbortController();
  const view = make(parts, end.signal);
  open = { path, view, end };
  document.getElementById("main").replaceChildren(view.element);
  entitle();
  if (first) return;
  scrollTo(0, 0);
  view.element.querySelector("h1")?.focus({ preventScroll: true });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function entitle() {
  const engine = live.engine ? `Docker ${live.engine.version}` : "";
  const title = [open.view?.title, engine, "Docker API Lab"].filter(Boolean).join(" · ");
  if (document.title !== title) document.title = title;
}

function showState() {
  const banner = document.getElementById("banner");
  const text = AWAY[live.state] ?? "";
  banner.hidden = !text;
  if (banner.dataset.text !== text + live.why) {
    banner.dataset.text = text + live.why;
    banner.replaceChildren(
      icon("warn"),
      h(
        "span",
        {},
        h("strong", { text }),
        live.why ? h("span", { class: "why", text: live.why }) : null,
      ),
    );
  }
  document.body.dataset.state = live.state;
  document.getElementById("pulse").dataset.state = live.state;
  const said = { live: "", connecting: "Connecting…" }[live.state] ?? "Away";
  const { version = "", api_version: api = "" } = live.engine ?? {};
  put(document.getElementById("engine"), said || `Docker ${version}`);
  put(document.getElementById("api"), said ? "" : `API ${api}`);
  entitle();
}

function showCount(topic) {
  const count = live.loaded(topic) ? String(live.rows(topic).length) : "";
  put(document.querySelector(`[data-count="${topic}"]`), count);
}

function showTheme() {
  const choice = document.documentElement.dataset.choice;
  const node = document.getElementById("theme");
  node.querySelector(".icon").className = `icon icon-${choice}`;
  put(node.querySelector(".label"), CHOICES[choice]);
  node.setAttribute("aria-label", `Colours: ${CHOICES[choice]}. Press to change.`);
}

function nextTheme() {
  const names = Object.keys(CHOICES);
  const now = names.indexOf(document.documentElement.dataset.choice);
  dispatchEvent(new CustomEvent("theme", { detail: names[(now + 1) % names.length] }));
  showTheme();
}

function key(event) {
  const typing = event.target.closest?.(
    "input:not([type=checkbox], [type=radio]), textarea, select, dialog",
  );
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    const field = document.querySelector("main input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "?") help();
}

addEventListener("hashchange", route);
addEventListener("keydown", key);
document.getElementById("theme").addEventListener("click", nextTheme);
document.getElementById("help").addEventListener("click", help);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view, not a place in it
  document.getElementById("main").focus();
});
live.on("state", showState);
live.on("containers", entitle); // a view of one of them learns its name only then
for (const topic of ["containers", "images", "networks", "volumes"])
  live.on(topic, () => showCount(topic));
showTheme();
route();
live.start();

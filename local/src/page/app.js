// Asks for the panels' data again and again and hands it to them. Reads only.

import { current, dashboards, isFresh, widgets } from "./board.js";
import { draw, legend } from "./chart.js";
import { at, el, empty } from "./dom.js";
import { lines, search } from "./lines.js";
import { alarms, calls, incidents, notifications, totals } from "./panels.js";

const EVERY_MS = 1500;
const WIDGETS_EVERY = 3;
let paused = false;
let now = Date.now();
const before = new Map();

async function get(address) {
  const answer = await fetch(address, { cache: "no-store", headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.text();
}

// Fetches and shows one panel. A panel whose data is the same as before is left alone unless it
// also shows the time that passed.
async function panel(address, show, always = false) {
  const text = await get(address);
  if (!always && before.get(address) === text) return;
  before.set(address, text);
  show(JSON.parse(text));
}

function charts(data) {
  const holder = at("host-body");
  at("host-note").textContent = data.host ? `${data.host}, the last ${Math.round((data.end - data.start) / 60000)} minutes` : "";
  if (!data.charts.length) return holder.replaceChildren(empty("No metric came in yet. The first arrives a few seconds after the agent starts."));
  const known = new Map([...holder.querySelectorAll(".chart")].map((chart) => [chart.dataset.title, chart]));
  const cards = data.charts.map((chart) => {
    const card = known.get(chart.title) ?? el("figure", { class: "chart", "data-title": chart.title },
      el("h3", {}, chart.title, el("span", { class: "unit" })), el("div"), el("figcaption"));
    return [card, { ...chart, start: data.start, end: data.end }];
  });
  if (cards.length !== known.size) holder.replaceChildren(...cards.map(([card]) => card));
  for (const [card, view] of cards) {
    if (card.querySelector(".tip")) continue;
    draw(card.children[1], view);
    card.children[2].replaceChildren(legend(view));
  }
  return undefined;
}

// Widgets have periods of a minute and more: they are asked for less often.
let rounds = 0;
async function board() {
  await panel("/_local/dashboards.json", dashboards);
  rounds += 1;
  const name = current();
  if (name === undefined || !(isFresh() || rounds % WIDGETS_EVERY === 0)) return;
  await panel(`/_local/widgets.json?dashboard=${encodeURIComponent(name)}`, widgets, true);
}

async function round() {
  await panel("/_local/overview.json", (data) => {
    now = data.now;
    totals(data);
  });
  const parts = [
    panel("/_local/incidents.json", incidents),
    panel("/_local/alarms.json", (data) => alarms(data, now), true),
    panel("/_local/charts.json", charts),
    panel("/_local/logs.json", lines),
    panel("/_local/calls.json", calls),
    panel("/_local/notifications.json", notifications),
    board(),
  ];
  const failed = (await Promise.allSettled(parts)).find((part) => part.status === "rejected");
  if (failed) throw failed.reason;
}

function link(state, words) {
  const label = at("link");
  label.className = `link ${state}`;
  if (label.textContent !== words) label.textContent = words;
}

async function forever() {
  if (!paused && !document.hidden) {
    try {
      await round();
      link("live", "live");
    } catch (error) {
      console.warn(error);
      link("lost", "no answer, trying again");
    }
  }
  setTimeout(forever, EVERY_MS);
}

function pause() {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  at("pause").textContent = paused ? "Paused" : "Pause";
  link(paused ? "held" : "live", paused ? "paused" : "live");
}

// The choice is kept for the next visit where the browser lets it be kept.
function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const current = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = current === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("theme", next); } catch { /* nothing depends on it */ }
}

function begin() {
  try {
    const kept = new URLSearchParams(location.search).get("theme") ?? localStorage.getItem("theme");
    if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  } catch { /* the system's theme is used */ }
  at("pause").addEventListener("click", pause);
  at("theme").addEventListener("click", theme);
  at("logs-filter").addEventListener("input", (event) => search(event.target.value));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "p") pause();
    else if (event.key === "t") theme();
    else if (event.key === "/") {
      event.preventDefault();
      at("logs-filter").focus();
    }
  });
  forever();
}

begin();

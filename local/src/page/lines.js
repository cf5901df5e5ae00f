// The log lines: new ones are added at the end, so that reading and selecting is not disturbed.

import { at, bytes, count, el, empty, moment } from "./dom.js";

const ROWS_MAX = 300;
let newest = -1;
let filter = "";

/** Adds the lines that are new. */
export function lines(data) {
  const holder = at("logs-body");
  const stay = holder.scrollHeight - holder.scrollTop - holder.clientHeight < 40;
  const fresh = data.events.filter((event) => event.number > newest);
  at("logs-note").textContent = data.groups.length
    ? `${data.groups.length} groups: ${data.groups.slice(0, 6).map((group) => `${group.name} (${bytes(group.bytes)})`).join(", ")}${data.groups.length > 6 ? ", …" : ""}` : "";
  if (!fresh.length && newest < 0) {
    holder.replaceChildren(empty("No line came in yet."));
    return;
  }
  if (newest < 0) holder.replaceChildren();
  for (const event of fresh) {
    newest = Math.max(newest, event.number);
    holder.append(row(event));
  }
  while (holder.childElementCount > ROWS_MAX) holder.firstElementChild.remove();
  if (stay && fresh.length) holder.scrollTop = holder.scrollHeight;
}

function row(event) {
  const from = `${event.group} ${event.stream}`;
  const line = el("div", { class: "row" }, moment(event.at, true),
    el("span", { class: "from", title: from }, event.group), el("span", { class: "text" }, event.message));
  line.hidden = !matches(line, from);
  line.dataset.from = from;
  return line;
}

const matches = (line, from) => filter === "" || `${from} ${line.textContent}`.toLowerCase().includes(filter);

/** Shows only lines that hold the words. */
export function search(words) {
  filter = words.trim().toLowerCase();
  const rows = [...at("logs-body").querySelectorAll(".row")];
  for (const line of rows) line.hidden = !matches(line, line.dataset.from ?? "");
  const found = rows.filter((line) => !line.hidden).length;
  at("logs-body").setAttribute("aria-label", filter ? `${count(found)} lines match` : "The newest log lines");
}

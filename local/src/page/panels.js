// The panels that are tables and lists: totals, incidents, alarms, calls, notifications.

import { ago, at, bytes, clock, count, el, empty, moment, usd } from "./dom.js";

const TONES = {
  ALARM: "bad", OK: "good", INSUFFICIENT_DATA: "", critical: "bad", high: "bad", medium: "warn", low: "",
};

/** A state or a severity as a small label. */
export function tag(word) {
  return el("span", { class: `tag ${TONES[word] ?? ""}` }, String(word).replace(/_/g, " "));
}

/** The strip under the header. */
export function totals(data) {
  const sums = data.totals;
  const cell = (name, shown, small, bad) => el("div", { class: bad ? "bad" : "" }, el("dt", {}, name), el("dd", {}, shown, small && el("small", {}, ` ${small}`)));
  at("totals").replaceChildren(
    cell("Log lines", count(sums.lines), bytes(sums.log_bytes)),
    cell("Metric datums", count(sums.datums), `${count(sums.series)} series`),
    cell("Calls", count(sums.calls), sums.calls_failed ? `${count(sums.calls_failed)} refused` : ""),
    cell("In alarm", count(sums.alarms_in_alarm), `of ${count(sums.alarms)} alarms`, sums.alarms_in_alarm > 0),
    cell("Incidents", count(sums.incidents), "", sums.incidents > 0),
    cell("Notifications", count(sums.notifications), ""),
    cell("Agent, projected", usd(data.price.agent_usd_per_month), "a month"),
    cell("Everything, projected", usd(data.price.usd_per_month), "a month"),
  );
  at("where").textContent = `local stand-in · account ${data.account} · ${data.region}`;
  at("clock").textContent = `${clock(data.now)} UTC`;
  at("clock").dateTime = new Date(data.now).toISOString();
}

/** What the collector told, one block for each incident, the worst first. */
export function incidents(data) {
  const all = data.incidents;
  at("incidents-note").textContent = all.length ? `${all.length} told through SNS` : "";
  if (!all.length) return at("incidents-body").replaceChildren(empty("No incident so far. The collector joins CloudTrail, GuardDuty and cost into one."));
  return at("incidents-body").replaceChildren(...all.map(incident));
}

function incident(one) {
  const risk = Number(one.usd_at_risk_per_day ?? one.usd_per_day);
  return el("article", { class: "incident" },
    el("header", {}, tag(one.severity ?? "unknown"), el("h3", {}, one.title ?? one.id),
      el("span", { class: "dim" }, `${shortId(one)} · ${one.kind ?? ""}`),
      risk > 0 && el("span", { class: "risk" }, `${usd(risk)} a day at risk`)),
    el("p", { class: "sure" }, one.confidence ?? "", one.confidence && one.revision > 1 && ` · ${one.revision} revisions`),
    el("div", { class: "cols" },
      el("div", {}, el("h4", {}, "Timeline (UTC)"), el("ol", { class: "timeline" }, list(one.timeline).map((line) => event(line, one)))),
      el("div", { class: "side" }, things("Who", [...list(one.principals), ...list(one.access_keys)]),
        things("From", one.addresses), things("Where", one.regions), things("What", one.resources), steps(one.next_steps))));
}

// The id that people say aloud, as the collector makes it.
const shortId = (one) => (/^INC-/.test(one.id) ? one.id : `INC-${String(one.id).slice(0, 6).toUpperCase()}`);

// A time of another day than the incident's last one needs its date; of costs only the day is known.
function event(line, one) {
  const day = (when) => (Number.isNaN(new Date(when).getTime()) ? "" : new Date(when).toISOString().slice(5, 10));
  const last = list(one.timeline).reduce((_, each) => each.time, line.time);
  const other = day(line.time) !== day(last) && day(line.time);
  return el("li", { "data-source": line.source }, el("span", {}, other && el("span", { class: "dim mono" }, `${other} `), !(other && line.source === "cost") && moment(line.time)), el("span", { class: "dim" }, line.source ?? ""),
    el("span", {}, line.what ?? "", line.reference && el("span", { class: "ref mono" }, line.reference)));
}

const list = (value) => (Array.isArray(value) ? value : []);
const word = (thing) => (typeof thing === "string" ? thing : thing?.value ?? JSON.stringify(thing));

function things(name, values) {
  const all = list(values);
  if (!all.length) return [];
  const shown = all.slice(0, 12).map((thing) => el("li", { class: "mono" }, word(thing)));
  if (all.length > 12) shown.push(el("li", { class: "dim" }, `and ${all.length - 12} more`));
  const short = all.every((thing) => word(thing).length <= 24);
  return [el("h4", {}, name), el("ul", { class: short ? "things short" : "things" }, shown)];
}

function steps(values) {
  const all = list(values);
  return all.length ? [el("h4", {}, "Next steps"), el("ol", { class: "steps" }, all.map((step) => el("li", {}, word(step))))] : [];
}

/** Alarms, those in ALARM first. */
export function alarms(data, now) {
  const all = data.alarms;
  const loud = all.filter((alarm) => alarm.state === "ALARM").length;
  at("alarms-note").textContent = all.length ? `${all.length}, ${loud} in alarm` : "";
  if (!all.length) return at("alarms-body").replaceChildren(empty("No alarm yet. The collector puts them when it starts."));
  return at("alarms-body").replaceChildren(...all.map((alarm) => el("div", { class: "alarm" },
    el("div", {}, tag(alarm.state), el("p", {}, `for ${ago(alarm.since, now)}`)),
    el("div", {}, el("div", { class: "name" }, alarm.name),
      el("p", {}, alarm.condition), alarm.reason && el("p", {}, alarm.reason)))));
}

/** The ledger: totals by operation, the bill, the newest calls. */
export function calls(data) {
  const sum = (field) => data.operations.reduce((total, one) => total + one[field], 0);
  at("calls-note").textContent = data.operations.length
    ? `${count(sum("calls"))} calls, ${bytes(sum("request_bytes"))} sent, ${usd(sum("usd"))} for requests and bytes so far, by list price of ${data.prices_as_of}` : "";
  at("calls-operations").replaceChildren(operations(data.operations));
  at("calls-bill").replaceChildren(bill(data.bill));
  at("calls-recent").replaceChildren(recent(data.recent));
}

function table(caption, heads, rows) {
  const head = heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name));
  return el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
}

const n = { class: "n" };

function operations(all) {
  if (!all.length) return empty("No call came in yet. Each is listed with its size and its list price.");
  return table("By operation", [["Operation"], ["Calls", "n"], ["Refused", "n"], ["Items", "n"], ["Sent", "n"], ["US$ so far", "n"]],
    all.map((one) => el("tr", {}, el("td", {}, el("span", { class: "dim" }, `${one.service} `), one.operation),
      el("td", n, count(one.calls)), el("td", n, one.refused ? count(one.refused) : ""), el("td", n, count(one.items)),
      el("td", n, bytes(one.request_bytes)), el("td", n, one.usd ? usd(one.usd) : ""))));
}

function bill(all) {
  if (!all.length) return empty("The bill of a month follows once something was sent.");
  return table("Projected for a month at this pace", [["Item"], ["Quantity", "n"], ["Unit"], ["US$ a month", "n"]],
    all.map((one) => el("tr", {}, el("td", {}, one.item), el("td", n, one.quantity >= 10 ? count(one.quantity) : one.quantity.toPrecision(2)),
      el("td", { class: "dim" }, one.unit), el("td", n, usd(one.usd)))));
}

function recent(all) {
  if (!all.length) return empty("Nothing yet.");
  return table("The newest calls", [["Time"], ["Operation"], ["Status", "n"], ["Items", "n"], ["Sent", "n"], ["US$", "n"]],
    all.map((one) => el("tr", {}, el("td", { class: "dim" }, moment(one.at)), el("td", {}, one.operation, one.error && el("span", { class: "bad-text" }, ` ${one.error}`)),
      el("td", { class: one.status === 200 ? "n" : "n bad-text" }, one.status || "closed"), el("td", n, count(one.items)),
      el("td", n, bytes(one.request_bytes)), el("td", n, one.usd ? usd(one.usd) : ""))));
}

/** What went to the topics, newest first. Rows that are there stay: one may be open or have the focus. */
export function notifications(data) {
  const all = data.notifications;
  at("notifications-note").textContent = all.length ? `${all.length} newest` : "";
  const holder = at("notifications-body");
  if (!all.length) return holder.replaceChildren(empty("Nothing was told yet. Incidents and changes of alarms come here through SNS."));
  const wanted = new Set(all.map((one) => String(one.number)));
  const kept = new Set();
  for (const row of [...holder.children]) {
    if (wanted.has(row.dataset.number)) kept.add(row.dataset.number);
    else row.remove();
  }
  return holder.prepend(...all.filter((one) => !kept.has(String(one.number))).map(notification));
}

function notification(one) {
  return el("details", { "data-number": one.number },
    el("summary", {}, el("span", { class: "dim" }, moment(one.at), " "), one.subject || "(no subject)", el("span", { class: "dim" }, ` → ${one.topic.split(":").pop()}`)),
    el("pre", { tabindex: 0 }, one.message));
}

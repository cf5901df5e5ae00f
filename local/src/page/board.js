// Renders a CloudWatch dashboard from the very body that was put. What a metric widget shows is
// evaluated by the stand-in's CloudWatch; this file only draws it.

import { colour, draw, last, legend } from "./chart.js";
import { at, clock, el, empty, svg, value } from "./dom.js";
import { markdown } from "./markdown.js";
import { tag } from "./panels.js";

let shown = { name: undefined, text: undefined, widgets: [] };
let wanted;

let fresh = false;

/** Shows the list of dashboards and the chosen one. */
export function dashboards(data) {
  const all = data.dashboards;
  const note = at("dashboard-note");
  if (!all.length) {
    note.textContent = "";
    at("dashboard-choice").replaceChildren();
    at("dashboard-body").replaceChildren(empty("No dashboard was put yet. The collector puts one when it starts."));
    shown = { widgets: [] };
    return;
  }
  choose(all);
  const one = all.find((board) => board.name === wanted) ?? all[0];
  const text = JSON.stringify(one.body);
  note.textContent = `${one.name}, ${one.widgets} widgets, ${one.bytes} bytes, put at ${clock(one.modified)}`;
  if (one.name === shown.name && text === shown.text) return;
  shown = { name: one.name, text, widgets: [] };
  fresh = true;
  at("dashboard-body").replaceChildren(build(one));
}

/** The name of the dashboard on the page; undefined for none. */
export const current = () => shown.name;

/** Whether the dashboard was drawn anew and its widgets are still empty. */
export const isFresh = () => fresh;

/** Shows what the widgets of the dashboard on the page hold, in the order of its body. */
export function widgets(data) {
  fresh = false;
  for (const widget of shown.widgets) widget.show(data.widgets[widget.index] ?? {});
}

function choose(all) {
  const holder = at("dashboard-choice");
  if (all.length < 2) return holder.replaceChildren();
  if (holder.querySelectorAll("option").length === all.length) return undefined;
  const select = el("select", { "aria-label": "Dashboard" },
    all.map((board) => el("option", { value: board.name, selected: board.name === wanted }, board.name)));
  select.addEventListener("change", () => {
    wanted = select.value;
    dashboards({ dashboards: all });
  });
  return holder.replaceChildren(select);
}

function build(board) {
  const holder = el("div", { class: "board" });
  const list = board.body?.widgets;
  if (!Array.isArray(list)) return empty("The body has no widgets.");
  for (const [index, widget] of list.entries()) {
    const card = el("section", { class: "widget", "aria-label": title(widget) });
    place(card, widget);
    content(card, widget, index);
    holder.append(card);
  }
  return holder;
}

function place(card, widget) {
  const whole = (number, fallback) => (Number.isInteger(number) ? number : fallback);
  card.style.gridColumn = `${whole(widget.x, 0) + 1} / span ${whole(widget.width, 6)}`;
  card.style.gridRow = `${whole(widget.y, 0) + 1} / span ${whole(widget.height, 6)}`;
}

const title = (widget) => widget?.properties?.title || `${widget?.type ?? "unknown"} widget`;

function content(card, widget, index) {
  const properties = widget.properties ?? {};
  if (widget.type === "text") {
    if (properties.background === "transparent") card.classList.add("bare");
    card.append(el("div", { class: "fill scrolls" }, markdown(properties.markdown)));
    return;
  }
  const unit = el("span", { class: "unit" });
  card.append(el("h3", {}, title(widget), unit));
  const fill = el("div", { class: "fill" });
  card.append(fill);
  if (widget.type === "metric" || widget.type === "alarm") {
    const foot = el("div");
    card.append(foot);
    shown.widgets.push({ index, show: (data) => show({ fill, foot, unit }, widget, data) });
  } else if (widget.type === "log") {
    fill.classList.add("scrolls");
    fill.append(el("pre", {}, properties.query ?? ""), el("p", { class: "dim" }, "Logs Insights queries are not evaluated here."));
  } else {
    fill.append(empty(`A widget of type ${widget.type} is not drawn here.`));
  }
}

function show(parts, widget, data) {
  if (data.error) return parts.fill.replaceChildren(empty(data.error));
  if (widget.type === "alarm") return parts.fill.replaceChildren(states(data.alarms ?? []));
  const properties = widget.properties ?? {};
  const series = data.series ?? [];
  const unit = common(series);
  const axis = properties.yAxis?.left ?? {};
  parts.unit.textContent = axis.label ?? (unit === "None" ? "" : unit);
  if (!series.some((one) => one.points.length)) {
    parts.foot.replaceChildren();
    return parts.fill.replaceChildren(empty((data.messages ?? [])[0] ?? "No data yet."));
  }
  const view = { series, unit, start: data.start, end: data.end, stacked: properties.stacked === true,
    low: numeric(axis.min), high: numeric(axis.max), ...annotations(properties.annotations) };
  if (properties.view === "singleValue" || properties.view === "gauge") return parts.fill.replaceChildren(numbers(series, properties.sparkline, view));
  if (properties.view === "bar" || properties.view === "pie" || properties.view === "table") return parts.fill.replaceChildren(bars(series));
  parts.foot.replaceChildren(legend(view, 8));
  return draw(parts.fill, view, Math.max(60, parts.fill.clientHeight));
}

const numeric = (number) => (Number.isFinite(number) ? number : undefined);

function common(series) {
  const units = new Set(series.map((one) => one.unit));
  return units.size === 1 ? [...units][0] : "None";
}

function annotations(given = {}) {
  const marks = (given.horizontal ?? []).flat().filter((mark) => Number.isFinite(mark.value));
  const moments = (given.vertical ?? []).flat()
    .map((when) => ({ at: Date.parse(when.value), label: when.label }))
    .filter((when) => Number.isFinite(when.at));
  return { marks, moments };
}

function numbers(series, sparkline, view) {
  return el("div", { class: "numbers" }, series.map((one, place) => el("div", {},
    el("b", {}, value(last(one), one.unit)), el("span", {}, one.label),
    sparkline && one.points.length > 1 && spark(one, place, view))));
}

function spark(one, place, view) {
  const numbers = one.points.map((point) => point[1]);
  const low = Math.min(...numbers), high = Math.max(...numbers);
  const path = one.points.map(([when, number], step) => {
    const x = ((when - view.start) / (view.end - view.start)) * 118 + 1;
    const y = 21 - ((number - low) / (high - low || 1)) * 18;
    return `${step ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
  return svg("svg", { width: 120, height: 24, "aria-hidden": "true" }, svg("path", { class: `curve ${colour(place)}`, fill: "none", d: path }));
}

function bars(series) {
  const most = Math.max(...series.map(last).filter(Number.isFinite), 1e-9);
  return el("div", { class: "bars" }, series.map((one) => el("div", { class: "bar-row" },
    el("span", {}, one.label), el("b", {}, value(last(one), one.unit)),
    el("progress", { max: most, value: Number.isFinite(last(one)) ? Math.max(0, last(one)) : 0, "aria-label": one.label }))));
}

function states(alarms) {
  if (!alarms.length) return empty("None of these alarms exists yet.");
  return el("div", { class: "numbers" }, alarms.map((alarm) => el("div", {}, tag(alarm.state), " ", alarm.name)));
}

// Line charts in SVG: the few things that a metric needs, and nothing else.

import { clock, el, svg, value } from "./dom.js";

const LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 18;
const COLOURS = 8;
// A gap longer than this many usual distances between points breaks the line.
const GAP = 3.5;

/** The class of the series at a place, which carries its colour. */
export const colour = (place) => `s${place % COLOURS}`;

/**
 * Draws `view` = {series: [{label, points: [[ms, number]]}], unit, start, end, stacked, low, high,
 * marks: [{value, label}], moments: [{at, label}]} into `holder`, `height` pixels high.
 */
export function draw(holder, view, height = 120) {
  const width = Math.max(holder.clientWidth, 160);
  const series = view.stacked ? pile(view.series) : view.series;
  const frame = scale(series, view, width, height);
  const summary = view.series.map((one) => `${one.label} ${value(last(one), view.unit)}`).join(", ");
  const plot = svg("svg", {
    class: "plot", role: "img", height, viewBox: `0 0 ${width} ${height}`,
    "aria-label": summary || "no data yet",
  });
  axes(plot, frame, view.unit, width, height);
  const order = view.stacked ? [...series.keys()].reverse() : [...series.keys()];
  for (const place of order) curve(plot, series[place], place, frame, view, height);
  for (const mark of view.marks ?? []) line(plot, mark, frame, width);
  for (const when of view.moments ?? []) upright(plot, when, frame, height);
  holder.replaceChildren(plot);
  hover(holder, plot, frame, view, height);
}

/** The legend with the newest values. */
export function legend(view, limit = 12) {
  const shown = view.series.slice(0, limit).map((one, place) => el("li", { title: one.metric ?? one.label },
    tint(el("span", { class: `swatch ${colour(place)}` }), one),
    el("span", { class: "name" }, one.label), el("b", {}, value(last(one), view.unit))));
  const rest = view.series.length - shown.length;
  return el("ul", { class: "legend" }, shown, rest > 0 && el("li", {}, `and ${rest} more`));
}

/** The newest value of a series. */
export function last(one) {
  return one.points.length ? one.points[one.points.length - 1][1] : Number.NaN;
}

// Adds each series onto those before it, by time.
function pile(series) {
  const sums = new Map();
  return series.map((one) => ({ ...one, points: one.points.map(([at, number]) => {
    const sum = (sums.get(at) ?? 0) + number;
    sums.set(at, sum);
    return [at, sum];
  }) }));
}

function scale(series, view, width, height) {
  const values = series.flatMap((one) => one.points.map((point) => point[1]));
  values.push(...(view.marks ?? []).map((mark) => mark.value));
  const most = values.length ? Math.max(...values) : 1;
  const least = values.length ? Math.min(...values) : 0;
  const low = view.low ?? Math.min(0, least);
  const steps = ticks(low, view.high ?? (most > low ? most : low + 1), view.unit);
  const high = view.high ?? Math.max(steps[steps.length - 1], most);
  const start = view.start, end = Math.max(view.end, start + 1);
  return {
    low, high, start, end, steps,
    x: (at) => LEFT + ((at - start) / (end - start)) * (width - LEFT - RIGHT),
    y: (number) => height - BOTTOM - ((number - low) / (high - low || 1)) * (height - TOP - BOTTOM),
  };
}

// Three or four round numbers; sizes are round in powers of two.
function ticks(low, high, unit) {
  const binary = unit === "Bytes" || unit === "Bytes/Second";
  const rough = (high - low) / 3;
  const base = binary ? 1024 ** Math.max(0, Math.floor(Math.log(rough || 1) / Math.log(1024))) : 10 ** Math.floor(Math.log10(rough || 1));
  const nice = binary ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 2.5, 5, 10];
  const step = base * (nice.find((one) => one * base >= rough) ?? 10);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 0.999 && found.length < 6; at += step) found.push(at);
  return found.length ? found : [low, high];
}

function axes(plot, frame, unit, width, height) {
  for (const step of frame.steps) {
    if (step > frame.high * 1.0001) continue;
    const y = frame.y(step);
    plot.append(svg("line", { class: "gridline", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
      svg("text", { x: LEFT - 6, y: y + 3, "text-anchor": "end" }, value(step, unit)));
  }
  plot.append(svg("line", { class: "axis", x1: LEFT, x2: width - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM }));
  const places = width > 460 ? 4 : 3;
  for (let place = 0; place < places; place += 1) {
    const at = frame.start + ((frame.end - frame.start) * place) / (places - 1);
    const anchor = place === 0 ? "start" : place === places - 1 ? "end" : "middle";
    plot.append(svg("text", { x: frame.x(at), y: height - 5, "text-anchor": anchor }, clock(at)));
  }
}

function curve(plot, one, place, frame, view, height) {
  const points = one.points.filter(([at]) => at >= frame.start);
  if (!points.length) return;
  for (const run of runs(points)) {
    const path = run.map(([at, number], step) => `${step ? "L" : "M"}${frame.x(at).toFixed(1)} ${frame.y(number).toFixed(1)}`).join("");
    if (view.stacked || view.series.length === 1) {
      const floor = height - BOTTOM;
      plot.append(tint(svg("path", { class: `area ${colour(place)} ${view.stacked ? "stacked" : ""}`,
        d: `${path}L${frame.x(run[run.length - 1][0]).toFixed(1)} ${floor}L${frame.x(run[0][0]).toFixed(1)} ${floor}Z` }), one));
    }
    plot.append(tint(run.length === 1
      ? svg("circle", { class: `dot ${colour(place)}`, cx: frame.x(run[0][0]), cy: frame.y(run[0][1]), r: 2 })
      : svg("path", { class: `curve ${colour(place)}`, d: path }), one));
  }
}

// Gives a mark the colour that the dashboard chose for its series, if it chose one.
function tint(mark, one) {
  if (/^#[0-9a-f]{6}$/i.test(one.color ?? "")) mark.style.setProperty("--c", one.color);
  return mark;
}

// Splits where points are missing.
function runs(points) {
  const distances = points.slice(1).map((point, place) => point[0] - points[place][0]).sort((a, b) => a - b);
  const usual = distances[Math.floor(distances.length / 2)] || Infinity;
  const found = [[points[0]]];
  for (const [place, point] of points.slice(1).entries()) {
    if (point[0] - points[place][0] > usual * GAP) found.push([]);
    found[found.length - 1].push(point);
  }
  return found;
}

function line(plot, mark, frame, width) {
  if (mark.value > frame.high || mark.value < frame.low) return;
  const y = frame.y(mark.value);
  plot.append(svg("line", { class: "mark", stroke: "var(--bad)", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }));
  if (mark.label) plot.append(svg("text", { x: width - RIGHT - 2, y: y - 3, "text-anchor": "end" }, mark.label));
}

function upright(plot, when, frame, height) {
  if (when.at < frame.start || when.at > frame.end) return;
  const x = frame.x(when.at);
  plot.append(svg("line", { class: "mark", stroke: "var(--s3)", x1: x, x2: x, y1: TOP, y2: height - BOTTOM }),
    svg("text", { x: x + 3, y: TOP + 8 }, when.label ?? ""));
}

// The values under the pointer.
function hover(holder, plot, frame, view, height) {
  const cross = svg("line", { class: "cross", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  plot.append(cross);
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
    const when = frame.start + Math.min(1, Math.max(0, share)) * (frame.end - frame.start);
    const near = view.series.map((one, place) => [one, place, nearest(one.points, when)]).filter((row) => row[2]);
    if (!near.length) return;
    const x = frame.x(near[0][2][0]);
    for (const side of ["x1", "x2"]) cross.setAttribute(side, x);
    cross.setAttribute("visibility", "visible");
    tip(holder, x, box, near, view.unit);
  });
  plot.addEventListener("pointerleave", () => {
    cross.setAttribute("visibility", "hidden");
    holder.querySelector(".tip")?.remove();
  });
}

function tip(holder, x, box, near, unit) {
  holder.querySelector(".tip")?.remove();
  const rows = near.slice(0, 10).map(([one, , point]) => el("div", {}, `${one.label} `, el("b", {}, value(point[1], unit))));
  const note = el("div", { class: "tip" }, el("div", { class: "dim" }, `${clock(near[0][2][0])} UTC`), rows);
  holder.append(note);
  holder.style.position = "relative";
  note.style.top = "4px";
  if (x > box.width / 2) note.style.right = `${box.width - x + 8}px`;
  else note.style.left = `${x + 8}px`;
}

function nearest(points, when) {
  let best;
  for (const point of points) if (!best || Math.abs(point[0] - when) < Math.abs(best[0] - when)) best = point;
  return best;
}

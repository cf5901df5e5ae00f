// Builds elements and writes numbers. Text only ever enters the page as a text node, so nothing
// that was logged, tagged or sent can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children; strings become text nodes. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(2)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

/** The element with an id of index.html. */
export const at = (id) => document.getElementById(id);

const two = (number) => String(number).padStart(2, "0");

/** Hours, minutes and seconds in UTC of milliseconds or an ISO time. */
export function clock(when, withMillis = false) {
  const date = new Date(when);
  if (Number.isNaN(date.getTime())) return "";
  const text = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return withMillis ? `${text}.${String(date.getUTCMilliseconds()).padStart(3, "0")}` : text;
}

/** A time element that says the whole moment on hover. */
export function moment(when, withMillis = false) {
  const date = new Date(when);
  const whole = Number.isNaN(date.getTime()) ? "" : date.toISOString();
  return el("time", { datetime: whole, title: whole }, clock(when, withMillis));
}

/** A whole number with thin groups of three digits. */
export function count(number) {
  return Number.isFinite(number) ? Math.round(number).toLocaleString("en-US") : "–";
}

/** A size in powers of 1024. */
export function bytes(number) {
  return scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

function scaled(number, base, units) {
  if (!Number.isFinite(number)) return "–";
  let step = 0;
  let value = number;
  while (Math.abs(value) >= base && step < units.length - 1) {
    value /= base;
    step += 1;
  }
  const digits = Number.isInteger(value) || step === 0 || Math.abs(value) >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[step]}`;
}

// One log line costs less than this; nobody reads the digits of less.
const USD_LEAST = 1e-6;

/** US$, with as many digits as small sums need. */
export function usd(number) {
  if (!Number.isFinite(number)) return "–";
  if (number === 0) return "$0";
  const size = Math.abs(number);
  if (size >= 100) return `$${number.toLocaleString("en-US", { maximumFractionDigits: 0 })}`;
  if (size >= 0.01) return `$${number.toFixed(2)}`;
  if (size < USD_LEAST) return `< $${USD_LEAST.toFixed(6)}`;
  return `$${number.toPrecision(2)}`;
}

/** A value in a unit of CloudWatch. */
export function value(number, unit = "None") {
  if (!Number.isFinite(number)) return "–";
  switch (unit) {
    case "Percent": return `${number.toFixed(Number.isInteger(number) || Math.abs(number) >= 10 ? 0 : 1)} %`;
    case "Bytes": return bytes(number);
    case "Bytes/Second": return `${bytes(number)}/s`;
    case "Count/Second": return `${plain(number)}/s`;
    case "Seconds": return `${plain(number)} s`;
    case "Milliseconds": return `${plain(number)} ms`;
    default: return plain(number);
  }
}

function plain(number) {
  const size = Math.abs(number);
  if (size >= 1e5) return scaled(number, 1000, ["", "k", "M", "G", "T"]);
  if (Number.isInteger(number)) return count(number);
  return size >= 100 ? count(number) : size >= 1 ? number.toFixed(2) : number.toPrecision(2);
}

/** How long ago, in words as short as they can be. */
export function ago(when, now) {
  const seconds = Math.max(0, Math.round((now - when) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** What a panel says while there is nothing to show. */
export const empty = (text) => el("p", { class: "empty" }, text);

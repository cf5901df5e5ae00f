// The little Markdown that text widgets use: headings, lists, rules, code, bold, links.
// Everything else stays text. Only http and https links become links.

import { el } from "./dom.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^()\s]+)\)/g;

/** The Markdown as elements. */
export function markdown(text) {
  const holder = el("div", { class: "md" });
  let list;
  let words = [];
  const close = () => {
    if (words.length) holder.append(el("p", {}, inline(words.join(" "))));
    words = [];
    list = undefined;
  };
  for (const row of String(text ?? "").split(/\r?\n/)) {
    const heading = /^(#{1,4})\s+(.*)$/.exec(row);
    const item = /^\s*(?:([-*])|\d+\.)\s+(.*)$/.exec(row);
    if (heading) {
      close();
      holder.append(el(`h${Math.min(3, heading[1].length)}`, {}, inline(heading[2])));
    } else if (item) {
      if (!list) {
        close();
        list = el(item[1] ? "ul" : "ol");
        holder.append(list);
      }
      list.append(el("li", {}, inline(item[2])));
    } else if (/^\s*(---+|\*\*\*+)\s*$/.test(row)) {
      close();
      holder.append(el("hr"));
    } else if (row.trim() === "") {
      close();
    } else {
      list = undefined;
      words.push(row.trim());
    }
  }
  close();
  return holder;
}

function inline(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    parts.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1]) parts.push(el("code", {}, found[1]));
    else if (found[2]) parts.push(el("strong", {}, found[2]));
    else parts.push(link(found[3], found[4]));
  }
  parts.push(text.slice(from));
  return parts;
}

function link(words, address) {
  if (!/^https?:\/\//i.test(address)) return words;
  return el("a", { href: address, rel: "noopener noreferrer", target: "_blank" }, words);
}

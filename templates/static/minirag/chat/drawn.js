// A passage as it is meant to be read: headings, tables, bold words and code are drawn, their marks left
// out. Works on ranges of the passage's own text, so that a quote's place is never searched for again.

import { el } from "./dom.js";

const FENCE = /^ {0,3}(?:`{3,}|~{3,})\s*([\w+#.-]{0,40})\s*$/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(?=\S)/;
const HEADING_END = /[ \t]+#*[ \t]*$/;
const ROW = /^\s*\|.*\|\s*$/;
const RULE = /^[\s|:-]*--[\s|:-]*$/;
const MARKS = /\*\*(?=\S)([^*\n]{1,500})\*\*|`([^`\n]{1,500})`|!?\[([^[\]\n]{1,300})\]\([^()\s]{1,1000}\)/g;
const LONGEST_ROW = 5_000; // characters; a longer line stays text
// The title of source code is its file's name; a # is a comment there.
const FILE = /\.[a-z]\w{0,9}$/i;
const DOCUMENT = /\.(csv|docx|eml|epub|html?|md|markdown|odt|pdf|pptx|rst|tsv|txt|xlsx)$/i;

/** Nodes for `parts`, the `[{text, mark}]` of passage.js: each marked text becomes `<mark>` elements. */
export function drawn(parts, title = "") {
  const text = parts.map((part) => part.text).join("");
  const page = new Page(text, spansOf(parts));
  if (FILE.test(title) && !DOCUMENT.test(title)) return page.plain(0, text.length);
  const nodes = [];
  const lines = linesOf(text);
  let at = 0;
  while (at < lines.length) {
    const found = page.block(lines, at);
    nodes.push(...found.nodes);
    at = found.end;
  }
  return nodes;
}

function spansOf(parts) {
  const spans = [];
  let from = 0;
  for (const { text, mark } of parts) {
    const to = from + text.length;
    if (mark) spans.push({ from, to, mark });
    from = to;
  }
  return spans;
}

function linesOf(text) {
  const lines = [];
  let from = 0;
  for (const line of text.split("\n")) {
    lines.push({ from, to: from + line.length, text: line });
    from += line.length + 1;
  }
  return lines;
}

class Page {
  constructor(text, spans) {
    this.text = text;
    this.spans = spans;
  }

  block(lines, at) {
    const taken = this.#shape(lines, at);
    if (!taken) return this.#text(lines, at);
    // A shape brings its own room: the empty lines below it would double it.
    while (taken.end < lines.length && !lines[taken.end].text.trim()) taken.end += 1;
    return taken;
  }

  #shape(lines, at) {
    const line = lines[at];
    if (FENCE.test(line.text)) return this.#code(lines, at);
    const heading = HEADING.exec(line.text);
    if (heading) return { nodes: [this.#heading(line, heading)], end: at + 1 };
    return isRow(lines, at) ? this.#table(lines, at) : null;
  }

  /** Lines of text, with their breaks. */
  #text(lines, at) {
    let end = at + 1;
    while (end < lines.length && !this.#shape(lines, end)) end += 1;
    return { nodes: this.#words(lines[at].from, lines[end]?.from ?? lines[end - 1].to), end };
  }

  /** The lines between two fences, as they are; nothing in them is a mark. */
  #code(lines, at) {
    const [, language] = FENCE.exec(lines[at].text);
    let end = at + 1;
    while (end < lines.length && !FENCE.test(lines[end].text)) end += 1;
    const closed = end < lines.length && !FENCE.exec(lines[end].text)[1];
    // A bare fence that nothing closes is the end of code that began before the passage.
    if (!closed && !language) return { nodes: [], end: at + 1 };
    const inside = lines.slice(at + 1, end);
    const code = inside.length ? this.plain(inside[0].from, inside.at(-1).to) : [];
    return { nodes: [el("pre", {}, el("code", {}, ...code))], end: closed ? end + 1 : end };
  }

  #heading(line, [mark, { length: level }]) {
    const words = line.text.slice(mark.length).replace(HEADING_END, "");
    const from = line.from + mark.length;
    // The panel's own title has level two.
    return el(`h${Math.min(6, level + 2)}`, {}, ...this.#words(from, from + words.length));
  }

  #table(lines, at) {
    let end = at;
    while (end < lines.length && isRow(lines, end)) end += 1;
    // A passage may begin within a table: its rule is the first or the second line, or not there.
    const rule = [1, 0].find((place) => at + place < end && RULE.test(lines[at + place].text));
    const rows = lines.slice(at, end).filter((_, place) => place !== rule);
    const drawRow = (row, name) =>
      el("tr", {}, ...cellsOf(row).map(({ from, to }) => el(name, {}, ...this.#words(from, to))));
    const head = rule === 1 ? [el("thead", {}, drawRow(rows[0], "th"))] : [];
    const body = rows.slice(head.length).map((row) => drawRow(row, "td"));
    const table = el("table", {}, ...head, el("tbody", {}, ...body));
    const box = { class: "table", tabindex: "0", role: "region", "aria-label": "Table" };
    return { nodes: rows.length ? [el("div", box, table)] : [], end };
  }

  /** Text with its bold words, code and links drawn; a link leads nowhere here, its words stay. */
  #words(from, to) {
    const nodes = [];
    let at = from;
    for (const found of this.text.slice(from, to).matchAll(MARKS)) {
      const inside = found[1] ?? found[2] ?? found[3];
      const begin = from + found.index;
      const first = begin + found[0].indexOf(inside);
      const shown = this.plain(first, first + inside.length);
      const name = found[1] ? "strong" : found[2] ? "code" : null;
      nodes.push(...this.plain(at, begin), ...(name ? [el(name, {}, ...shown)] : shown));
      at = begin + found[0].length;
    }
    return [...nodes, ...this.plain(at, to)];
  }

  /** Text as it is, cut where a quote begins or ends. */
  plain(from, to) {
    const nodes = [];
    let at = from;
    for (const span of this.spans) {
      const [begin, end] = [Math.max(span.from, at), Math.min(span.to, to)];
      if (begin >= end) continue;
      if (begin > at) nodes.push(this.text.slice(at, begin));
      const words = this.text.slice(begin, end);
      nodes.push(words.trim() ? el("mark", { class: span.mark }, words) : words);
      at = end;
    }
    if (at < to) nodes.push(this.text.slice(at, to));
    return nodes;
  }
}

/** A whole row; or what the passage's edge left of one, beside a whole row. */
function isRow(lines, at) {
  const whole = (place) => lines[place] && lines[place].text.length < LONGEST_ROW && ROW.test(lines[place].text);
  const { text } = lines[at];
  if (whole(at)) return true;
  if (at === 0) return text.trimEnd().endsWith("|") && whole(1);
  return at === lines.length - 1 && text.trimStart().startsWith("|") && whole(at - 1);
}

/** Where the cells of a row stand in the passage, without the blanks around their words. */
function cellsOf(row) {
  const cells = [];
  const take = (from, to) => {
    const raw = row.text.slice(from, to);
    const begin = row.from + from + (raw.length - raw.trimStart().length);
    cells.push({ from: begin, to: begin + raw.trim().length });
  };
  let from = row.text.trimStart().startsWith("|") ? row.text.indexOf("|") + 1 : 0;
  for (let at = from; at < row.text.length; at += 1) {
    if (row.text[at] !== "|" || row.text[at - 1] === "\\") continue;
    take(from, at);
    from = at + 1;
  }
  if (row.text.slice(from).trim()) take(from, row.text.length);
  return cells;
}

// Answers as nodes: paragraphs, headings, lists, tables, quotes and code; nothing else exists here.

import { el } from "./dom.js";
import { inline } from "./inline.js";

const DEPTH = 6; // of lists and quotes inside each other
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,40})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+•]|\d{1,9}[.)])(?:\s+|$)/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** A fragment for `text`; `cite(n)` gives the node for a marker `[n]`, or null. */
export function markdown(text, cite = () => null) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(text.replaceAll("\r\n", "\n").split("\n"), cite, 0));
  return fragment;
}

function blocks(lines, cite, depth) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const taken = block(lines, at, cite, depth);
    nodes.push(taken.node);
    at = taken.end;
  }
  return nodes;
}

function block(lines, at, cite, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fenced(lines, at);
  const heading = HEADING.exec(line);
  if (heading) {
    // The page itself has levels one and two.
    const name = `h${Math.min(6, heading[1].length + 2)}`;
    return { node: el(name, {}, ...inline(heading[2], cite)), end: at + 1 };
  }
  if (RULE.test(line)) return { node: el("hr"), end: at + 1 };
  if (depth < DEPTH && QUOTE.test(line)) return quote(lines, at, cite, depth);
  if (depth < DEPTH && ITEM.test(line)) return list(lines, at, cite, depth);
  if (isTable(lines, at)) return table(lines, at, cite);
  return paragraph(lines, at, cite, depth);
}

function fenced(lines, at) {
  const [, fence, language] = FENCE.exec(lines[at]);
  const rows = [];
  let end = at + 1;
  while (end < lines.length && !closes(lines[end], fence)) {
    rows.push(lines[end]);
    end += 1;
  }
  const shown = el("code", { "data-language": language || null }, rows.join("\n"));
  const box = { tabindex: "0", role: "region", "aria-label": "Code" };
  return { node: el("pre", box, shown), end: end + 1 };
}

function closes(line, fence) {
  const bare = line.trim();
  return bare.length >= fence.length && bare === fence[0].repeat(bare.length);
}

function quote(lines, at, cite, depth) {
  const inside = [];
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) {
    inside.push(lines[end].replace(QUOTE, ""));
    end += 1;
  }
  return { node: el("blockquote", {}, ...blocks(inside, cite, depth + 1)), end };
}

function list(lines, at, cite, depth) {
  const [, margin, sign] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(sign);
  const start = ordered ? parseInt(sign, 10) : 1;
  const node = ordered ? el("ol", start === 1 ? {} : { start }) : el("ul");
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (!item || item[1].length !== margin.length || /\d/.test(item[2]) !== ordered) break;
    const inside = itemLines(lines, end, item);
    node.append(el("li", {}, ...tight(blocks(inside.lines, cite, depth + 1))));
    end = inside.end;
  }
  return { node, end };
}

/** The lines of one item without their margin, and where the next item may begin. */
function itemLines(lines, at, item) {
  const inner = item[1].length + 1;
  const inside = [lines[at].slice(item[0].length)];
  let end = at + 1;
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    const indent = line.search(/\S/);
    if (indent < 0) {
      const following = (lines[end + 1] ?? "").search(/\S/);
      if (following < inner) break;
      inside.push("");
    } else if (indent >= inner) {
      inside.push(line.slice(Math.min(indent, item[0].length)));
    } else if (ITEM.test(line) || !lines[end - 1].trim() || starts(line)) {
      break;
    } else {
      inside.push(line);
    }
  }
  while (end < lines.length && !lines[end].trim() && ITEM.test(lines[end + 1] ?? "")) end += 1;
  return { lines: inside, end };
}

/** An item of one paragraph needs no paragraph. */
function tight(nodes) {
  if (nodes[0]?.nodeName !== "P") return nodes;
  return [...nodes[0].childNodes, ...nodes.slice(1)];
}

function isTable(lines, at) {
  const rule = lines[at + 1];
  return lines[at].includes("|") && rule !== undefined && rule.includes("-") && rule.length < 2_000
    && TABLE_LINE.test(rule);
}

function cells(line) {
  const bare = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return bare.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function table(lines, at, cite) {
  const head = cells(lines[at]);
  const row = (line, name) => {
    const given = cells(line);
    return el("tr", {}, ...head.map((_, place) => el(name, {}, ...inline(given[place] ?? "", cite))));
  };
  const body = el("tbody");
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) {
    body.append(row(lines[end], "td"));
    end += 1;
  }
  const whole = el("table", {}, el("thead", {}, row(lines[at], "th")), body);
  const box = { class: "table", tabindex: "0", role: "region", "aria-label": "Table" };
  return { node: el("div", box, whole), end };
}

function starts(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
}

function paragraph(lines, at, cite, depth) {
  const rows = [lines[at]];
  let end = at + 1;
  const goesOn = (line) => line.trim() && !starts(line) && !(depth < DEPTH && ITEM.test(line));
  while (end < lines.length && goesOn(lines[end]) && !isTable(lines, end)) {
    rows.push(lines[end]);
    end += 1;
  }
  const nodes = [];
  rows.forEach((line, place) => {
    const hard = / {2}$|\\$/.test(line) && place < rows.length - 1;
    const text = line.trim().replace(hard ? /\\$/ : /$^/, "");
    nodes.push({ text, hard });
  });
  return { node: el("p", {}, ...joined(nodes, cite)), end };
}

/** Lines of one paragraph: marks may span them, hard breaks part them. */
function joined(rows, cite) {
  const nodes = [];
  let text = "";
  for (const row of rows) {
    text += (text ? "\n" : "") + row.text;
    if (row.hard) {
      nodes.push(...inline(text, cite), el("br"));
      text = "";
    }
  }
  nodes.push(...inline(text, cite));
  return nodes;
}

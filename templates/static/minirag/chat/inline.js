// One line of Markdown as nodes. Text stays text: no HTML, no images, web addresses only.

import { el, linkOut, webAddress } from "./dom.js";

const DEPTH = 6; // of marks inside marks
const REACH = 2_000; // characters from a mark to its closing twin: keeps hostile input linear
const MARKS = [
  ["**", "strong"],
  ["__", "strong"],
  ["~~", "del"],
  ["*", "em"],
  ["_", "em"],
];
const SPECIAL = /[\\`*_~[<!]|https?:\/\//g;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}]/u;

/**
 * Nodes for `text`. `cite(number)` gives the node for a marker `[number]`, or null where the number
 * means nothing.
 */
export function inline(text, cite, depth = 0) {
  const nodes = [];
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(plain));
    plain = "";
  };
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text);
    plain += text.slice(at, next ? next.index : text.length);
    if (!next) break;
    at = next.index;
    const found = depth < DEPTH ? piece(text, at, cite, depth) : null;
    if (!found) {
      plain += text[at];
      at += 1;
      continue;
    }
    if (typeof found.node === "string") {
      plain += found.node;
    } else {
      flush();
      nodes.push(found.node);
    }
    at = found.end;
  }
  flush();
  return nodes;
}

/** What begins at `at`: `{node, end}`, or null when it is only a character. */
function piece(text, at, cite, depth) {
  switch (text[at]) {
    case "\\":
      return ESCAPABLE.test(text[at + 1] || "") ? { node: text[at + 1], end: at + 2 } : null;
    case "`":
      return code(text, at);
    case "[":
      return link(text, at, cite, depth) || marker(text, at, cite);
    case "!":
      return image(text, at);
    case "<":
      return angled(text, at);
    case "h":
      return bare(text, at);
    default:
      return emphasis(text, at, cite, depth);
  }
}

function code(text, at) {
  const fence = /^`+/.exec(text.slice(at, at + 16))[0];
  const close = text.slice(0, at + REACH).indexOf(fence, at + fence.length);
  if (close < 0) return null;
  const inside = text.slice(at + fence.length, close);
  return { node: el("code", {}, inside.replace(/^ (.+) $/, "$1")), end: close + fence.length };
}

function marker(text, at, cite) {
  const found = /^\[(\d{1,4})\]/.exec(text.slice(at, at + 6));
  const node = found && cite(Number(found[1]));
  return node ? { node, end: at + found[0].length } : null;
}

/** The label and target of `[label](target)` at `at`. */
function target(text, at) {
  const found = /^\[([^[\]]{0,500})\]\(\s*<?([^\s()<>]{1,2000})>?(?:\s+["'][^"']{0,300}["'])?\s*\)/.exec(
    text.slice(at, at + REACH + 900),
  );
  return found && { label: found[1], href: found[2], end: at + found[0].length };
}

function link(text, at, cite, depth) {
  const found = target(text, at);
  if (!found) return null;
  const href = webAddress(found.href);
  if (!href) return /^\d+$/.test(found.label) ? null : { node: found.label, end: found.end };
  return { node: linkOut(href, ...inline(found.label, () => null, depth + 1)), end: found.end };
}

/** Images would tell another server who reads: their words stay. */
function image(text, at) {
  const found = text[at + 1] === "[" && target(text, at + 1);
  return found ? { node: found.label, end: found.end } : null;
}

function angled(text, at) {
  const found = /^<(https?:\/\/[^\s<>]{1,2000})>/.exec(text.slice(at, at + REACH + 10));
  const href = found && webAddress(found[1]);
  return href ? { node: linkOut(href, found[1]), end: at + found[0].length } : null;
}

function bare(text, at) {
  if (WORD.test(text[at - 1] || "")) return null;
  const found = /^https?:\/\/[^\s<>"'`[\]]{1,2000}/.exec(text.slice(at, at + REACH));
  const shown = found && found[0].replace(/[.,;:!?)*_~]+$/, "");
  const href = shown && webAddress(shown);
  return href ? { node: linkOut(href, shown), end: at + shown.length } : null;
}

function emphasis(text, at, cite, depth) {
  for (const [mark, name] of MARKS) {
    if (!text.startsWith(mark, at)) continue;
    const close = closing(text, at, mark);
    if (close < 0) continue;
    const inside = text.slice(at + mark.length, close);
    return { node: el(name, {}, ...inline(inside, cite, depth + 1)), end: close + mark.length };
  }
  return null;
}

function closing(text, at, mark) {
  const begin = at + mark.length;
  if (!text[begin] || /\s/.test(text[begin])) return -1;
  const inWord = mark.includes("_");
  if (inWord && WORD.test(text[at - 1] || "")) return -1;
  const near = text.slice(0, at + REACH);
  for (let end = near.indexOf(mark, begin + 1); end > 0; end = near.indexOf(mark, end + 1)) {
    const after = text[end + mark.length] || "";
    if (/\s/.test(text[end - 1]) || (inWord && WORD.test(after))) continue;
    if (mark.length === 1 && after === mark) {
      end += 1;
      continue;
    }
    return end;
  }
  return -1;
}

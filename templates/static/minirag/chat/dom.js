// Elements without innerHTML: text is always text.

/** `el("p", {class: "x", onclick: f}, "text", node, …)`; null and false children are left out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

const SHAPES = {
  copy: "M9 9h10v10H9zM5 15V5h10",
  done: "M5 12.5l4.5 4.5L19 7.5",
  up: "M7 11v8H4v-8zm0 0 4-7c1.6 0 2.4 1 2 2.6L12.4 10H18c1.4 0 2.2 1 1.9 2.3l-1.2 5C18.4 18.4 17.6 19 16.5 19H7",
  down: "M7 13V5H4v8zm0 0 4 7c1.6 0 2.4-1 2-2.6L12.4 14H18c1.4 0 2.2-1 1.9-2.3l-1.2-5C18.4 5.6 17.6 5 16.5 5H7",
  retry: "M5 12a7 7 0 1 0 2.3-5.2M5 4v4h4",
  close: "M6 6l12 12M18 6L6 18",
  link: "M10 6H6v12h12v-4M13 5h6v6M19 5l-8 8",
};

/** A line drawing for a button; the button carries the words. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** Only web addresses become links; anything else gives null. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** A link out of the page, which takes nothing along. */
export function linkOut(href, ...children) {
  return el("a", { href, rel: "noopener noreferrer nofollow ugc", target: "_blank" }, ...children);
}

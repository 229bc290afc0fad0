// A page that shows something under way looks after itself: it reads itself again and takes over what
// differs, and only that, so that focus, ticks and half-filled forms stay where they are.

const PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 30_000;
const LONGEST_NAME = 80;
const WORKING = ".job-state.active";
const ROWS = "#result_list tbody, .inline-group tbody";
const PLACES = ".form-row .readonly, .object-tools";

const voice = document.createElement("p");
voice.setAttribute("role", "status");
voice.className = "visually-hidden";

/** Words for who listens; `seen` shows them too. */
function say(words, seen = false) {
  voice.classList.toggle("visually-hidden", !seen);
  voice.classList.toggle("errornote", seen);
  voice.textContent = words;
}

/** A row is the same row when its tick or its first link is; a place, when its field is. */
function key(part) {
  if (part.localName !== "tr") return part.closest(".form-row")?.className ?? part.className;
  return part.querySelector("input.action-select")?.value ?? part.querySelector("a")?.href;
}

function nameOf(row) {
  const cell = row.querySelector(".field-of_source") ?? row.querySelector("th") ?? row.cells[0];
  return cell.textContent.trim().slice(0, LONGEST_NAME);
}

function state(part) {
  return part.querySelector(".job-state")?.textContent ?? "";
}

function takeOver(old, fresh) {
  const [before, now] = [[...old.childNodes], [...fresh.childNodes]];
  const same = before.length === now.length && before.every((one, place) => one.isEqualNode(now[place]));
  if (!same) old.replaceChildren(...now);
}

/** Returns what changed its state, in words. */
function takeOverRows(body, fresh) {
  const known = new Map([...body.rows].map((row) => [key(row), row]));
  const changes = [];
  const rows = [...fresh.rows].map((row) => {
    const old = known.get(key(row));
    if (!key(row) || old?.cells.length !== row.cells.length) return row;
    const [was, is] = [state(old), state(row)];
    [...old.cells].forEach((cell, place) => takeOver(cell, row.cells[place]));
    if (was !== is) changes.push(`${nameOf(old)}: ${is}`);
    return old;
  });
  for (const row of [...body.rows]) if (!rows.includes(row)) row.remove();
  // A row that stays in its place is not touched: to move it would take its focus.
  rows.forEach((row, place) => {
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  return changes;
}

function takeOverPage(page) {
  const focused = document.activeElement;
  const changes = [];
  for (const [place, body] of document.querySelectorAll(ROWS).entries()) {
    const fresh = page.querySelectorAll(ROWS)[place];
    if (fresh) changes.push(...takeOverRows(body, fresh));
  }
  const places = new Map([...page.querySelectorAll(PLACES)].map((part) => [key(part), part]));
  for (const part of document.querySelectorAll(PLACES)) {
    const was = state(part);
    if (places.has(key(part))) takeOver(part, places.get(key(part)));
    if (was !== state(part)) changes.push(state(part));
  }
  if (changes.length) say(changes.join(". "));
  if (focused === document.activeElement) return;
  // What had the focus was moved, or is no longer there: a cancelled job has no button to cancel it.
  if (focused.isConnected) focused.focus({ preventScroll: true });
  else document.getElementById("content-start").focus({ preventScroll: true });
}

/** Returns whether the page could be read again. */
async function refresh() {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return false;
    if (voice.classList.contains("errornote")) say("");
    takeOverPage(new DOMParser().parseFromString(await answer.text(), "text/html"));
    return true;
  } catch {
    return false;
  }
}

async function watch() {
  let pause = PAUSE_MS;
  while (document.querySelector(WORKING)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (document.hidden) continue;
    const read = await refresh();
    if (!read) say("This page could not be read again. It goes on trying.", true);
    pause = read ? PAUSE_MS : Math.min(LONGEST_PAUSE_MS, pause * 2);
  }
}

if (document.querySelector(WORKING)) {
  document.getElementById("content").prepend(voice);
  watch();
}

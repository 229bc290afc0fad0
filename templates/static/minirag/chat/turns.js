// The two kinds of turns on the page: a question, and an answer that may still grow.

import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { ending } from "./words.js";

const REDRAW_MS = 60;

export function questionTurn(text) {
  const body = el("div", { class: "bubble" }, text);
  return el("article", { class: "turn question", "aria-label": "Your question" }, body);
}

/** `deeds`: {open(messageId, {marker, quotes, chosen}, opener), rate(messageId, rating), grown()}. */
export class AnswerTurn {
  constructor(name, deeds) {
    this.deeds = deeds;
    this.messageId = null;
    this.text = "";
    this.quotes = new Map();
    this.timer = null;
    this.body = el("div", { class: "body" }, waiting());
    this.foot = el("div", { class: "foot" });
    const who = el("header", { class: "who" }, name);
    const attributes = { class: "turn answer", "aria-label": "Answer", "aria-busy": "true" };
    this.node = el("article", attributes, who, this.body, this.foot);
  }

  /** More text of a running answer. Drawn at most every 60 ms: each draw builds the whole anew. */
  append(text) {
    this.text += text;
    this.timer ||= setTimeout(() => {
      this.timer = null;
      this.#draw(pendingMarker);
      this.deeds.grown();
    }, REDRAW_MS);
  }

  /** The final answer: `{id, content, status, finishReason, citations, feedback}`. */
  finish(answer) {
    this.#rest();
    this.messageId = answer.id;
    this.text = answer.content;
    this.quotes = grouped(answer.citations);
    this.#draw((number) => (this.quotes.has(number) ? this.#marker(number) : null));
    this.node.classList.toggle("refused", answer.status === "refused");
    const note = ending(answer.status, answer.finishReason);
    if (note) this.body.append(el("p", { class: "ending" }, note));
    if (!answer.content && !note) this.body.append(el("p", { class: "ending" }, "No answer."));
    this.foot.replaceChildren(...this.#sources(), this.#tools(answer));
    this.deeds.grown();
  }

  /** An answer that failed; what had come stays. */
  fail(error, again) {
    this.#rest();
    if (this.text) this.#draw(pendingMarker);
    else this.body.replaceChildren();
    const box = el("div", { class: "failure", role: "alert" }, el("p", {}, error.message));
    if (error.retryAfter > 1) {
      box.append(el("p", { class: "quiet" }, `Possible again in ${wait(error.retryAfter)}.`));
    }
    if (error.retryable) {
      box.append(el("button", { class: "button", type: "button", onclick: again }, icon("retry"), "Try again"));
    }
    this.body.append(box);
    this.deeds.grown();
  }

  #rest() {
    clearTimeout(this.timer);
    this.timer = null;
    this.node.removeAttribute("aria-busy");
  }

  #draw(cite) {
    this.body.replaceChildren(markdown(this.text, cite));
  }

  #marker(number) {
    return el(
      "button",
      {
        class: "cite",
        type: "button",
        "aria-label": `Show source ${number}`,
        "data-marker": number,
        onclick: (event) => this.#open(number, event.currentTarget),
      },
      String(number),
    );
  }

  /** Markers in the text stand for the quotes in their order, where there are as many of both. */
  #open(marker, opener) {
    const quotes = this.quotes.get(marker);
    const places = [...this.body.querySelectorAll(`[data-marker="${marker}"]`)];
    const place = places.length === quotes.length ? places.indexOf(opener) : 0;
    this.deeds.open(this.messageId, { marker, quotes, chosen: Math.max(0, place) }, opener);
  }

  #sources() {
    if (!this.quotes.size) return [];
    const items = [...this.quotes.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, [first]]) => el("li", {}, this.#source(first)));
    // A list and no landmark: every answer has one, under the same name.
    return [el("div", { class: "sources" }, el("ol", { "aria-label": "Sources" }, ...items))];
  }

  #source(one) {
    const open = (event) => this.#open(one.marker, event.currentTarget);
    return el(
      "button",
      { type: "button", class: "source", onclick: open },
      el("span", { class: "number" }, String(one.marker)),
      el("span", { class: "name" }, one.title || "Untitled document"),
      one.page ? el("span", { class: "place" }, `p. ${one.page}`) : null,
    );
  }

  #tools(answer) {
    const tools = el("div", { class: "tools", role: "group", "aria-label": "This answer" });
    tools.append(copyButton(answer.content));
    if (answer.status !== "refused") tools.append(...this.#thumbs(answer.feedback));
    return tools;
  }

  #thumbs(feedback) {
    const given = feedback?.rating ?? feedback ?? null;
    const words = { up: "Good answer", down: "Bad answer" };
    const buttons = Object.entries(words).map(([rating, label]) => {
      const rate = () => this.#rate(rating, buttons);
      const button = el(
        "button",
        { type: "button", class: "tool", title: label, "aria-label": label, onclick: rate },
        icon(rating),
      );
      button.dataset.rating = rating;
      button.setAttribute("aria-pressed", String(given === rating));
      return button;
    });
    return buttons;
  }

  async #rate(rating, buttons) {
    if (await this.deeds.rate(this.messageId, rating)) {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one.dataset.rating === rating));
    }
  }
}

/** Citations by their marker, in order. */
function grouped(citations) {
  const found = new Map();
  for (const one of citations) found.set(one.marker, [...(found.get(one.marker) || []), one]);
  return found;
}

function waiting() {
  return el("p", { class: "waiting" }, el("span", { class: "visually-hidden" }, "Answering"), el("i"), el("i"), el("i"));
}

function pendingMarker(number) {
  return el("span", { class: "cite pending" }, String(number));
}

function wait(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

function copyButton(text) {
  const label = "Copy the answer";
  const button = el("button", { type: "button", class: "tool", title: label, "aria-label": label }, icon("copy"));
  button.addEventListener("click", async () => {
    await copy(text);
    button.replaceChildren(icon("done"));
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      button.replaceChildren(icon("copy"));
      button.setAttribute("aria-label", label);
    }, 1_500);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // No clipboard on plain http beyond this machine: the old way still works there.
    const box = el("textarea", { class: "visually-hidden" });
    box.value = text;
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
}

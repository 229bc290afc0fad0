// The passage behind a marker: a drawer on a desk, a sheet on a phone.

import { el, linkOut, webAddress } from "./dom.js";
import { drawn } from "./drawn.js";
import { pieces } from "./passage.js";

const WIDE = matchMedia("(min-width: 1000px)");

export class SourcePanel {
  constructor(dialog, fetchCitation) {
    this.dialog = dialog;
    this.fetchCitation = fetchCitation;
    this.title = dialog.querySelector("[data-title]");
    this.place = dialog.querySelector("[data-place]");
    this.content = dialog.querySelector("[data-content]");
    this.opener = null;
    this.asked = 0;
    dialog.querySelector("[data-close]").addEventListener("click", () => this.close());
    dialog.addEventListener("close", () => this.#closed());
    dialog.addEventListener("click", (event) => event.target === dialog && this.close());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && dialog.open) {
        event.preventDefault();
        this.close();
      }
    });
  }

  /** `quotes` are the citations behind the marker, `chosen` the index of the one asked for. */
  async open(messageId, { marker, quotes, chosen }, opener) {
    this.#mark(opener);
    const turn = (this.asked += 1);
    this.title.textContent = `Source ${marker}`;
    this.place.replaceChildren();
    this.content.replaceChildren(el("p", { class: "quiet" }, "Looking up the passage…"));
    this.#show();
    try {
      const found = await this.fetchCitation(messageId, marker);
      if (turn === this.asked) this.#fill(found, quotes, chosen);
    } catch (error) {
      if (turn !== this.asked) return;
      const words = error.code === "not_found" ? "The document is no longer there." : error.message;
      this.content.replaceChildren(el("p", { class: "failure" }, words));
    }
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  #show() {
    if (!this.dialog.open) {
      if (WIDE.matches) this.dialog.show();
      else this.dialog.showModal();
    }
    document.body.classList.add("with-panel");
    this.title.focus();
  }

  #mark(opener) {
    this.opener?.removeAttribute("aria-expanded");
    this.opener = opener;
    opener.setAttribute("aria-expanded", "true");
  }

  #closed() {
    document.body.classList.remove("with-panel");
    this.asked += 1;
    const opener = this.opener;
    this.opener = null;
    opener?.removeAttribute("aria-expanded");
    if (opener?.isConnected) opener.focus();
  }

  #fill(found, quotes, chosen) {
    if (found.title) this.title.textContent = found.title;
    const passage = el("div", { class: "passage" }, ...drawn(pieces(found, quotes, chosen), found.title));
    this.place.replaceChildren(...where(found));
    this.content.replaceChildren(passage, ...original(found));
    this.#reveal([...passage.querySelectorAll("mark.chosen")]);
  }

  /** A short quote comes to the middle; of a long one the beginning is seen. */
  #reveal(marks) {
    const rows = marks.reduce((sum, mark) => sum + mark.getClientRects().length, 0);
    marks[0]?.scrollIntoView({ block: rows > 8 ? "start" : "center" });
  }
}

function where(found) {
  const path = (found.heading_path || []).filter((part) => part && part !== found.title);
  const facts = [];
  if (path.length) facts.push(el("p", { class: "path" }, path.join(" › ")));
  if (found.page) facts.push(el("p", { class: "page" }, `Page ${found.page}`));
  return facts;
}

function original(found) {
  const href = found.url && webAddress(found.url);
  return href ? [el("p", { class: "original" }, linkOut(href, "Open the original"))] : [];
}

// Where the question is written. One button: send, or stop while an answer runs.

const BUSY = "The answer is still coming. Send when it has ended, or stop it.";

/** Characters as the server counts them: code points, not UTF-16 units. */
export function codePoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

export class Composer {
  constructor(form, { limit, onSend, onStop, onBusy }) {
    this.form = form;
    this.limit = limit;
    this.onSend = onSend;
    this.onStop = onStop;
    this.onBusy = onBusy;
    this.keys = form.querySelector("#keys");
    this.keysWords = this.keys.textContent;
    this.box = form.querySelector("textarea");
    this.button = form.querySelector("button");
    this.count = form.querySelector("[data-count]");
    this.running = false;
    this.stoppable = false;
    this.box.addEventListener("input", () => this.#fit());
    this.box.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act();
    });
    this.#fit();
  }

  /** The state of the page: is an answer running, and can it be stopped yet? */
  set(running, stoppable = false) {
    this.running = running;
    this.stoppable = stoppable;
    this.form.classList.toggle("running", running);
    this.button.setAttribute("aria-label", running ? "Stop the answer" : "Send");
    this.keys.textContent = running ? BUSY : this.keysWords;
    this.#fit();
  }

  focus() {
    this.box.focus();
  }

  #key(event) {
    // While an input method composes, Enter chooses a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (this.running) this.onBusy(BUSY);
    else this.#act();
  }

  #act() {
    if (this.running) {
      if (this.stoppable) this.onStop();
      return;
    }
    const text = this.box.value.trim();
    if (!text || codePoints(text) > this.limit) return;
    this.box.value = "";
    this.#fit();
    this.onSend(text);
  }

  #fit() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
    const length = codePoints(this.box.value);
    const near = length > this.limit * 0.9;
    this.count.hidden = !near;
    this.count.textContent = `${length.toLocaleString("en")} of ${this.limit.toLocaleString("en")} characters`;
    this.count.classList.toggle("over", length > this.limit);
    const sendable = this.box.value.trim() && length <= this.limit;
    this.button.disabled = this.running ? !this.stoppable : !sendable;
  }
}

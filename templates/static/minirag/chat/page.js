// The chat page: what is asked, what is shown, in which order.

import { Composer } from "./composer.js";
import { markdown } from "./markdown.js";
import { SourcePanel } from "./panel.js";
import { Session } from "./session.js";
import { Broken } from "./socket.js";
import { Transport } from "./transport.js";
import { AnswerTurn, questionTurn } from "./turns.js";
import { ChatError } from "./words.js";

const ANNOUNCED = 1_500; // characters of an answer that are read out
const CAN_HOVER = matchMedia("(hover: hover)");

class ChatPage {
  constructor(root) {
    this.config = JSON.parse(root.dataset.config);
    this.log = document.getElementById("log");
    this.welcome = document.getElementById("welcome");
    this.voice = document.getElementById("voice");
    this.session = new Session(this.config.public_id);
    this.transport = new Transport(this.session);
    this.panel = new SourcePanel(document.getElementById("panel"), (message, marker) =>
      this.transport.citation(message, marker));
    this.composer = new Composer(document.getElementById("composer"), {
      limit: this.config.max_characters,
      onSend: (text) => this.ask(text),
      onStop: () => this.stop(),
      onBusy: (words) => this.say(words),
    });
    this.deeds = {
      open: (message, quote, opener) => this.panel.open(message, quote, opener),
      rate: (message, rating) => this.rate(message, rating),
      grown: () => this.follow(),
    };
    this.running = null; // the id of the running answer, "" before it is known
    this.atEnd = true;
    this.lastY = 0;
    this.era = 0; // counts the chats begun here: a late answer of an older one is not shown
    this.#wire();
  }

  #wire() {
    document.getElementById("new-chat").addEventListener("click", () => {
      this.begin();
      this.composer.focus();
    });
    for (const chip of document.querySelectorAll("[data-ask]")) {
      chip.addEventListener("click", () => {
        this.ask(chip.dataset.ask);
        // The chip is gone now. On a phone the keyboard would come up over the answer.
        if (CAN_HOVER.matches) this.composer.focus();
        else this.log.focus({ preventScroll: true });
      });
    }
    const greeting = document.getElementById("greeting");
    greeting.replaceChildren(markdown(greeting.textContent));
    addEventListener("hashchange", () => this.askFromAddress());
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
  }

  async start() {
    if (this.askFromAddress()) return;
    if (this.session.chatId) await this.restore(this.session.chatId);
    if (CAN_HOVER.matches) this.composer.focus();
  }

  /** `#ask=…` asks once, in a chat of its own, and leaves the address clean. */
  askFromAddress() {
    const wanted = new URLSearchParams(location.hash.slice(1)).get("ask")?.trim();
    if (!wanted) return false;
    history.replaceState(null, "", location.pathname + location.search);
    this.begin();
    this.ask(wanted);
    return true;
  }

  /** An empty chat. A running answer of the old one goes on at the server. */
  begin() {
    this.era += 1;
    this.running = null;
    this.session.chatId = null;
    this.panel.close();
    this.log.replaceChildren();
    this.welcome.hidden = false;
    this.composer.set(false);
  }

  async ask(text, fresh = true) {
    if (this.running !== null) return;
    this.running = "";
    this.welcome.hidden = true;
    this.composer.set(true);
    if (fresh) this.log.append(questionTurn(text));
    const turn = this.#newTurn();
    this.toEnd();
    this.say("Answering…");
    const era = this.era;
    try {
      const answer = await this.#hear(text, turn, era);
      if (era === this.era && answer) this.#show(turn, answer);
    } catch (error) {
      if (era === this.era) this.#failed(turn, error, text);
    } finally {
      if (era === this.era) {
        this.running = null;
        this.composer.set(false);
      }
    }
  }

  /** Follow the events of one answer to its end; returns the final answer. */
  async #hear(text, turn, era) {
    const question = { bot_profile_id: this.config.bot_profile_id, message: text };
    if (this.session.chatId) question.chat_id = this.session.chatId;
    try {
      for await (const event of this.transport.ask(question)) {
        if (era !== this.era) return null;
        if (event.type === "start") this.#started(event);
        else if (event.type === "delta") turn.append(event.text);
        else if (event.type === "done") return finished(event);
        else if (event.type === "error") throw failure(event);
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      if (!this.running) throw new ChatError("offline");
      // The answer goes on without us: its row tells how it ended.
      return fromRow(await this.transport.settled(this.running));
    }
    return null;
  }

  #started(event) {
    this.running = event.message_id;
    this.session.chatId = event.chat_id;
    this.composer.set(true, true);
  }

  #newTurn() {
    const turn = new AnswerTurn(this.config.name, this.deeds);
    this.log.append(turn.node);
    return turn;
  }

  #show(turn, answer) {
    if (answer.error && answer.status === "failed") {
      turn.fail(failure(answer.error), () => {});
      return;
    }
    turn.finish(answer);
    this.say(turn.body.innerText.slice(0, ANNOUNCED));
  }

  #failed(turn, error, text) {
    const known = error instanceof ChatError ? error : new ChatError("internal");
    if (!(error instanceof ChatError)) console.error(error);
    if (known.code === "not_found") this.session.chatId = null;
    turn.fail(known, () => {
      turn.node.remove();
      this.ask(text, false);
    });
    this.say("");
  }

  async stop() {
    const message = this.running;
    this.composer.set(true, false);
    try {
      await this.transport.stop(message);
    } catch (error) {
      this.say(error.message);
      if (this.running === message) this.composer.set(true, true);
    }
  }

  async rate(message, rating) {
    try {
      await this.transport.feedback(message, rating);
      this.say("Thank you.");
      return true;
    } catch (error) {
      this.say(error.message);
      return false;
    }
  }

  /** Show a chat again after a reload; an answer that still runs is waited for. */
  async restore(chatId) {
    const era = this.era;
    try {
      const rows = await this.transport.messages(chatId);
      if (era !== this.era || this.running !== null || !rows.length) return;
      this.welcome.hidden = true;
      for (const row of rows) this.#restored(row, era);
      this.toEnd();
    } catch (error) {
      if (error.code === "not_found" || error.code === "forbidden") this.session.chatId = null;
    }
  }

  #restored(row, era) {
    if (row.role === "user") {
      this.log.append(questionTurn(row.content));
      return;
    }
    const turn = this.#newTurn();
    if (row.status === "streaming") this.#await(turn, row.id, era);
    else this.#show(turn, fromRow(row));
  }

  async #await(turn, id, era) {
    this.running = id;
    this.composer.set(true, true);
    try {
      const row = await this.transport.settled(id);
      if (era === this.era) this.#show(turn, fromRow(row));
    } catch (error) {
      if (era === this.era) turn.fail(error, () => location.reload());
    }
    if (era !== this.era) return;
    this.running = null;
    this.composer.set(false);
  }

  /** Words for who listens; the log itself stays silent while it grows. */
  say(words) {
    this.voice.textContent = words;
  }

  /** Stay at the end, unless the reader has scrolled up. */
  follow() {
    if (this.atEnd) this.toEnd();
  }

  toEnd() {
    this.atEnd = true;
    scrollTo({ top: document.documentElement.scrollHeight });
    this.lastY = scrollY;
  }

  /** Only the reader scrolls up; coming back to the end is following again. */
  #scrolled() {
    const room = document.documentElement.scrollHeight - innerHeight - scrollY;
    if (room < 8) this.atEnd = true;
    else if (scrollY < this.lastY - 2) this.atEnd = false;
    this.lastY = scrollY;
  }
}

function finished(event) {
  return {
    id: event.message_id,
    content: event.answer,
    status: event.refused ? "refused" : "completed",
    finishReason: event.finish_reason,
    citations: event.citations || [],
    feedback: null,
    error: null,
  };
}

function fromRow(row) {
  return {
    id: row.id,
    content: row.content || "",
    status: row.status,
    finishReason: "",
    citations: row.citations || [],
    feedback: row.feedback,
    error: row.error,
  };
}

function failure(error) {
  const options = error.retryable === undefined ? {} : { retryable: error.retryable };
  return new ChatError(error.code, options);
}

const root = document.querySelector("[data-config]");
if (root) new ChatPage(root).start();

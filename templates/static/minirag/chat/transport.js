// Asks by WebSocket, and by SSE where sockets do not come through.

import { Broken, Socket } from "./socket.js";
import { askBySse } from "./sse.js";
import { ChatError } from "./words.js";

const POLL_MS = 1_000;
const POLLS = 600;

export class Transport {
  constructor(session) {
    this.session = session;
    this.socket = null;
    this.socketsFail = false;
  }

  /** Events of one answer, in order: start, retrieval, delta…, then done or error. */
  async *ask(question) {
    let started = false;
    if (!this.socketsFail) {
      try {
        for await (const event of this.#bySocket(question)) {
          started ||= event.type === "start";
          yield event;
        }
        return;
      } catch (error) {
        if (!(error instanceof Broken) || started) throw error;
        this.socketsFail = true; // for this page: a proxy that eats sockets eats the next one too
      }
    }
    yield* askBySse(this.session, question);
  }

  async *#bySocket(question) {
    const token = await this.session.token();
    if (!this.socket?.usable || this.socket.token !== token) {
      this.socket?.close();
      this.socket = new Socket(token);
      await this.socket.open();
    }
    yield* this.socket.ask(question);
  }

  stop(messageId) {
    return this.session.json("POST", `/v1/messages/${messageId}/stop`);
  }

  feedback(messageId, rating) {
    return this.session.json("POST", `/v1/messages/${messageId}/feedback`, { rating });
  }

  citation(messageId, marker) {
    return this.session.json("GET", `/v1/messages/${messageId}/citations/${marker}`);
  }

  /** The row of an answer once it is final, however long that takes. */
  async settled(messageId) {
    for (let turn = 0; turn < POLLS; turn += 1) {
      const row = await this.session.json("GET", `/v1/messages/${messageId}`);
      if (row.status !== "streaming") return row;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new ChatError("unavailable");
  }

  /** All messages of a chat, oldest first. */
  async messages(chatId) {
    const found = [];
    let path = `/v1/chats/${chatId}/messages?limit=200`;
    while (path) {
      const page = await this.session.json("GET", path);
      found.push(...page.results);
      const next = page.next && new URL(page.next, location.href);
      path = next && next.pathname + next.search;
    }
    return found;
  }
}

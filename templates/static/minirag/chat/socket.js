// One WebSocket, kept open between questions.

const OPEN_WITHIN_MS = 3_000;

/** The way broke; nothing is known about the answer. */
export class Broken extends Error {}

export class Socket {
  constructor(token) {
    this.token = token;
    this.waiting = new Map(); // client id -> {frames, wake}
    this.asked = 0;
  }

  get usable() {
    return this.ws?.readyState === WebSocket.OPEN;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const address = `${scheme}//${location.host}/ws/v1/chat`;
    return new Promise((resolve, reject) => {
      this.ws = new WebSocket(address, ["minirag.v1", `bearer.${this.token}`]);
      const timer = setTimeout(() => this.close(), OPEN_WITHIN_MS);
      this.ws.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      this.ws.onclose = () => {
        clearTimeout(timer);
        reject(new Broken());
        for (const one of this.waiting.values()) one.push(null);
      };
      this.ws.onmessage = (message) => this.#sort(JSON.parse(message.data));
    });
  }

  close() {
    this.ws?.close();
  }

  /** The events of one answer; throws `Broken` when the socket closes before the last. */
  async *ask(question) {
    const id = `c${(this.asked += 1)}`;
    const line = new Line();
    this.waiting.set(id, line);
    try {
      this.ws.send(JSON.stringify({ ...question, type: "ask", id }));
      for (;;) {
        const frame = await line.next();
        if (frame === null) throw new Broken();
        yield frame;
        if (frame.type === "done" || frame.type === "error") return;
      }
    } finally {
      this.waiting.delete(id);
    }
  }

  #sort(frame) {
    this.waiting.get(frame.id)?.push(frame);
  }
}

/** Frames that came, and one reader that waits for the next. */
class Line {
  constructor() {
    this.items = [];
    this.wake = null;
  }

  push(item) {
    this.items.push(item);
    this.wake?.();
  }

  async next() {
    while (!this.items.length) {
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
    return this.items.shift();
  }
}

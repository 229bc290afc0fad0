// The visitor's credential: a widget session of this server's own origin.

import { ChatError } from "./words.js";

const SPARE_MS = 60_000; // renewed this long before it ends

function remembered(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null; // storage may be forbidden: the chat works without memory
  }
}

function remember(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // as above
  }
}

export class Session {
  constructor(publicId) {
    this.publicId = publicId;
    this.visitorKey = `minirag.visitor.${publicId}`;
    this.chatKey = `minirag.chat.${publicId}`;
    this.current = null;
    this.pending = null;
  }

  /** A token that is good for another minute at least. */
  async token() {
    if (this.current && this.current.until - SPARE_MS > Date.now()) return this.current.token;
    this.pending ||= this.#begin().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  /** Forget the token: the server did not take it. */
  drop() {
    this.current = null;
  }

  get chatId() {
    return remembered(sessionStorage, this.chatKey);
  }

  set chatId(id) {
    remember(sessionStorage, this.chatKey, id);
  }

  async #begin() {
    const visitor = remembered(localStorage, this.visitorKey);
    const body = { public_id: this.publicId };
    if (visitor) body.visitor_id = visitor;
    const answer = await send("POST", "/widget/v1/session", {}, body);
    const given = await answer.json();
    remember(localStorage, this.visitorKey, given.visitor_id);
    this.current = { token: given.token, until: Date.parse(given.expires_at) };
    return given.token;
  }

  /** A call as this visitor; renews the session once when the server no longer takes it. */
  async fetch(method, path, body, headers = {}) {
    for (let attempt = 0; ; attempt += 1) {
      const authorization = `Bearer ${await this.token()}`;
      try {
        return await send(method, path, { ...headers, authorization }, body);
      } catch (error) {
        if (error.status !== 401 || attempt > 0) throw error;
        this.drop();
      }
    }
  }

  async json(method, path, body) {
    const answer = await this.fetch(method, path, body);
    return answer.status === 204 ? null : answer.json();
  }
}

async function send(method, path, headers, body) {
  const options = { method, headers: { accept: "application/json", ...headers } };
  options.credentials = "omit"; // the visitor's token says who asks, never a cookie
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ChatError("offline");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  let code = answer.status >= 500 ? "unavailable" : "internal";
  try {
    code = (await answer.json()).error.code;
  } catch {
    // no body of ours: a proxy's page, perhaps
  }
  const retryAfter = Number(answer.headers.get("retry-after")) || 0;
  return new ChatError(code, { status: answer.status, retryAfter });
}

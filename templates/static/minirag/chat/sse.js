// The same events by fetch, where no socket can be had.

import { Broken } from "./socket.js";

/** Splits a byte stream into `{event, data}` blocks, as the SSE standard says. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } catch (error) {
    throw new Broken(String(error));
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  let type = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) type = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { type, ...JSON.parse(data.join("\n")) } : null;
}

/** The events of one answer; throws `Broken` when the stream ends before the last. */
export async function* askBySse(session, question) {
  const body = { ...question, stream: true };
  const answer = await session.fetch("POST", "/v1/chat", body, { accept: "text/event-stream" });
  for await (const event of events(answer.body)) {
    yield event;
    if (event.type === "done" || event.type === "error") return;
  }
  throw new Broken();
}

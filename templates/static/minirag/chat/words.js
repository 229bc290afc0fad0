// What went wrong, in words for a reader. The codes are the API's closed list.

const WORDS = {
  bad_request: "The question could not be read. Please try it in other words.",
  invalid: "The question could not be read. Please try it in other words.",
  unauthenticated: "This chat's session has ended. Reload the page to go on.",
  forbidden: "This chat is not open to you.",
  origin_refused: "This chat may not be used from this address.",
  not_found: "This chat is no longer there. Start a new one.",
  conflict: "The last question is still being answered. Wait for it, or stop it.",
  too_large: "That is too long to be asked at once.",
  provider_misconfigured: "This assistant is not set up correctly. Its operator has to look at it.",
  provider_rejected: "The language model refused this request.",
  rate_limited: "That was a lot of questions. Wait a moment, then try again.",
  quota_exceeded: "This assistant has reached its limit for today.",
  provider_unavailable: "The language model does not answer right now.",
  retrieval_unavailable: "The sources cannot be searched right now.",
  unavailable: "The service is not available right now.",
  internal: "Something went wrong on the server.",
  offline: "The server cannot be reached. Are you connected?",
};

const RETRYABLE = new Set([
  "rate_limited",
  "provider_unavailable",
  "retrieval_unavailable",
  "unavailable",
  "internal",
  "offline",
  "conflict",
]);

/** A refusal of the API, or of the way to it (`offline`). */
export class ChatError extends Error {
  constructor(code, { status = 0, retryable = RETRYABLE.has(code), retryAfter = 0 } = {}) {
    super(WORDS[code] || WORDS.internal);
    this.code = code;
    this.status = status;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
  }
}

/** Words for how an answer ended when it did not end by itself; empty when it did. */
export function ending(status, finishReason) {
  if (status === "stopped" || finishReason === "stopped") return "Stopped.";
  if (status === "interrupted") return "The answer broke off here and is not complete.";
  if (finishReason === "length") return "The answer reached its length limit here.";
  if (finishReason === "content_filter") return "The provider's filter ended the answer here.";
  return "";
}

// Where an answer's quotes stand in the passage around them.
// Offsets are code points, as the server counts them; a JavaScript string counts UTF-16 units.

/**
 * Splits a passage at the quotes of one marker.
 *
 * `found` is {before, quote, after}; `quotes` are the marker's citations {start, end, quote}, the one
 * that the server looked up among them; `chosen` is the index of the one that was asked for.
 * Returns `[{text, mark}]` with mark "chosen", "other" or null.
 */
export function pieces(found, quotes, chosen) {
  const plain = [
    { text: found.before, mark: null },
    { text: found.quote, mark: "chosen" },
    { text: found.after, mark: null },
  ];
  const known = quotes.find((one) => one.quote === found.quote);
  const wanted = quotes[chosen];
  if (!known || !wanted) return plain;
  const points = Array.from(found.before + found.quote + found.after);
  const begin = known.start - Array.from(found.before).length;
  const spans = quotes
    .map((one) => ({ from: one.start - begin, to: one.end - begin, one }))
    .filter(({ from, to, one }) => from >= 0 && points.slice(from, to).join("") === one.quote)
    .sort((a, b) => a.from - b.from);
  if (!spans.some(({ one }) => one === wanted)) {
    // Too far from the passage that the server showed: the quote stands alone.
    return [{ text: wanted.quote, mark: "chosen" }];
  }
  return cut(points, spans, wanted);
}

function cut(points, spans, wanted) {
  const found = [];
  let at = 0;
  for (const { from, to, one } of spans) {
    if (from < at) continue; // two quotes that overlap: the first is enough
    if (from > at) found.push({ text: points.slice(at, from).join(""), mark: null });
    found.push({ text: points.slice(from, to).join(""), mark: one === wanted ? "chosen" : "other" });
    at = to;
  }
  if (at < points.length) found.push({ text: points.slice(at).join(""), mark: null });
  return found;
}

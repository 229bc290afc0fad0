// Without room for its columns a row of a table becomes a card (lists.css): each cell needs its column's name.
// The roles say to a reader what the changed display would hide.

function label(table) {
  const heads = [...table.tHead.querySelectorAll("th")];
  const names = heads.map((one) => (one.querySelector(".text") || one).textContent.trim());
  table.setAttribute("role", "table");
  for (const part of [table.tHead, ...table.tBodies]) part.setAttribute("role", "rowgroup");
  for (const one of heads) one.setAttribute("role", "columnheader");
  for (const row of table.rows) row.setAttribute("role", "row");
  for (const row of table.querySelectorAll("tbody tr")) {
    [...row.children].forEach((cell, place) => {
      cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      if (names[place]) cell.dataset.label = names[place];
    });
  }
}

for (const table of document.querySelectorAll("#result_list, .inline-group table")) {
  label(table);
  table.classList.add("labelled");
  // The list of jobs exchanges its rows while one is under way.
  new MutationObserver(() => label(table)).observe(table.tBodies[0], { childList: true });
}

// On a narrow screen a row of a list becomes a card (admin.css): each cell needs its column's name.
// The roles say to a reader what the changed display would hide.

function label(table) {
  const names = [...table.querySelectorAll("thead th")].map((one) => (one.querySelector(".text") || one).textContent.trim());
  table.setAttribute("role", "table");
  for (const row of table.querySelectorAll("tbody tr")) {
    row.setAttribute("role", "row");
    [...row.children].forEach((cell, place) => {
      cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      if (names[place]) cell.dataset.label = names[place];
    });
  }
}

const table = document.querySelector("#result_list");
if (table) {
  label(table);
  table.classList.add("labelled");
  // The list of jobs exchanges its rows while one is under way.
  new MutationObserver(() => label(table)).observe(table.tBodies[0], { childList: true });
}

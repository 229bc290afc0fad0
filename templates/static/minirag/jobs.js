// The job list looks after itself while a job is under way: it reloads the rows, not the page.
const PAUSE_MS = 2000;

async function refresh() {
  const list = document.querySelector("#result_list tbody");
  if (!list || !list.querySelector(".job-state.active")) return;
  if (!list.querySelector("input:checked")) {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = page.querySelector("#result_list tbody");
    if (rows) list.replaceChildren(...rows.children);
  }
  setTimeout(refresh, PAUSE_MS);
}

document.addEventListener("DOMContentLoaded", () => setTimeout(refresh, PAUSE_MS));

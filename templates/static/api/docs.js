// Search, opening a call from the address, copying an example.

const calls = [...document.querySelectorAll(".call")];
const search = document.getElementById("search");
const none = document.getElementById("none");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const call of calls) {
    const text = call.dataset.words.toLowerCase();
    call.hidden = !words.every((word) => text.includes(word));
    if (!call.hidden) shown += 1;
  }
  for (const group of document.querySelectorAll("[data-group]")) {
    const name = CSS.escape(group.dataset.group);
    group.hidden = !document.querySelector(`.group[data-group="${name}"] .call:not([hidden])`);
  }
  for (const block of document.querySelectorAll(".basics")) block.hidden = words.length > 0;
  none.textContent = words.length ? `${shown} of ${calls.length} calls` : "";
}

function openFromAddress() {
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted?.matches(".call")) {
    wanted.open = true;
    wanted.scrollIntoView();
  }
}

search.addEventListener("input", filter);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, textarea")) {
    event.preventDefault();
    search.focus();
  }
});
for (const call of calls) {
  call.addEventListener("toggle", () => {
    if (call.open) history.replaceState(null, "", `#${call.id}`);
  });
}
if (navigator.clipboard) {
  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
      }, 1_500);
    });
  }
}
addEventListener("hashchange", openFromAddress);
openFromAddress();
if (search.value) filter();

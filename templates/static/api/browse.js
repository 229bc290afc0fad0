// Sends a form's JSON, or its DELETE, and shows the answer below it: HTML forms know neither.

const token = document.querySelector("[data-csrf]").dataset.csrf;

async function send(form) {
  const method = form.dataset.method;
  const headers = { "X-CSRFToken": token, accept: "application/json" };
  const content = form.elements._content;
  const options = { method, headers, credentials: "same-origin" };
  if (content) {
    headers["content-type"] = form.elements._content_type?.value || "application/json";
    options.body = content.value;
  }
  const answer = await fetch(form.action, options);
  const text = await answer.text();
  return `HTTP ${answer.status} ${answer.statusText}\n\n${pretty(text)}`;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      output.textContent = await send(form);
    } catch {
      output.textContent = "The server cannot be reached.";
    }
    output.hidden = false;
    button.disabled = false;
    output.scrollIntoView({ block: "nearest" });
  });
}

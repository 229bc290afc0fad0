// The form of a new source shows what its type has, and nothing else. Without a script it shows all.

const OF_TYPE = {
  content: ["text"],
  uploads: ["file"],
  url: ["url", "sitemap", "crawl"],
  refresh: ["url", "sitemap", "crawl"],
  option_include: ["sitemap", "crawl"],
  option_exclude: ["sitemap", "crawl"],
  option_depth: ["crawl"],
  option_max_pages: ["sitemap", "crawl"],
  option_other_sites: ["sitemap"],
  option_keep: ["file", "sitemap", "crawl"],
  option_password: ["file", "url", "sitemap", "crawl"],
};

const type = document.querySelector("select#id_type");

function show() {
  for (const [name, types] of Object.entries(OF_TYPE)) {
    const row = document.querySelector(`.form-row.field-${name}`);
    // What holds an error stays in sight.
    if (row) row.hidden = !types.includes(type.value) && !row.querySelector(".errorlist");
  }
}

if (type) {
  type.addEventListener("change", show);
  show();
}

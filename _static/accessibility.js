// Repairs what the theme leaves undone for keyboards and screen readers; each line names the axe-core rule it is for.
document.addEventListener("DOMContentLoaded", () => {
  // label-content-name-mismatch: a button's name must hold the text that is seen
  document.querySelectorAll("button[aria-label], a[aria-label], summary[aria-label], label[aria-label]").forEach((e) => {
    const seen = e.innerText.trim();
    if (seen && !e.getAttribute("aria-label").toLowerCase().includes(seen.toLowerCase())) e.setAttribute("aria-label", seen);
  });
  // aria-required-children: the bibliography is no list of listitems
  document.querySelectorAll("div.citation-list[role=list], dl.citation[role=list], [role=list]").forEach((e) => {
    if (!e.querySelector("[role=listitem], li")) e.removeAttribute("role");
  });
  // scrollable-region-focusable: what scrolls sideways can be reached and scrolled with the arrow keys
  const scrollers = ":is(pre, div.math, mjx-container[display], table, .sweep-frames)";
  const reach = () => document.querySelectorAll(`.bd-article ${scrollers}`).forEach((e) => {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth;
    if (scrolls) e.setAttribute("tabindex", "0");                        // the theme has given some of them -1
  });
  reach();
  window.addEventListener("load", () => {
    reach();
    window.MathJax?.startup?.promise?.then(reach);                       // formulas come after the page
  });
  window.addEventListener("resize", reach);
  // label-content-name-mismatch: the button of the colour mode shows a sun, a moon or half a circle, and is called so
  const name = () => document.querySelectorAll(".theme-switch-button").forEach((button) => {
    const mode = document.documentElement.dataset.mode || "auto";
    const icon = button.querySelector(`[data-mode="${mode}"]`);
    const shown = icon?.querySelector("title")?.textContent || icon?.title || mode;
    button.setAttribute("aria-label", `Color mode: ${shown}`);
  });
  name();
  new MutationObserver(name).observe(document.documentElement, { attributeFilter: ["data-mode"] });
  window.addEventListener("load", name);
});

// On paper nothing can be opened: what is folded is printed open, and folded again afterwards.
const opened = [];
window.addEventListener("beforeprint", () => document.querySelectorAll(".bd-article details:not([open])").forEach((e) => {
  e.open = true;
  opened.push(e);
}));
window.addEventListener("afterprint", () => opened.splice(0).forEach((e) => { e.open = false; }));

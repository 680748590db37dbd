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
  const reach = () => document.querySelectorAll(".bd-article pre, .bd-article div.math, .bd-article table, .sweep-frames").forEach((e) => {
    if (e.scrollWidth > e.clientWidth) e.setAttribute("tabindex", "0");
  });
  reach();
  window.addEventListener("load", reach);
  if (window.MathJax?.startup?.promise) window.MathJax.startup.promise.then(reach);
});

// What is wider than the screen, as a formula, a table, code or a figure, fades where it goes on, and can be moved by the
// keyboard.
document.addEventListener("DOMContentLoaded", () => {
  const wide =
    ".bd-article :is(.math, .pst-scrollable-table-container, div.highlight pre, .cell_output .text_html, .wide-drawing)";

  const measured = (element) => [element, element.scrollWidth - element.clientWidth, element.scrollLeft];

  const show = ([element, hidden, left]) => {
    const goesOn = hidden > 1;
    element.classList.toggle("goes-on", goesOn);
    element.classList.toggle("goes-on-left", goesOn && left > 1);
    element.classList.toggle("goes-on-right", goesOn && left < hidden - 1);
    if (goesOn) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  };

  // First all are measured, then all are changed: in turns, the browser would lay out the page anew for each.
  const look = (elements) => elements.map(measured).forEach(show);

  const all = [...document.querySelectorAll(wide)];
  const sizes = new ResizeObserver((changes) => look(changes.map((change) => change.target)));
  for (const element of all) {
    sizes.observe(element);
    element.addEventListener("scroll", () => look([element]), { passive: true });
  }
  // In another font a formula reaches beyond its box; when its own has come, the box is as large as before.
  document.fonts.addEventListener("loadingdone", () => look(all));
  // So is that of a formula when the last rules of its characters have come.
  window.MathJax?.startup?.promise?.then(() => look(all));
});

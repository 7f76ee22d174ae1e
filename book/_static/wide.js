// What is wider than the screen, as a formula, a table, code or a figure, fades where it goes on, and can be moved by the
// keyboard.
document.addEventListener("DOMContentLoaded", () => {
  const wide =
    ".bd-article :is(.math, .pst-scrollable-table-container, div.highlight pre, .cell_output .text_html, .wide-drawing)";

  const look = (element) => {
    const hidden = element.scrollWidth - element.clientWidth;
    const goesOn = hidden > 1;
    element.classList.toggle("goes-on", goesOn);
    element.classList.toggle("goes-on-left", goesOn && element.scrollLeft > 1);
    element.classList.toggle("goes-on-right", goesOn && element.scrollLeft < hidden - 1);
    if (goesOn) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  };

  const sizes = new ResizeObserver((changes) => changes.forEach((change) => look(change.target)));
  for (const element of document.querySelectorAll(wide)) {
    sizes.observe(element);
    element.addEventListener("scroll", () => look(element), { passive: true });
  }
});

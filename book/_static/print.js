// What is printed is light: ink is dark, and so are the copies of the figures for a light ground.
{
  const page = document.documentElement;
  let mode = page.dataset.theme;

  window.addEventListener("beforeprint", () => {
    mode = page.dataset.theme;
    page.dataset.theme = "light";
  });

  window.addEventListener("afterprint", () => {
    page.dataset.theme = mode;
  });
}

// What is printed is light: ink is dark, and so are the copies of the figures for a light ground.
{
  const page = document.documentElement;
  let mode = null;

  window.addEventListener("beforeprint", () => {
    // A browser may say it twice; the second time the page is light already.
    mode ??= page.dataset.theme;
    page.dataset.theme = "light";
  });

  window.addEventListener("afterprint", () => {
    page.dataset.theme = mode ?? page.dataset.theme;
    mode = null;
  });
}

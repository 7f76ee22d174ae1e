const CLASSES = 3;
const LEARNED = 20;
const TESTED = 30;
const SIZE = 8;
const DIGITS = ["5", "6", "7"];

const text = (number, digits = 2) => number.toFixed(digits).replace("-", "−");

export function draw(stage) {
  const parts = JSON.parse(document.getElementById("transfer-exported").textContent);
  const set = { see: "features", samples: 3, numbers: 8 };
  const options = (words) => words.map((word) => `<option>${word}</option>`).join("");
  const upTo = (count) => Array.from({ length: count }, (_, i) => i + 1);
  stage.innerHTML = `
    <div class="moving-controls">
      <label>sees <select name="see">${options(["features", "pixels"])}</select></label>
      <label>samples of each class <select name="samples">${options(upTo(LEARNED))}</select></label>
      <label>numbers used <select name="numbers">${options(upTo(SIZE))}</select></label>
    </div>
    <svg class="moving-nearest" viewBox="-105 -105 210 210" style="width:100%;max-height:20rem" aria-hidden="true"></svg>
    <p class="moving-words" aria-live="polite"></p>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select")].map((select) => [select.name, select]));

  function at(list, count, group, sample) {
    const start = (group * count + sample) * SIZE;
    return list.slice(start, start + SIZE);
  }

  function show() {
    for (const [name, select] of Object.entries(controls)) select.value = set[name];
    const [learned, tested] = parts[set.see];
    const means = upTo(CLASSES).map((_, group) => {
      const sum = Array(SIZE).fill(0);
      for (let i = 0; i < set.samples; i++) at(learned, LEARNED, group, i).forEach((x, j) => (sum[j] += x));
      return sum.map((x) => x / set.samples);
    });
    let right = 0;
    let dots = "";
    for (let group = 0; group < CLASSES; group++)
      for (let i = 0; i < TESTED; i++) {
        const point = at(tested, TESTED, group, i);
        const far = means.map((mean) => mean.slice(0, set.numbers).reduce((sum, x, j) => sum + (x - point[j]) ** 2, 0));
        const good = far.indexOf(Math.min(...far)) === group;
        right += good;
        const [x, y] = [point[0], -point[1]];
        dots += `<text x="${x}" y="${y}" font-size="8" text-anchor="middle" fill="currentColor" opacity="${good ? 0.55 : 1}">${DIGITS[group]}</text>`;
        if (!good) dots += `<path d="M${x - 5} ${y - 8}l10 10m0 -10l-10 10" stroke="currentColor" fill="none"/>`;
      }
    means.forEach((mean, group) => {
      dots += `<circle cx="${mean[0]}" cy="${-mean[1]}" r="8" fill="none" stroke="currentColor" stroke-width="1.5"/>`;
      dots += `<text x="${mean[0]}" y="${-mean[1] + 4}" font-size="11" font-weight="bold" text-anchor="middle" fill="currentColor">${DIGITS[group]}</text>`;
    });
    stage.querySelector("svg").innerHTML = dots;
    const share = (100 * right) / (CLASSES * TESTED);
    stage.querySelector(".moving-words").innerHTML =
      `${right} of ${CLASSES * TESTED} test samples right: <b data-number="right">${text(share)}</b> %. ` +
      `Means of ${set.samples} samples of each class, ${set.numbers} of ${SIZE} numbers.`;
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = target.name === "see" ? target.value : Number(target.value);
    show();
  });
  show();
}

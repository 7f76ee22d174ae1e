const POINTS = 20;
const UNITS = 40;
const EPOCHS = 1000;
const RATE = 0.015;
const TOP = 0.8;

// The same pseudo-random numbers as in the page's module.
const drawn = [];
for (let i = 0, state = 1; i < 4 * POINTS + 3 * UNITS + EPOCHS * UNITS; i++) {
  state = (state * 1103 + 7) % 65537;
  drawn.push((2 * state) / 65537 - 1);
}
const part = (start, count) => drawn.slice(start, start + count);
const units = [...Array(UNITS).keys()];
const points = [...Array(POINTS).keys()];

function run({ noise, penalty, dropout }) {
  const [x, test, error] = [0, 1, 2].map((k) => part(k * POINTS, POINTS));
  const begin = 4 * POINTS;
  const w = part(begin, UNITS).map((u) => 8 * u);
  const b = part(begin + UNITS, UNITS).map((u) => 4 * u);
  const v = part(begin + 2 * UNITS, UNITS).map((u) => u / UNITS);
  const y = x.map((at, n) => Math.sin(3 * at) + noise * error[n]);
  const truth = test.map((at) => Math.sin(3 * at));
  const hidden = (at) => units.map((u) => Math.tanh(at * w[u] + b[u]));
  const square = (h, right) =>
    h.reduce((sum, row, n) => sum + (units.reduce((s, u) => s + row[u] * v[u], 0) - right[n]) ** 2, 0) / POINTS;
  const curves = { train: [], test: [] };
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const h = x.map(hidden);
    curves.train.push(square(h, y));
    curves.test.push(square(test.map(hidden), truth));
    const first = begin + 3 * UNITS + epoch * UNITS;
    const kept = units.map((u) => (drawn[first + u] >= 2 * dropout - 1 ? 1 / (1 - dropout) : 0));
    const off = points.map((n) => (2 * (units.reduce((s, u) => s + h[n][u] * kept[u] * v[u], 0) - y[n])) / POINTS);
    for (const u of units) {
      let [dw, db, dv] = [0, 0, 0];
      for (const n of points) {
        const back = off[n] * v[u] * kept[u] * (1 - h[n][u] ** 2);
        dw += x[n] * back;
        db += back;
        dv += h[n][u] * kept[u] * off[n];
      }
      w[u] -= RATE * (dw + (2 * penalty * w[u]) / 64);
      b[u] -= RATE * db;
      v[u] -= RATE * (dv + 2 * penalty * v[u]);
    }
  }
  return curves;
}

const text = (x) => x.toFixed(3).replace("-", "−");

export function draw(stage) {
  const set = { noise: 1, penalty: 0, dropout: 0, epoch: EPOCHS - 1 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words
      .map((word) => `<option${word === set[name] ? " selected" : ""}>${word}</option>`)
      .join("")}</select></label>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("noise", [0, 0.5, 1])} ${option("penalty", [0, 0.01, 0.1])} ${option("dropout", [0, 0.2, 0.5])}
      <label>stop at epoch <input type="range" name="epoch" min="0" max="${EPOCHS - 1}" value="${set.epoch}"></label>
    </div>
    <p class="moving-words" aria-live="polite"></p>
    <svg class="moving-plot" viewBox="0 0 600 290" aria-hidden="true"></svg>`;
  let curves = run(set);

  function show() {
    const across = (epoch) => 50 + (530 * epoch) / EPOCHS;
    const high = (error) => 15 + (225 * (TOP - Math.min(TOP, error))) / TOP;
    const path = (list) => list.map((error, epoch) => `${across(epoch).toFixed(1)},${high(error).toFixed(1)}`).join(" ");
    const [train, test] = [curves.train[set.epoch], curves.test[set.epoch]];
    const best = curves.test.indexOf(Math.min(...curves.test));
    stage.querySelector(".moving-words").innerHTML =
      `At epoch ${set.epoch}: training error <b data-number="train">${text(train)}</b>, ` +
      `test error <b data-number="test">${text(test)}</b>, gap <b data-number="gap">${text(test - train)}</b>. ` +
      `The test error is lowest at epoch <b data-number="best">${best}</b>.`;
    stage.querySelector(".moving-plot").innerHTML =
      [0, 0.2, 0.4, 0.6, 0.8].map((e) => `<line x1="50" x2="580" y1="${high(e)}" y2="${high(e)}"/><text x="28" y="${high(e) + 5}">${e}</text>`).join("") +
      [0, 250, 500, 750, 1000].map((e) => `<text x="${across(e)}" y="260">${e}</text>`).join("") +
      `<text x="315" y="280">epoch</text><line x1="${across(set.epoch)}" x2="${across(set.epoch)}" y1="15" y2="240"/>` +
      `<polyline class="forward" points="${path(curves.train)}"/><polyline class="back" points="${path(curves.test)}"/>` +
      `<circle cx="${across(set.epoch)}" cy="${high(train)}" r="4"/><circle cx="${across(set.epoch)}" cy="${high(test)}" r="4"/>`;
  }

  const change = ({ target }) => {
    if (!(target.name in set)) return;
    set[target.name] = Number(target.value);
    if (target.name !== "epoch") curves = run(set);
    show();
  };
  stage.addEventListener("change", change);
  stage.addEventListener("input", ({ target }) => target.name === "epoch" && change({ target }));
  show();
}

const WIDTH = 32;
const SAMPLES = 16;
const DEPTH = 20;
const FLOOR = -14;

// The same pseudo-random numbers as in the page's cell: mean 0, standard deviation 1, uniform.
const numbers = [];
for (let i = 0, state = 1; i < DEPTH * WIDTH * WIDTH + 2 * SAMPLES * WIDTH; i++) {
  state = (state * 1103 + 7) % 65537;
  numbers.push(Math.sqrt(12) * (state / 65537 - 0.5));
}
const ALPHA = 1.6732632423543772;
const SCALE = 1.0507009873554805;
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const elu = (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x));
const eluSlope = (x, alpha) => (x > 0 ? 1 : alpha * Math.exp(x));

const FUNCTIONS = {
  sigmoid: [sigmoid, (x) => sigmoid(x) * sigmoid(-x)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  ReLU: [(x) => Math.max(0, x), (x) => (x > 0 ? 1 : 0)],
  "leaky ReLU": [(x) => (x > 0 ? x : 0.1 * x), (x) => (x > 0 ? 1 : 0.1)],
  ELU: [(x) => elu(x, 1), (x) => eluSlope(x, 1)],
  SELU: [(x) => SCALE * elu(x, ALPHA), (x) => SCALE * eluSlope(x, ALPHA)],
  SiLU: [(x) => x * sigmoid(x), (x) => sigmoid(x) * (1 + x * sigmoid(-x))],
  "no function": [(x) => x, () => 1],
};
const GAINS = { "half (0.5)": 0.5, "torch (1/√3)": 1 / Math.sqrt(3), "Xavier (1)": 1, "He (√2)": Math.SQRT2, "2": 2, "4": 4 };

const weight = (layer, unit, input) => numbers[(layer * WIDTH + unit) * WIDTH + input] / Math.sqrt(WIDTH);
const rows = (start) =>
  Array.from({ length: SAMPLES }, (_, n) => numbers.slice(start + n * WIDTH, start + (n + 1) * WIDTH));
const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
const units = Array.from({ length: WIDTH }, (_, unit) => unit);

// How far the samples of a layer lie apart: the root of the variance over them, averaged over the units.
function spread(h) {
  const variances = units.map((unit) => {
    const middle = mean(h.map((row) => row[unit]));
    return mean(h.map((row) => (row[unit] - middle) ** 2));
  });
  return Math.sqrt(mean(variances));
}
const size = (h) => Math.sqrt(mean(h.flat().map((x) => x * x)));
const order = (x) => Math.max(FLOOR, Math.log10(x));

function run({ activation, gain, depth }) {
  const [value, slope] = FUNCTIONS[activation];
  const factor = GAINS[gain];
  const first = DEPTH * WIDTH * WIDTH;
  let h = rows(first);
  const sums = [];
  const signal = [order(spread(h))];
  for (let layer = 0; layer < depth; layer++) {
    sums.push(h.map((row) => units.map((u) => factor * units.reduce((s, i) => s + weight(layer, u, i) * row[i], 0))));
    h = sums[layer].map((row) => row.map(value));
    signal.push(order(spread(h)));
  }
  let back = rows(first + SAMPLES * WIDTH);
  const gradient = [order(size(back))];
  const slopes = [];
  for (let layer = depth - 1; layer >= 0; layer--) {
    const steep = sums[layer].map((row) => row.map(slope));
    slopes.push(mean(steep.flat()));
    const inner = back.map((row, n) => row.map((g, unit) => g * steep[n][unit]));
    back = inner.map((row) => units.map((i) => factor * units.reduce((s, u) => s + weight(layer, u, i) * row[u], 0)));
    gradient.unshift(order(size(back)));
  }
  return { signal, gradient, slope: mean(slopes) };
}

const text = (x) => x.toFixed(2).replace("-", "−");

export function draw(stage) {
  const set = { activation: "sigmoid", gain: "Xavier (1)", depth: 20 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words
      .map((w) => `<option${String(w) === String(set[name]) ? " selected" : ""}>${w}</option>`)
      .join("")}</select></label>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("activation", Object.keys(FUNCTIONS))} ${option("gain", Object.keys(GAINS))} ${option("depth", [5, 10, 15, 20])}
    </div>
    <p class="moving-words" aria-live="polite"></p>
    <svg class="moving-plot" viewBox="0 0 600 308" aria-hidden="true"></svg>`;

  function show() {
    const { signal, gradient, slope } = run(set);
    const across = (layer) => 60 + (520 * layer) / DEPTH;
    const high = (y) => 20 + (240 * (10 - y)) / (10 - FLOOR);
    const path = (list) => list.map((y, layer) => `${across(layer)},${high(Math.min(10, y))}`).join(" ");
    const end = (y) => (y <= FLOOR ? " or less" : "");
    stage.querySelector(".moving-words").innerHTML =
      `Signal behind layer ${set.depth}: 10 to the power <b data-number="signal">${text(signal.at(-1))}</b>${end(signal.at(-1))}. ` +
      `Gradient that reaches the input: 10 to the power <b data-number="gradient">${text(gradient[0])}</b>${end(gradient[0])}. ` +
      `Mean slope of the units: <b data-number="slope">${text(slope)}</b>`;
    stage.querySelector(".moving-plot").innerHTML =
      [10, 5, 0, -5, -10].map((y) => `<line x1="60" x2="580" y1="${high(y)}" y2="${high(y)}"/>` +
        `<text x="32" y="${high(y) + 5}">10<tspan dy="-6" font-size="10">${String(y).replace("-", "−")}</tspan></text>`).join("") +
      [0, 5, 10, 15, 20].map((layer) => `<text x="${across(layer)}" y="282">${layer}</text>`).join("") +
      `<text x="320" y="299">layer (0: the input)</text>` +
      `<polyline class="forward" points="${path(signal)}"/><polyline class="back" points="${path(gradient)}"/>` +
      signal.map((y, layer) => `<circle cx="${across(layer)}" cy="${high(Math.min(10, y))}" r="3"/>`).join("");
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = target.name === "depth" ? Number(target.value) : target.value;
    show();
  });
  show();
}

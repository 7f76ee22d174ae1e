const COUNT = 40;
const FORMS = ["as they are", "centered", "standardized", "PCA", "PCA, whitened", "ZCA"];
const RATES = ["half the best", "the best", "0.98 of the limit", "1.02 of the limit"];

const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const add = (a, b, factor) => a.map((x, i) => x + factor * b[i]);
const standardize = (list) => {
  const middle = mean(list);
  const width = Math.sqrt(mean(list.map((x) => (x - middle) ** 2)));
  return list.map((x) => (x - middle) / width);
};

// The same pseudo-random flats as in the page's cell: two features of mean 0 and deviation 1 without correlation.
const numbers = [];
for (let i = 0, state = 1; i < 2 * COUNT; i++) {
  state = (state * 1103 + 7) % 65537;
  numbers.push(state / 65537);
}
const first = standardize(numbers.slice(0, COUNT));
const rest = standardize(numbers.slice(COUNT));
const second = standardize(add(rest, first, -dot(first, rest) / COUNT));

// Jacobi's method: the eigenvalues of a symmetric matrix, largest first, and its eigenvectors.
function eigen(matrix) {
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < a.length; p++) {
      for (let q = p + 1; q < a.length; q++) {
        if (a[p][q] === 0) continue;
        const slant = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const tangent = (slant < 0 ? -1 : 1) / (Math.abs(slant) + Math.hypot(slant, 1));
        const cos = 1 / Math.hypot(tangent, 1);
        const sin = tangent * cos;
        const turn = (table) => table.forEach((row) => ([row[p], row[q]] = [cos * row[p] - sin * row[q], sin * row[p] + cos * row[q]]));
        turn(a);
        [a[p], a[q]] = [add(a[p].map((x) => cos * x), a[q], -sin), add(a[p].map((x) => sin * x), a[q], cos)];
        turn(vectors);
      }
    }
  }
  const found = a.map((row, i) => ({ value: row[i], vector: vectors.map((line) => line[i]) }));
  return found.sort((one, other) => other.value - one.value);
}
const solve = (axes, right) =>
  axes.reduce((sum, { value, vector }) => add(sum, vector, dot(vector, right) / value), right.map(() => 0));

function features(form, correlation) {
  const rooms = first.map((u, i) => correlation * u + Math.sqrt(1 - correlation ** 2) * second[i]);
  const z = first.map((u, i) => [u, rooms[i]]);
  const flats = z.map(([u, v]) => [80 + Math.sqrt(800) * u, 3 + Math.SQRT2 * v]);
  const turned = z.map(([u, v]) => [(u + v) / Math.SQRT2, (u - v) / Math.SQRT2]);
  const white = turned.map(([u, v]) => [u / Math.sqrt(1 + correlation), v / Math.sqrt(1 - correlation)]);
  const x = {
    "as they are": flats,
    centered: flats.map(([area, count]) => [area - 80, count - 3]),
    standardized: z,
    PCA: turned,
    "PCA, whitened": white,
    ZCA: white.map(([u, v]) => [(u + v) / Math.SQRT2, (u - v) / Math.SQRT2]),
  }[form];
  return { x, y: flats.map(([area, count]) => 0.05 * area + 0.5 * count + 1) };
}

function run({ features: form, correlation, rate, steps }) {
  const { x, y } = features(form, correlation);
  const inputs = x.map((row) => [...row, 1]);
  const curvature = [0, 1, 2].map((i) => [0, 1, 2].map((j) => mean(inputs.map((row) => row[i] * row[j]))));
  const target = [0, 1, 2].map((i) => mean(inputs.map((row, n) => row[i] * y[n])));
  const axes = eigen(curvature);
  const [steepest, , flattest] = axes.map(({ value }) => value);
  const best = solve(axes, target);
  const bestRate = 2 / (steepest + flattest);
  const step = [bestRate / 2, bestRate, (0.98 * 2) / steepest, (1.02 * 2) / steepest][RATES.indexOf(rate)];
  const path = [[0, 0, 0]];
  for (let n = 0; n < steps; n++) {
    const w = path[n];
    path.push(add(w, add(curvature.map((row) => dot(row, w)), target, -1), -step));
  }
  const wrong = Math.sqrt(mean(inputs.map((row, n) => (dot(row, path[steps]) - y[n]) ** 2)));
  const after = (n) =>
    Math.sqrt(axes.reduce((sum, { value, vector }) => sum + value * ((1 - step * value) ** n * dot(vector, best)) ** 2, 0));
  return { x, curvature, target, best, path, wrong, step, steepest, flattest, needed: step * steepest < 2 ? count(after) : null };
}

// The first step after which the prices are right to 0.01.
function count(after) {
  let [low, high] = [0, 1];
  while (after(high) > 0.01) [low, high] = [high, 2 * high];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    [low, high] = after(middle) > 0.01 ? [middle, high] : [low, middle];
  }
  return high;
}

const text = (number) => String(number).replace("-", "−");
const short = (number) => text(Number(number.toPrecision(3)));
const exact = (number) => (number < 1000 ? number.toFixed(2) : String(Math.round(number)));

function ticks(low, high) {
  const least = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= least);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(k * step);
  return found;
}

// A square panel: both axes have one scale.
function panel(title, names, [left, bottom], span, content) {
  const across = (v) => Math.max(-1e4, Math.min(1e4, (250 * (v - left)) / span));
  const up = (v) => Math.max(-1e4, Math.min(1e4, 250 - (250 * (v - bottom)) / span));
  return `<svg class="moving-plot" viewBox="0 0 310 326" aria-hidden="true"><text x="175" y="14">${title}</text>
    ${ticks(left, left + span).map((v) => `<text x="${50 + across(v)}" y="290">${short(v)}</text>`).join("")}
    ${ticks(bottom, bottom + span).map((v) => `<text class="side" x="44" y="${28 + up(v)}">${short(v)}</text>`).join("")}
    <text x="175" y="312">${names[0]}</text><text transform="translate(12 149) rotate(-90)">${names[1]}</text>
    <svg x="50" y="24" width="250" height="250" viewBox="0 0 250 250">
      <rect width="250" height="250"/>${content(across, up, 250 / span)}</svg></svg>`;
}

function cloud({ x }, names) {
  const low = Math.min(0, ...x.flat());
  const high = Math.max(0, ...x.flat());
  const edge = 0.08 * (high - low);
  return panel("the cloud", names, [low - edge, low - edge], high - low + 2 * edge, (across, up) =>
    `<line x1="0" x2="250" y1="${up(0)}" y2="${up(0)}"/><line x1="${across(0)}" x2="${across(0)}" y1="0" y2="250"/>` +
    x.map(([u, v]) => `<circle cx="${across(u)}" cy="${up(v)}" r="3"/>`).join(""));
}

function valley({ curvature, target, best, path }) {
  const reach = 1.3 * Math.max(Math.abs(best[0]), Math.abs(best[1]));
  const bias = path.at(-1)[2];
  const axes = eigen([curvature[0].slice(0, 2), curvature[1].slice(0, 2)]);
  const middle = solve(axes, [0, 1].map((i) => target[i] - bias * curvature[i][2]));
  const ratio = Math.sqrt(axes[0].value / axes[1].value);
  const tilt = (180 * Math.atan2(-axes[0].vector[1], axes[0].vector[0])) / Math.PI;
  const radii = [];
  for (let r = 2 * reach; r * ratio > 0.1 * reach; r /= 1.6) radii.push(r);
  return panel("the valley of the loss", ["w₁", "w₂"], [best[0] - reach, best[1] - reach], 2 * reach, (across, up, unit) =>
    radii.map((r) => `<ellipse rx="${unit * r}" ry="${unit * r * ratio}"
      transform="translate(${across(middle[0])} ${up(middle[1])}) rotate(${tilt})"/>`).join("") +
    `<polyline class="walk" points="${path.map(([u, v]) => `${across(u)},${up(v)}`).join(" ")}"/>` +
    path.map(([u, v], n) => `<circle class="walk" cx="${across(u)}" cy="${up(v)}" r="${n ? 2.2 : 5}"/>`).join("") +
    `<text class="star" x="${across(best[0])}" y="${up(best[1]) + 7}">★</text>`);
}

const AXES = { "as they are": ["area (m²)", "rooms"], centered: ["area − 80 (m²)", "rooms − 3"], PCA: ["new axis 1", "new axis 2"],
  "PCA, whitened": ["new axis 1", "new axis 2"], standardized: ["area", "rooms"], ZCA: ["area, whitened", "rooms, whitened"] };

export function draw(stage) {
  const set = { features: "centered", correlation: 0.8, rate: "the best", steps: 20 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words
      .map((word) => `<option${word === set[name] ? " selected" : ""}>${word}</option>`)
      .join("")}</select></label>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("features", FORMS)} ${option("correlation", [0, 0.5, 0.8, 0.95])}
      ${option("rate", RATES)} ${option("steps", [1, 5, 20, 100])}
    </div>
    <p class="moving-words" aria-live="polite"></p>
    <div class="moving-pair"></div>`;

  function show() {
    const now = run(set);
    stage.querySelector(".moving-words").innerHTML =
      `Steepest curvature ${short(now.steepest)}, flattest ${short(now.flattest)}: ` +
      `κ = <b data-number="kappa">${exact(now.steepest / now.flattest)}</b>. Learning rate ${short(now.step)}. ` +
      `After ${set.steps} ${set.steps === 1 ? "step" : "steps"} the prices are wrong by ` +
      `<b data-number="wrong">${now.wrong < 1e6 ? exact(now.wrong) : "more than a million"}</b> (100 million won, root mean square). ` +
      (now.needed === null ? "They never become right: along the steepest direction every step goes further away."
        : `They are right to 0.01 after <b data-number="needed">${now.needed}</b> ${now.needed === 1 ? "step" : "steps"}.`);
    stage.querySelector(".moving-pair").innerHTML = cloud(now, AXES[set.features]) + valley(now);
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = typeof set[target.name] === "number" ? Number(target.value) : target.value;
    show();
  });
  show();
}

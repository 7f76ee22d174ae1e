const CURVATURES = [1, 20];
const STEPS = 40;
const LEVELS = [0.5, 2, 5, 10, 18, 30];
const COLORS = { sgd: "#0072B2", momentum: "#D55E00", rmsprop: "#009E73", adam: "#CC79A7" };
const NAMES = { sgd: "SGD", momentum: "momentum", rmsprop: "RMSProp", adam: "Adam" };
const STARTS = ["-4, 1", "-1, 1.6", "2, -1.2"];
const SCHEDULES = {
  constant: () => 1,
  cosine: (t) => (1 + Math.cos((Math.PI * t) / STEPS)) / 2,
  stairs: (t) => 0.3 ** Math.floor(t / 15),
};

const height = (point) => point.reduce((sum, x, i) => sum + 0.5 * CURVATURES[i] * x * x, 0);

// Each rule is one coordinate's step: (state, gradient, number of the step, settings) to a length in units of the rate.
const RULES = {
  sgd: (state, g) => g,
  momentum: (state, g, t, set) => (state.v = set.momentum * (state.v ?? 0) + g),
  rmsprop(state, g) {
    state.s = 0.9 * (state.s ?? 0) + 0.1 * g * g;
    return g / (Math.sqrt(state.s) + 1e-8);
  },
  adam(state, g, t, set) {
    state.m = set.momentum * (state.m ?? 0) + (1 - set.momentum) * g;
    state.s = 0.99 * (state.s ?? 0) + 0.01 * g * g;
    const [first, second] = set.correction ? [1 - set.momentum ** t, 1 - 0.99 ** t] : [1, 1];
    return state.m / first / (Math.sqrt(state.s / second) + 1e-8);
  },
};

function walk(rule, set) {
  const states = CURVATURES.map(() => ({}));
  const path = [set.place];
  for (let t = 0; t < STEPS; t++) {
    const rate = set.rate * SCHEDULES[set.schedule](t);
    path.push(path[t].map((x, i) => x - rate * RULES[rule](states[i], CURVATURES[i] * x, t + 1, set)));
  }
  return path;
}

const text = (number) =>
  Number.isFinite(number) && number < 10000 ? number.toFixed(2).replace("-", "−") : "flew away";
const across = (x) => 20 + 70 * (x + 5);
const down = (y) => 10 + 60 * (2 - y);
const clip = (x, far) => Math.max(-far, Math.min(far, x));

export function draw(stage) {
  const set = { place: [-4, 1], start: STARTS[0], rate: 0.05, momentum: 0.8, correction: true, schedule: "constant" };
  const options = (words) => words.map((word) => `<option>${word}</option>`).join("");
  stage.innerHTML = `
    <div class="moving-controls">
      <label>start <select name="start">${options([...STARTS, "dragged"])}</select></label>
      <label>rate <input name="rate" type="number" min="0" max="1" step="0.01"></label>
      <label>momentum <select name="momentum">${options([0, 0.5, 0.8, 0.9])}</select></label>
      <label>schedule <select name="schedule">${options(Object.keys(SCHEDULES))}</select></label>
      <label><input name="correction" type="checkbox"> bias correction</label>
    </div>
    <svg class="moving-plot" viewBox="0 0 600 260" aria-hidden="true" style="touch-action: none; cursor: crosshair"></svg>
    <p class="moving-words" aria-live="polite"></p>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select, input")].map((e) => [e.name, e]));
  const plot = stage.querySelector("svg");

  function show() {
    for (const [name, control] of Object.entries(controls)) {
      if (control.type === "checkbox") control.checked = set[name];
      else control.value = set[name];
    }
    const paths = Object.fromEntries(Object.keys(RULES).map((rule) => [rule, walk(rule, set)]));
    const rings = LEVELS.map(
      (level) =>
        `<ellipse cx="${across(0)}" cy="${down(0)}" rx="${70 * Math.sqrt(2 * level)}" ` +
        `ry="${60 * Math.sqrt(level / 10)}" style="fill: none; stroke: var(--pst-color-border)"/>`,
    );
    const lines = Object.entries(paths).map(([rule, path]) => {
      const dots = path.filter((p) => p.every(Number.isFinite)).map(([x, y]) => [across(clip(x, 60)), down(clip(y, 30))]);
      return (
        `<polyline points="${dots.map((dot) => dot.map((n) => n.toFixed(1)).join(",")).join(" ")}" style="stroke: ${COLORS[rule]}"/>` +
        dots.map(([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="2.4" style="fill: ${COLORS[rule]}"/>`).join("")
      );
    });
    const [x, y] = set.place;
    plot.innerHTML =
      rings.join("") + lines.join("") +
      `<circle cx="${across(x)}" cy="${down(y)}" r="7" style="fill: none; stroke: var(--pst-color-text-base); stroke-width: 2"/>`;
    const bound = 2 / CURVATURES[1];
    const side = set.rate < bound ? "below" : set.rate > bound ? "above" : "at";
    stage.querySelector(".moving-words").innerHTML =
      `Height after ${STEPS} steps: ` +
      Object.entries(paths)
        .map(
          ([rule, path]) =>
            `<span style="white-space: nowrap"><b style="color: ${COLORS[rule]}" aria-hidden="true">●</b> ${NAMES[rule]} ` +
            `<b data-number="${rule}">${text(height(path[STEPS]))}</b></span>`,
        )
        .join(", ") +
      `. The rate is ${side} the bound 2/20 = ${bound} of plain descent.`;
  }

  stage.addEventListener("change", ({ target }) => {
    if (target.name === "rate") set.rate = clip(Math.max(0, Number(target.value) || 0), 1);
    else if (target.name === "momentum") set.momentum = Number(target.value);
    else if (target.name === "correction") set.correction = target.checked;
    else set[target.name] = target.value;
    if (STARTS.includes(set.start)) set.place = set.start.split(", ").map(Number);
    show();
  });

  function drag(event) {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 600;
    const y = ((event.clientY - box.top) / box.height) * 260;
    set.place = [clip((x - 20) / 70 - 5, 5), clip(2 - (y - 10) / 60, 2)];
    set.start = "dragged";
    show();
  }
  plot.addEventListener("pointerdown", (event) => {
    plot.setPointerCapture(event.pointerId);
    drag(event);
  });
  plot.addEventListener("pointermove", (event) => event.buttons && drag(event));
  show();
}

// A gate: its value, its local slope for each input, and what a wrong answer looks like.
// x: the inputs, y: the output, i: which input is asked for.
const GATES = {
  "+": {
    value: ([a, b]) => a + b,
    slope: () => 1,
    wrong: (x, y, i) => [
      [-1, "The sign: a sum grows when one of its terms grows."],
      [x[i], "That is the input itself. A sum grows as fast as its term, whatever the term is."],
      [x[1 - i], "That is the other input: the switcher is the multiply gate, not this one."],
      [y, "That is the output of the gate, not its slope."],
    ],
  },
  "×": {
    value: ([a, b]) => a * b,
    slope: (x, y, i) => x[1 - i],
    wrong: (x, y, i) => [
      [x[i], "That is the input itself: the multiply gate switches. Take the other one."],
      [-x[1 - i], "The number is right, its sign is not."],
      [y, "That is the output of the gate, not its slope."],
      [1, "1 is the slope of a sum. This is a product."],
    ],
  },
  "×−1": {
    value: ([a]) => -a,
    slope: () => -1,
    wrong: (x, y) => [
      [1, "The sign: what goes in rises, what comes out falls."],
      [y, "That is the output of the gate, not its slope."],
      [x[0], "That is the input itself. The slope of −s is the same everywhere."],
    ],
  },
  exp: {
    value: ([a]) => Math.exp(a),
    slope: (x, y) => y,
    wrong: (x, y) => [
      [x[0], "That is the input itself. The exponential is its own slope: look at what comes out."],
      [-y, "The sign: the exponential always rises. The minus belongs to the gate before it."],
      [x[0] * Math.exp(x[0] - 1), "That is the rule for powers. Here the exponent moves."],
    ],
  },
  "+1": {
    value: ([a]) => a + 1,
    slope: () => 1,
    wrong: (x, y) => [
      [-1, "The sign: a sum grows when its term grows."],
      [x[0], "That is the input itself. A sum grows as fast as its term, whatever the term is."],
      [y, "That is the output of the gate, not its slope."],
    ],
  },
  "1/·": {
    value: ([a]) => 1 / a,
    slope: ([a]) => -1 / (a * a),
    wrong: ([a], y) => [
      [-1 / a, "The square is missing: the slope of 1/β is −1/β²."],
      [1 / (a * a), "The number is right, its sign is not: 1/β falls when β grows."],
      [y, "That is the output of the gate, not its slope."],
    ],
  },
};

// Each place: where it stands, and the gate with its inputs; a place without a gate is an input of the graph.
const GRAPHS = {
  "problem 1": {
    height: 230,
    places: {
      x: { at: [40, 40], start: -2 },
      y: { at: [40, 140], start: 5 },
      z: { at: [220, 195], start: -4 },
      q: { at: [230, 90], gate: "+", of: ["x", "y"] },
      f: { at: [430, 140], gate: "×", of: ["q", "z"] },
    },
  },
  "problem 2": {
    height: 340,
    places: {
      w0: { at: [20, 20], start: 2 },
      x0: { at: [20, 130], start: -1 },
      w1: { at: [20, 190], start: -3 },
      x1: { at: [20, 300], start: -2 },
      w2: { at: [190, 315], start: -3 },
      a: { at: [125, 75], gate: "×", of: ["w0", "x0"] },
      b: { at: [125, 245], gate: "×", of: ["w1", "x1"] },
      c: { at: [210, 160], gate: "+", of: ["a", "b"] },
      s: { at: [300, 200], gate: "+", of: ["c", "w2"] },
      t: { at: [398, 200], gate: "×−1", of: ["s"] },
      α: { at: [496, 200], gate: "exp", of: ["t"] },
      β: { at: [594, 200], gate: "+1", of: ["α"] },
      f: { at: [692, 200], gate: "1/·", of: ["β"] },
    },
  },
};

// What a place is called where it is not known by its letter.
const NAMES = { a: "w0·x0", b: "w1·x1", c: "w0·x0 + w1·x1" };
const called = (name) => NAMES[name] ?? name;
const WIDTH = 800;

// Values forward, and the slopes that are asked for on the way back, in order.
function walk({ places }, inputs) {
  const values = {}, gradients = { f: 1 }, questions = [];
  for (const [name, { gate, of }] of Object.entries(places))
    values[name] = gate ? GATES[gate].value(of.map((input) => values[input])) : inputs[name];
  for (const [name, { gate, of }] of Object.entries(places).reverse()) {
    for (const [i, input] of (of ?? []).entries()) {
      const x = of.map((one) => values[one]), upstream = gradients[name];
      const slope = GATES[gate].slope(x, values[name], i);
      gradients[input] = upstream * slope;
      questions.push({ gate, of, input, upstream, slope, wrong: GATES[gate].wrong(x, values[name], i), x, i, y: values[name] });
    }
  }
  return { values, gradients, questions };
}

const near = (a, b) => Math.abs(a - b) <= Math.max(0.0061, 0.006 * Math.abs(b));

// What to say to an answer; nothing if it is right.
function objection({ gate, input, upstream, slope, wrong, x, i, y }, answer) {
  if (near(answer, slope)) return "";
  const named = wrong.find(([value]) => near(answer, value));
  if (named) return named[1];
  if (near(answer, upstream * slope)) return "That is upstream · local already. Asked is the local slope alone.";
  if (near(answer, upstream)) return "That is the gradient that arrives from behind. Asked is the slope of this gate alone.";
  const moved = GATES[gate].value(x.map((value, n) => (n === i ? value + 0.01 : value)));
  return `No. Raise ${called(input)} by 0.01, and the output of this gate goes from ${text(y, 4)} to ${text(moved, 4)}. How fast is that?`;
}

function text(number, digits = 2) {
  const large = Math.abs(number) >= 1e5;
  return (large ? number.toExponential(1) : number.toFixed(digits)).replace("-", "−");
}

// The arrow into a gate, its value above and its gradient below, at a part of its length.
function arrow([x0, y0], [x1, y1], part, value, gradient, asked) {
  const length = Math.hypot(x1 - x0, y1 - y0), ux = (x1 - x0) / length, uy = (y1 - y0) / length;
  const x = x0 + part * (x1 - x0), y = y0 + part * (y1 - y0), away = 13 + 10 * Math.abs(uy);
  return `<line class="${asked ? "asked" : ""}" x1="${x0 + 24 * ux}" y1="${y0 + 24 * uy}" x2="${x1 - 26 * ux}" y2="${y1 - 26 * uy}" marker-end="url(#graph-tip)"/>` +
    `<text class="value" x="${x + away * uy}" y="${y - away * ux + 5}">${value}</text>` +
    `<text class="gradient" x="${x - away * uy}" y="${y + away * ux + 5}">${gradient}</text>`;
}

export function draw(stage) {
  const set = { graph: "problem 1", inputs: {}, all: false, done: 0 };
  stage.innerHTML = `
    <div class="moving-controls">
      <label>graph <select name="graph">${Object.keys(GRAPHS).map((g) => `<option>${g}</option>`).join("")}</select></label>
      <span class="moving-inputs"></span>
      <label><input type="checkbox" name="all"> show all</label>
    </div>
    <svg class="moving-graph" aria-hidden="true"></svg>
    <form class="moving-controls">
      <label><span class="moving-asked"></span> <input type="number" step="any" name="answer" autocomplete="off"></label>
      <button>check</button>
      <button type="button" name="skip">show this one</button>
      <button type="button" name="again">begin again</button>
    </form>
    <p class="moving-told" aria-live="polite"></p>
    <p class="moving-words"></p>`;
  const find = (name) => stage.querySelector(name);

  function begin(graph) {
    set.graph = graph;
    set.done = 0;
    const inputs = Object.entries(GRAPHS[graph].places).filter(([, place]) => !place.gate);
    set.inputs = Object.fromEntries(inputs.map(([name, place]) => [name, place.start]));
    find(".moving-inputs").innerHTML = inputs
      .map(([name, { start }]) => `<label>${name} <input type="number" step="any" min="-9" max="9" name="${name}" value="${start}"></label>`)
      .join("");
    tell("");
  }

  function tell(words) {
    find(".moving-told").textContent = words;
  }

  function show() {
    const graph = GRAPHS[set.graph], { values, gradients, questions } = walk(graph, set.inputs);
    const finished = set.all || set.done >= questions.length;
    const known = new Set(["f", ...questions.slice(0, finished ? questions.length : set.done).map((q) => q.input)]);
    const asked = finished ? undefined : questions[set.done];
    const end = graph.places.f.at;
    const gradient = (name) => (known.has(name) ? text(gradients[name]) : "?");
    const places = Object.entries(graph.places);
    find(".moving-graph").setAttribute("viewBox", `0 0 ${WIDTH} ${graph.height}`);
    find(".moving-graph").innerHTML =
      `<marker id="graph-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker>` +
      places.map(([, { at, gate, of }]) => (of ?? []).map((input) =>
        arrow(graph.places[input].at, at, graph.places[input].gate ? 0.5 : 0.4, text(values[input]), gradient(input), asked?.input === input)).join("")).join("") +
      arrow(end, [end[0] + 105, end[1]], 0.5, text(values.f), "1.00", false) +
      places.map(([name, { at: [x, y], gate }]) =>
        (gate ? `<circle cx="${x}" cy="${y}" r="22"/>` : "") + `<text x="${x}" y="${y + 5}">${gate ?? name}</text>` +
        (gate && !NAMES[name] && name !== "f" ? `<text class="letter" x="${x}" y="${y - 28}">${name}</text>` : "")).join("");
    for (const control of stage.querySelectorAll("form input, form button")) control.disabled = finished && control.name !== "again";
    find(".moving-asked").textContent = asked
      ? `Gate ${asked.gate} has ${asked.x.map((x, n) => `${called(asked.of[n])} = ${text(x)}`).join(" and ")}, and its output is ${text(asked.y)}. Its local slope for ${called(asked.input)}:`
      : "all slopes are shown";
    if (finished) find("[name=answer]").value = "";
    const number = (name, value, shown) => `${name} <b data-number="${value}">${shown}</b>`;
    find(".moving-words").innerHTML =
      `${number("f =", "f", text(values.f))}. Slopes of f: ` +
      Object.keys(set.inputs).map((name) => number(name, `d${name}`, gradient(name))).join(", ");
  }

  function next() {
    const { input, upstream, slope } = walk(GRAPHS[set.graph], set.inputs).questions[set.done];
    tell(`${called(input)} gets upstream · local = ${text(upstream)} · ${text(slope)} = ${text(upstream * slope)}.`);
    set.done++;
    find("[name=answer]").value = "";
  }

  stage.addEventListener("change", ({ target }) => {
    if (target.name === "graph") begin(target.value);
    else if (target.name === "all") set.all = target.checked;
    else if (target.name in set.inputs) {
      if (target.checkValidity() && target.value !== "") set.inputs[target.name] = Number(target.value);
      target.value = set.inputs[target.name];
      set.done = 0;
      tell("");
    }
    show();
  });
  stage.addEventListener("submit", (event) => {
    event.preventDefault();
    const answer = find("[name=answer]").value;
    if (answer === "") return;
    const { questions } = walk(GRAPHS[set.graph], set.inputs);
    const words = objection(questions[set.done], Number(answer));
    if (words) tell(words);
    else next();
    show();
  });
  stage.addEventListener("click", ({ target }) => {
    if (target.name === "skip") next();
    else if (target.name === "again") {
      set.done = 0;
      set.all = find("[name=all]").checked = false;
      tell("");
    } else return;
    show();
  });
  begin(set.graph);
  show();
}

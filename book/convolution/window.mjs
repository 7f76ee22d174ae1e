const SIDE = 7;
const WEIGHTS = [[2, -1, 0], [1, 3, -2], [0, -1, 1]];

// The same pseudo-random digits as in the page's cell: first the image, then the upstream gradient.
const digits = [];
for (let i = 0, state = 1; i < SIDE * SIDE + (SIDE + 4) ** 2; i++) {
  state = (state * 1103 + 7) % 65537;
  digits.push(Math.floor(state / 6554));
}
const pixel = (i, j) => (i >= 0 && j >= 0 && i < SIDE && j < SIDE ? digits[i * SIDE + j] : 0);
const range = (count) => Array.from({ length: count }, (_, i) => i);
const text = (number) => String(number).replace("-", "−");
const factor = (number) => (number < 0 ? `(${text(number)})` : text(number));

function state(set) {
  const { kernel, stride, padding, dilation, row, column } = set;
  const size = Math.floor((SIDE + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  const upstream = (i, j) => digits[SIDE * SIDE + i * size + j];
  // All that meets: output (i, j) reads pixel (m, n) with the weight in row p and column q.
  const meetings = range(size).flatMap((i) => range(size).flatMap((j) => range(kernel).flatMap((p) => range(kernel).map((q) => ({
    i, j, p, q, m: stride * i + dilation * p - padding, n: stride * j + dilation * q - padding,
  })))));
  const outputs = range(size).map(() => Array(size).fill(0));
  for (const { i, j, p, q, m, n } of meetings) outputs[i][j] += WEIGHTS[p][q] * pixel(m, n);
  const over = set.over === "output";
  const met = meetings.filter((at) => (over ? at.i === row && at.j === column : at.m === row && at.n === column));
  const terms = met.map(({ i, j, p, q, m, n }) => [WEIGHTS[p][q], over ? pixel(m, n) : upstream(i, j)]);
  return { size, upstream, outputs, over, met, terms, value: terms.reduce((sum, [a, b]) => sum + a * b, 0) };
}

function grid(rows, columns, first, cell) {
  const cells = range(rows).flatMap((i) => range(columns).map((j) => cell(i + first, j + first)));
  return `<div class="moving-grid" style="--columns: ${columns}">${cells
    .map(({ shown, names = "", place = "" }) => `<i class="${names}" ${place && `data-place="${place}"`}>${text(shown)}</i>`)
    .join("")}</div>`;
}

function code(set, now) {
  const { kernel, stride, padding, dilation, row, column } = set;
  const cut = (at) => {
    const begin = stride * at;
    return `${begin}:${begin + dilation * (kernel - 1) + 1}:${dilation}`;
  };
  if (now.over) return [`y[${row}, ${column}] = (padded[${cut(row)}, ${cut(column)}] * w).sum()`];
  return now.met.map(({ i, j }) => `dpadded[${cut(i)}, ${cut(j)}] += g[${i}, ${j}] * w`)
    .concat(`dx[${row}, ${column}] = dpadded[${row + padding}, ${column + padding}]`);
}

export function draw(stage) {
  const set = { kernel: 3, stride: 1, padding: 0, dilation: 1, over: "output", row: 1, column: 2 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words.map((word) => `<option>${word}</option>`).join("")}</select></label>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("kernel", [1, 2, 3])} ${option("stride", [1, 2, 3])} ${option("padding", [0, 1, 2])} ${option("dilation", [1, 2])}
      ${option("over", ["output", "input"])} ${option("row", range(SIDE + 4))} ${option("column", range(SIDE + 4))}
    </div>
    <div class="moving-tables" aria-hidden="true"></div>
    <p class="moving-words" aria-live="polite"></p>
    <pre class="moving-code"></pre>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select")].map((select) => [select.name, select]));

  function show() {
    const sides = state(set).size;
    const last = (set.over === "output" ? sides : SIDE) - 1;
    set.row = Math.min(set.row, last);
    set.column = Math.min(set.column, last);
    for (const [name, select] of Object.entries(controls)) select.value = set[name];
    for (const name of ["row", "column"]) for (const choice of controls[name].options) choice.disabled = Number(choice.value) > last;
    const now = state(set);
    const key = (...at) => at.join(" ");
    const read = new Set(now.met.map((at) => key(at.m, at.n)));
    const used = new Set(now.met.map((at) => key(at.p, at.q)));
    const fed = new Set(now.met.map((at) => key(at.i, at.j)));
    const inside = (i, j) => i >= 0 && j >= 0 && i < SIDE && j < SIDE;
    const light = (lit, own) => `${lit ? "lit" : ""} ${own ? "own" : ""}`;
    const own = (i, j) => i === set.row && j === set.column;
    const image = grid(SIDE + 2 * set.padding, SIDE + 2 * set.padding, -set.padding, (i, j) => ({
      shown: pixel(i, j),
      names: `${light(read.has(key(i, j)), !now.over && own(i, j))} ${inside(i, j) ? "" : "frame"}`,
      place: inside(i, j) ? `input ${i} ${j}` : "",
    }));
    const weights = grid(set.kernel, set.kernel, 0, (p, q) => ({ shown: WEIGHTS[p][q], names: light(used.has(key(p, q)), false) }));
    const result = grid(now.size, now.size, 0, (i, j) => ({
      shown: now.over ? now.outputs[i][j] : now.upstream(i, j),
      names: light(fed.has(key(i, j)), now.over && own(i, j)),
      place: `output ${i} ${j}`,
    }));
    stage.querySelector(".moving-tables").innerHTML = [
      ["image x", image], ["kernel w", weights], [now.over ? "output y" : "upstream gradient g", result],
    ].map(([name, table]) => `<div><span>${name}</span>${table}</div>`).join("");
    const sum = now.terms.map(([a, b]) => `${factor(a)}·${b}`).join(" + ") || "0, for no output reads it";
    const what = now.over ? `y[${set.row}, ${set.column}]` : `∂L/∂x[${set.row}, ${set.column}]`;
    stage.querySelector(".moving-words").innerHTML =
      `size of the output: ⌊(${SIDE} + 2·${set.padding} − ${set.dilation}·(${set.kernel} − 1) − 1) / ${set.stride}⌋ + 1 = ` +
      `<b data-number="size">${now.size}</b><br>${what} = ${sum}${now.terms.length ? " =" : ""} ` +
      `<b data-number="value" ${now.terms.length ? "" : "hidden"}>${text(now.value)}</b>`;
    stage.querySelector(".moving-code").textContent = code(set, now).join("\n");
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = target.name === "over" ? target.value : Number(target.value);
    show();
  });
  const look = ({ target }) => {
    if (!target.dataset?.place) return;
    const [over, row, column] = target.dataset.place.split(" ");
    if (over === set.over && Number(row) === set.row && Number(column) === set.column) return;
    Object.assign(set, { over, row: Number(row), column: Number(column) });
    show();
  };
  stage.addEventListener("pointerover", look);
  stage.addEventListener("click", look);
  show();
}

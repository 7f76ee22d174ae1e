const SIDE = 5;

const range = (count) => Array.from({ length: count }, (_, i) => i);
const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
const text = (number) => String(Math.round(number * 100) / 100).replace("-", "−");

function state(set) {
  const { stride, padding } = set;
  const bilinear = set.weights === "bilinear";
  const kernel = bilinear ? 2 * stride - (stride % 2) : set.kernel;
  const profile = range(kernel).map((p) => (bilinear ? 1 - Math.abs(p - (kernel - 1) / 2) / stride : 1));
  const size = (SIDE - 1) * stride + kernel - 2 * padding;
  const pixel = (i, j) => (set.image === "all 1" || (i === 1 && j === 1) ? 1 : 0);
  // The inputs that reach place n along one side, each with its weight.
  const reached = range(size).map((n) => range(SIDE)
    .map((i) => ({ i, p: n + padding - stride * i }))
    .filter(({ p }) => p >= 0 && p < kernel));
  const value = (n, m) => reached[n].flatMap((a) => reached[m].map((b) => pixel(a.i, b.i) * profile[a.p] * profile[b.p]))
    .reduce((sum, x) => sum + x, 0);
  const inside = (n) => n + padding >= kernel - stride && n + padding < stride * SIDE;
  return { kernel, profile, size, reached, pixel, outputs: range(size).map((n) => range(size).map((m) => value(n, m))), inside };
}

function table(cells, side, lit, own, written, place) {
  const most = Math.max(1e-9, ...cells.flat());
  return `<svg viewBox="-0.2 -0.2 ${side + 0.4} ${side + 0.4}" style="display:block;width:${Math.min(1.6 * side, 25)}rem;max-width:100%">${cells
    .flatMap((row, i) => row.map((value, j) => `<g data-place="${place} ${i} ${j}" style="cursor:pointer">
      <rect x="${j}" y="${i}" width="1" height="1" fill="var(--pst-color-primary)" fill-opacity="${(0.75 * value) / most}"
        stroke="${own(i, j) ? "var(--pst-color-secondary)" : "var(--pst-color-border)"}" stroke-width="${own(i, j) ? 0.14 : lit(i, j) ? 0.1 : 0.03}"/>
      ${lit(i, j) && !own(i, j) ? `<rect x="${j + 0.08}" y="${i + 0.08}" width="0.84" height="0.84" fill="none" stroke="var(--pst-color-secondary)" stroke-width="0.1"/>` : ""}
      ${written ? `<text x="${j + 0.5}" y="${i + 0.68}" font-size="${text(value).length > 2 ? 0.4 : 0.52}" text-anchor="middle" fill="currentColor">${text(value)}</text>` : ""}</g>`))
    .join("")}</svg>`;
}

export function draw(stage) {
  const set = { kernel: 3, stride: 2, padding: 0, weights: "all 1", image: "all 1", row: 4, column: 5 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words.map((word) => `<option>${word}</option>`).join("")}</select></label>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("kernel", [1, 2, 3, 4, 5])} ${option("stride", [1, 2, 3, 4])} ${option("padding", [0, 1, 2])}
      ${option("weights", ["all 1", "bilinear"])} ${option("image", ["all 1", "one bright pixel"])}
      ${option("row", range(24))} ${option("column", range(24))}
    </div>
    <div class="moving-tables" aria-hidden="true"></div>
    <p class="moving-words" aria-live="polite"></p>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select")].map((select) => [select.name, select]));

  function show() {
    const now = state(set);
    set.row = Math.min(set.row, now.size - 1);
    set.column = Math.min(set.column, now.size - 1);
    for (const [name, select] of Object.entries(controls)) select.value = set[name];
    for (const name of ["row", "column"]) for (const choice of controls[name].options) choice.disabled = Number(choice.value) >= now.size;
    controls.kernel.disabled = set.weights === "bilinear";
    const [above, beside] = [now.reached[set.row], now.reached[set.column]];
    const reaches = (i, j) => above.some((a) => a.i === i) && beside.some((b) => b.i === j);
    const own = (n, m) => n === set.row && m === set.column;
    const image = table(range(SIDE).map((i) => range(SIDE).map((j) => now.pixel(i, j))), SIDE, reaches, () => false, true, "image");
    const result = table(now.outputs, now.size, () => false, own, now.size < 17, "output");
    stage.querySelector(".moving-tables").innerHTML =
      `<div><span>image x</span>${image}</div><div style="max-width:100%"><span>output y</span>${result}</div>`;
    const within = now.outputs.flatMap((row, n) => row.filter((_, m) => now.inside(n) && now.inside(m)));
    const [least, most] = [Math.min(...within), Math.max(...within)];
    stage.querySelector(".moving-words").innerHTML =
      `kernel ${now.kernel}×${now.kernel}, weights along one side: ${now.profile.map(text).join(", ")}<br>` +
      `size of the output: (${SIDE} − 1)·${set.stride} + ${now.kernel} − 2·${set.padding} = <b data-number="size">${now.size}</b><br>` +
      `y[${set.row}, ${set.column}] = <b data-number="value">${text(now.outputs[set.row][set.column])}</b>: ` +
      `${counted(above.length, "row")} and ${counted(beside.length, "column")} of the image reach it, ` +
      `<b data-number="reached">${above.length * beside.length}</b> of the stamps<br>` +
      `away from the border: least <b data-number="least">${text(least)}</b>, most <b data-number="most">${text(most)}</b>` +
      (set.image !== "all 1" ? "" : most - least > 1e-9 ? ", a checkerboard" : ", no checkerboard");
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = ["weights", "image"].includes(target.name) ? target.value : Number(target.value);
    show();
  });
  const look = ({ target }) => {
    const [name, row, column] = target.closest("[data-place]")?.dataset.place.split(" ") ?? [];
    if (name !== "output" || (Number(row) === set.row && Number(column) === set.column)) return;
    Object.assign(set, { row: Number(row), column: Number(column) });
    show();
  };
  stage.addEventListener("pointerover", look);
  stage.addEventListener("click", look);
  show();
}

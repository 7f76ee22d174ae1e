// The networks as the page's cell has recorded them: steps [kind, sources, sizes] and the ranges that may stand several times.
const read = () => JSON.parse(document.querySelector("script.moving-tables").textContent);
const MEASURES = { activations: "activations", parameters: "parameters", "multiply-adds": "work" };
const KINDS = { conv: "convolution", linear: "fully connected", pool: "pooling" };
const WIDTH = 640;
const HEIGHT = 110;

const scaled = (count, width) => Math.max(1, Math.floor(count * width + 0.5));
const side = (size, kernel, stride, padding, ceil) => {
  const steps = (size + 2 * padding - kernel) / stride;
  const out = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  return ceil && (out - 1) * stride >= size + padding ? out - 1 : out;
};

// The steps when each range stands `depth` times.
function repeated({ steps, ranges }, depth) {
  const out = [];
  const place = {};
  const begins = new Map(ranges.map(([first, end, source]) => [first, { end, source }]));
  for (let at = 0; at < steps.length; ) {
    const range = begins.get(at) ?? { end: at + 1 };
    for (let copy = 0; copy < (begins.has(at) ? depth : 1); copy++) {
      for (let old = at; old < range.end; old++) {
        const [kind, sources, sizes] = steps[old];
        out.push([kind, sources.map((source) => place[source]), sizes]);
        place[old] = out.length - 1;
      }
      if (range.source !== undefined) place[range.source] = out.length - 1;
    }
    at = range.end;
  }
  return out;
}

// Shapes, costs and receptive fields of all steps, for one image.
function measured(graph, { width, depth, resolution }) {
  const steps = repeated(graph, depth);
  const last = steps.reduce((found, [kind], n) => (kind === "linear" ? n : found), 0);
  const grid = Math.floor(graph.side * resolution + 0.5);
  const done = [];
  steps.forEach(([kind, sources, sizes], n) => {
    const from = sources.map((source) => done[source]);
    const [x] = from;
    const same = { ...x, kind, activations: 0, parameters: 0, work: 0 };
    const cost = (out, weights, bias) => ({
      ...out,
      activations: out.channels * out.height * out.width,
      parameters: weights * out.channels + (bias ? out.channels : 0),
      work: weights * out.channels * out.height * out.width,
    });
    if (kind === "image") {
      done.push({ ...same, channels: 3, before: 3, height: grid, width: grid, jump: 1, sees: [1, 1] });
    } else if (kind === "conv") {
      const [wide, kernel, stride, padding, groups, bias] = sizes;
      const depthwise = groups > 1 && groups === x.before;
      const channels = depthwise ? x.channels * (wide / groups) : scaled(Math.floor(wide / groups), width) * groups;
      const out = {
        ...same, channels, before: wide, kernel: kernel.join("×"),
        height: side(x.height, kernel[0], stride, padding[0]),
        width: side(x.width, kernel[1], stride, padding[1]),
        jump: x.jump * stride,
        sees: x.sees.map((pixels, way) => pixels + (kernel[way] - 1) * x.jump),
      };
      done.push(cost(out, (kernel[0] * kernel[1] * x.channels) / (depthwise ? x.channels : groups), bias));
    } else if (kind === "linear") {
      const out = { ...same, channels: n === last ? sizes[0] : scaled(sizes[0], width), before: sizes[0], height: 1, width: 1, sees: [Infinity, Infinity] };
      done.push(cost(out, x.channels * x.height * x.width, true));
    } else if (kind === "pool") {
      const [kernel, stride, padding, ceil] = sizes;
      done.push({
        ...same, kernel: `${kernel}×${kernel}`,
        height: side(x.height, kernel, stride, padding, ceil),
        width: side(x.width, kernel, stride, padding, ceil),
        jump: x.jump * stride,
        sees: x.sees.map((pixels) => pixels + (kernel - 1) * x.jump),
      });
    } else if (kind === "norm") {
      done.push({ ...same, parameters: 2 * x.channels });
    } else if (kind === "mean") {
      done.push({ ...same, height: 1, width: 1, sees: [Infinity, Infinity] });
    } else {
      const sees = [0, 1].map((way) => Math.max(...from.map((one) => one.sees[way])));
      const sum = (key) => from.reduce((total, one) => total + one[key], 0);
      const parts = kind === "part" ? sizes[0] : 1;
      const [channels, before] = ["channels", "before"].map((key) => (kind === "cat" ? sum(key) : x[key] / parts));
      done.push({ ...same, channels, before, sees });
    }
  });
  const total = (key) => done.reduce((sum, one) => sum + one[key], 0);
  return {
    layers: done.filter(({ kind }) => kind in KINDS),
    activations: total("activations"), parameters: total("parameters"), work: total("work"),
  };
}

export function draw(stage) {
  const graphs = read();
  const names = Object.keys(graphs);
  const set = { left: "vgg16", right: "resnet50", measure: "multiply-adds", width: 1, depth: 1, resolution: 1, "left layer": 1, "right layer": 1 };
  const choice = (name, words) =>
    `<label>${name} <select name="${name}">${words.map((word) => `<option>${word}</option>`).join("")}</select></label>`;
  const slider = (name, low, high, step) =>
    `<label>${name} <input type="range" name="${name}" min="${low}" max="${high}" step="${step}" style="width: 6.5rem; vertical-align: middle"> <b data-of="${name}"></b></label>`;
  const panel = (name) =>
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" data-side="${name}" preserveAspectRatio="none" style="width: 100%; max-width: 44rem; height: 7rem; display: block; margin-bottom: 0.4rem" aria-hidden="true"></svg>
     <p data-words="${name}"></p>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${choice("left", names)} ${choice("right", names)} ${choice("measure", Object.keys(MEASURES))}
      ${slider("width", 0.25, 2, 0.25)} ${slider("depth", 1, 3, 1)} ${slider("resolution", 0.5, 2, 0.25)}
      ${slider("left layer", 1, 100, 1)} ${slider("right layer", 1, 100, 1)}
    </div>
    <div aria-live="polite">${panel("left")}${panel("right")}</div>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select, input")].map((one) => [one.name, one]));
  const millions = (number) => (number / 1e6).toFixed(2);
  const words = (side, now) => {
    const at = set[`${side} layer`];
    const layer = now.layers[at - 1];
    const sees = Math.max(...layer.sees);
    const of = (key, number) => `<b data-number="${side}-${key}">${millions(number)}</b>`;
    return `<b>${set[side]}</b>, in millions: ${of("parameters", now.parameters)} parameters, ` +
      `${of("work", now.work)} multiply-adds, ${of("activations", now.activations)} activations.<br>` +
      `Layer ${at} of ${now.layers.length}: ${layer.kernel ?? ""} ${KINDS[layer.kind]}, ${layer.height}×${layer.width}×${layer.channels}; ` +
      `${layer.parameters.toLocaleString("en")} parameters, ${layer.work.toLocaleString("en")} multiply-adds, ` +
      `${layer.activations.toLocaleString("en")} activations; sees ` +
      (Number.isFinite(sees) ? `<b data-number="${side}-sees">${sees}</b> pixels in a row` : "the whole image");
  };

  function show() {
    const both = Object.fromEntries(["left", "right"].map((side) => [side, measured(graphs[set[side]], set)]));
    const key = MEASURES[set.measure];
    const every = Object.values(both).flatMap(({ layers }) => layers);
    const tallest = Math.max(...every.map(({ height }) => height));
    const most = Math.max(...every.map((layer) => layer[key]));
    const broad = (layer) => Math.sqrt(layer.channels);
    const sums = Object.values(both).map(({ layers }) => layers.reduce((sum, layer) => sum + broad(layer), 0));
    const unit = WIDTH / Math.max(...sums);
    for (const [side, now] of Object.entries(both)) {
      const layer = controls[`${side} layer`];
      layer.max = now.layers.length;
      set[layer.name] = Math.min(set[layer.name], now.layers.length);
      let x = 0;
      stage.querySelector(`svg[data-side="${side}"]`).innerHTML = now.layers
        .map((one, n) => {
          const wide = broad(one) * unit;
          const high = Math.max(2, (HEIGHT * one.height) / tallest);
          const own = n + 1 === set[layer.name];
          const box = `x="${x.toFixed(2)}" width="${Math.max(0.6, wide - 0.6).toFixed(2)}"`;
          x += wide;
          const fill = `var(--pst-color-${own ? "secondary" : "primary"})`;
          const fullness = own ? 1 : 0.14 + 0.86 * Math.sqrt(one[key] / most);
          return `<rect ${box} y="${(HEIGHT - high).toFixed(2)}" height="${high.toFixed(2)}" style="fill: ${fill}; fill-opacity: ${fullness.toFixed(3)}"></rect>` +
            `<rect ${box} y="0" height="${HEIGHT}" style="fill: transparent" data-place="${n + 1}"></rect>`;
        })
        .join("");
      stage.querySelector(`[data-words="${side}"]`).innerHTML = words(side, now);
    }
    for (const [name, control] of Object.entries(controls)) {
      control.value = set[name];
      const shown = stage.querySelector(`[data-of="${name}"]`);
      if (shown) shown.textContent = name.endsWith("layer") ? set[name] : `${set[name]}×`;
    }
  }

  const change = ({ target }) => {
    if (!(target.name in set)) return;
    set[target.name] = target.tagName === "SELECT" ? target.value : Number(target.value);
    show();
  };
  stage.addEventListener("change", change);
  stage.addEventListener("input", change);
  const look = ({ target }) => {
    const place = Number(target.dataset?.place);
    const name = target.closest?.("svg")?.dataset.side;
    if (!place || set[`${name} layer`] === place) return;
    set[`${name} layer`] = place;
    show();
  };
  stage.addEventListener("pointerover", look);
  stage.addEventListener("click", look);
  show();
}

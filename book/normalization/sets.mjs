const IMAGES = 64;
const CHANNELS = 4;
const PIXELS = 4;
const SHOWN = 4;
const EPSILON = 1e-5;

// The same pseudo-random digits as in the page's cell, number after number.
const block = [];
for (let i = 0, state = 1; i < IMAGES * CHANNELS * PIXELS; i++) {
  state = (state * 1103 + 7) % 65537;
  block.push(Math.floor(state / 6554));
}
const value = (image, channel, pixel) => block[(image * CHANNELS + channel) * PIXELS + pixel];

const SETS = {
  batch: (at, place) => at.channel === place.channel,
  layer: (at, place) => at.image === place.image,
  instance: (at, place) => at.image === place.image && at.channel === place.channel,
  group: (at, place) => at.image === place.image && at.channel >> 1 === place.channel >> 1,
};

function* places(images) {
  for (let image = 0; image < images; image++)
    for (let channel = 0; channel < CHANNELS; channel++)
      for (let pixel = 0; pixel < PIXELS; pixel++) yield { image, channel, pixel };
}

const mean = (numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const variance = (numbers) => mean(numbers.map((x) => (x - mean(numbers)) ** 2));

function state(set) {
  const place = { image: set.image - 1, channel: set.channel - 1, pixel: set.pixel - 1 };
  const remembers = set.layer === "batch" && set.mode === "evaluation";
  const all = [...places(remembers ? IMAGES : set.size)];
  const inside = all.filter((at) => SETS[set.layer](at, place));
  const numbers = inside.map((at) => value(at.image, at.channel, at.pixel));
  const unbiased = remembers ? numbers.length / (numbers.length - 1) : 1;
  const spread = Math.sqrt(variance(numbers) * unbiased + EPSILON);
  const x = value(place.image, place.channel, place.pixel);
  const means = [];
  for (let first = 0; first + set.size <= IMAGES; first += set.size) {
    const batch = [...places(IMAGES)].filter(
      (at) => at.channel === place.channel && at.image >= first && at.image < first + set.size,
    );
    means.push(mean(batch.map((at) => value(at.image, at.channel, at.pixel))));
  }
  return {
    place, remembers, inside: remembers ? [] : inside, x, means,
    count: numbers.length, mean: mean(numbers), spread, output: (x - mean(numbers)) / spread,
    noise: Math.sqrt(variance(means)),
  };
}

const text = (number, digits = 2) => number.toFixed(digits).replace("-", "−");

export function draw(stage) {
  const set = { layer: "batch", mode: "training", size: 4, image: 2, channel: 2, pixel: 1 };
  const option = (name, words) =>
    `<label>${name} <select name="${name}">${words.map((w) => `<option>${w}</option>`).join("")}</select></label>`;
  const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("layer", Object.keys(SETS))} ${option("mode", ["training", "evaluation"])}
      ${option("size", [1, 2, 4, 8, 16])}
      ${option("image", numbers(SHOWN))} ${option("channel", numbers(CHANNELS))} ${option("pixel", numbers(PIXELS))}
    </div>
    <div class="moving-block" aria-hidden="true"></div>
    <p class="moving-words" aria-live="polite"></p>
    <svg class="moving-line" viewBox="0 0 600 64" aria-hidden="true"></svg>
    <p class="moving-noise"></p>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select")].map((select) => [select.name, select]));

  function show() {
    set.image = Math.min(set.image, set.size);
    for (const [name, select] of Object.entries(controls)) select.value = set[name];
    for (const choice of controls.image.options) choice.disabled = Number(choice.value) > set.size;
    controls.mode.disabled = set.layer !== "batch";
    const now = state(set);
    const lit = new Set(now.inside.map((at) => `${at.image} ${at.channel} ${at.pixel}`));
    stage.querySelector(".moving-block").innerHTML = numbers(Math.min(SHOWN, set.size))
      .map((n) => `<div class="moving-row"><span>image ${n}</span>${numbers(CHANNELS)
        .map((c) => `<span class="moving-map">${numbers(PIXELS)
          .map((p) => {
            const key = `${n - 1} ${c - 1} ${p - 1}`;
            const own = n === set.image && c === set.channel && p === set.pixel;
            return `<i class="${lit.has(key) ? "lit" : ""} ${own ? "own" : ""}" data-place="${n} ${c} ${p}">${value(n - 1, c - 1, p - 1)}</i>`;
          })
          .join("")}</span>`)
        .join("")}</div>`)
      .join("");
    const whose = now.remembers ? "remembered from all 64 images" : `of ${now.count} numbers`;
    stage.querySelector(".moving-words").innerHTML =
      `mean ${whose}: <b data-number="mean">${text(now.mean)}</b>, standard deviation <b data-number="spread">${text(now.spread)}</b>; ` +
      `output at the framed place: (${now.x} − ${text(now.mean)}) / ${text(now.spread)} = <b data-number="output">${text(now.output)}</b>`;
    const across = (x) => 30 + 60 * x;
    stage.querySelector(".moving-line").innerHTML =
      `<line x1="30" x2="570" y1="44" y2="44"/>` +
      numbers(10).map((x) => `<text x="${across(x - 1)}" y="60">${x - 1}</text>`).join("") +
      now.means.map((x) => `<circle cx="${across(x)}" cy="26" r="5"/>`).join("");
    stage.querySelector(".moving-noise").innerHTML =
      `Each dot: the mean of channel ${set.channel} in one batch of ${set.size}, ${now.means.length} batches in 64 images. ` +
      `Standard deviation of the dots: <b data-number="noise">${text(now.noise)}</b>`;
  }

  stage.addEventListener("change", ({ target }) => {
    set[target.name] = ["layer", "mode"].includes(target.name) ? target.value : Number(target.value);
    if (set.layer !== "batch") set.mode = "training";
    show();
  });
  stage.addEventListener("click", ({ target }) => {
    if (!target.dataset.place) return;
    [set.image, set.channel, set.pixel] = target.dataset.place.split(" ").map(Number);
    show();
  });
  show();
}

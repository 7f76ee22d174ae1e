const SIZE = 64;
const WINDOW = 22;
const STEP = 4;

const text = (number) => number.toFixed(2);
const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
const side = (low, high) => Math.max(0, high - low);

function iou(a, b) {
  const shared =
    side(Math.max(a[0], b[0]), Math.min(a[2], b[2])) * side(Math.max(a[1], b[1]), Math.min(a[3], b[3]));
  const union = area(a) + area(b) - shared;
  return union > 0 ? shared / union : 0;
}

// What the two thresholds leave, best first, and which of it is right.
function judge(candidates, truth, set) {
  const kept = [];
  const sorted = candidates.filter(({ score }) => score > set.threshold).sort((a, b) => b.score - a.score || a.index - b.index);
  for (const one of sorted) if (kept.every((better) => iou(better.box, one.box) <= set.nms)) kept.push(one);
  const taken = new Set();
  for (const one of kept) {
    const overlaps = truth.map((box) => iou(one.box, box));
    const best = overlaps.indexOf(Math.max(...overlaps));
    one.right = overlaps[best] >= set.needed && !taken.has(best);
    if (one.right) taken.add(best);
  }
  return kept;
}

// Precision and recall behind each box, and the area below the precision that falls only.
function curve(kept, objects) {
  let hits = 0;
  const points = kept.map(({ right }, i) => {
    hits += right ? 1 : 0;
    return { recall: hits / objects, precision: hits / (i + 1), right };
  });
  let best = 0;
  const area = points.reduceRight((sum, point) => {
    best = Math.max(best, point.precision);
    point.best = best;
    return sum + (point.right ? best / objects : 0);
  }, 0);
  return { points, area };
}

const rectangle = ([x1, y1, x2, y2], color, more = "") =>
  `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${color}" stroke-width="0.7" ${more}/>`;

export function draw(stage) {
  const given = JSON.parse(document.getElementById("detection-exported").textContent);
  const set = { scene: 1, threshold: 0.3, nms: 0.3, needed: 0.5, left: 24, top: 20, width: 14, height: 22, score: 0 };
  const option = (name, label, words) =>
    `<label>${label} <select name="${name}">${words.map((word) => `<option>${word}</option>`).join("")}</select></label>`;
  const slider = (name, label, low, high, step) =>
    `<label>${label} <input type="range" name="${name}" min="${low}" max="${high}" step="${step}"> <output data-of="${name}"></output></label>`;
  const drawing = (name, title, box, width) =>
    `<div style="max-width:100%"><span>${title}</span><br><svg data-part="${name}" viewBox="${box}" style="width:${width}rem;max-width:100%"></svg></div>`;
  stage.innerHTML = `
    <div class="moving-controls">
      ${option("scene", "scene", given.scenes.map((_, i) => i + 1))}
      ${slider("threshold", "score above", 0.02, 0.99, 0.01)} ${slider("nms", "NMS threshold", 0, 1, 0.05)}
      ${option("needed", "right from IoU", [0.5, 0.75])}
    </div>
    <div class="moving-controls">
      ${slider("score", "your box: score", 0, 1, 0.01)} ${slider("left", "left", 0, SIZE - 4, 1)} ${slider("top", "top", 0, SIZE - 4, 1)}
      ${slider("width", "width", 4, 40, 1)} ${slider("height", "height", 4, 40, 1)}
    </div>
    <div class="moving-tables" aria-hidden="true">
      ${drawing("scene", "scene", `0 0 ${SIZE} ${SIZE}`, 16)}
      ${drawing("heat", "a digit here?", "0 0 64 132", 7.5)}
      ${drawing("curve", "precision over recall", "0 0 118 112", 12)}
    </div>
    <p class="moving-words" aria-live="polite"></p>`;
  const controls = Object.fromEntries([...stage.querySelectorAll("select, input")].map((one) => [one.name, one]));
  const part = (name) => stage.querySelector(`[data-part="${name}"]`);

  const own = () => [set.left, set.top, set.left + set.width, set.top + set.height];

  function heat(scores) {
    let first = 0;
    return given.cells.map(([cells, factor], map) => {
      const step = factor * STEP;
      const low = (factor * (WINDOW - STEP)) / 2;
      const drawn = Array.from({ length: cells * cells }, (_, i) => {
        const score = scores[first + i];
        const [x, y] = [low + (i % cells) * step, low + Math.floor(i / cells) * step + 68 * map];
        const lit = score > set.threshold;
        return `<rect x="${x + 0.15}" y="${y + 0.15}" width="${step - 0.3}" height="${step - 0.3}" fill="var(--pst-color-primary)"
          fill-opacity="${score.toFixed(2)}" stroke="${lit ? "var(--pst-color-secondary)" : "var(--pst-color-border)"}" stroke-width="${lit ? 0.6 : 0.2}"/>`;
      });
      first += cells * cells;
      return drawn.join("") + `<rect x="0" y="${68 * map}" width="64" height="64" fill="none" stroke="var(--pst-color-border)" stroke-width="0.4"/>`;
    }).join("");
  }

  function lines({ points }) {
    const at = (recall, precision) => `${16 + 98 * recall} ${98 - 92 * precision}`;
    const steps = points.filter(({ right }) => right);
    let recall = 0;
    const below = steps.map((point) => {
      const from = recall;
      recall = point.recall;
      return `M${at(from, 0)}L${at(from, point.best)}L${at(recall, point.best)}L${at(recall, 0)}Z`;
    });
    const axis = (x, y, words, more = "") => `<text x="${x}" y="${y}" font-size="7" fill="currentColor" ${more}>${words}</text>`;
    return `<path d="${below.join("")}" fill="var(--pst-color-primary)" fill-opacity="0.25"/>
      <path d="M${at(0, 1)}L${at(0, 0)}L${at(1, 0)}" fill="none" stroke="currentColor" stroke-width="0.7"/>
      <path d="${points.map((point, i) => `${i ? "L" : "M"}${at(point.recall, point.precision)}`).join("")}" fill="none" stroke="currentColor" stroke-width="0.8"/>
      ${points.map((point) => `<circle cx="${16 + 98 * point.recall}" cy="${98 - 92 * point.precision}" r="1.8" fill="${color(point.right)}"/>`).join("")}
      ${axis(65, 110, "recall", 'text-anchor="middle"')}${axis(-52, 6, "precision", 'text-anchor="middle" transform="rotate(-90)"')}
      ${axis(12, 99, 0, 'text-anchor="end"')}${axis(12, 10, 1, 'text-anchor="end"')}${axis(114, 106, 1, 'text-anchor="end"')}`;
  }

  const color = (right) => (right ? "#56b4e9" : "#e69f00");

  function show() {
    for (const [name, one] of Object.entries(controls)) if (one.value !== String(set[name])) one.value = set[name];
    for (const one of stage.querySelectorAll("output")) one.textContent = set[one.dataset.of];
    const { image, truth, scores } = given.scenes[set.scene - 1];
    const candidates = given.boxes.map((box, index) => ({ box, index, score: scores[index] }));
    candidates.push({ box: own(), index: candidates.length, score: set.score, own: true });
    const kept = judge(candidates, truth, set);
    const found = curve(kept, truth.length);
    const right = kept.filter((one) => one.right).length;
    const fits = Math.max(...truth.map((box) => iou(own(), box)));
    part("scene").innerHTML =
      `<image href="${image}" width="${SIZE}" height="${SIZE}" style="image-rendering:pixelated"/>` +
      truth.map((box) => rectangle(box, "#f0e442", 'stroke-dasharray="1.8 1.2"')).join("") +
      [false, true].flatMap((right) => kept.filter((one) => one.right === right))
        .map((one) => rectangle(one.box, color(one.right))).join("") +
      rectangle(own(), "#cc79a7", `data-own pointer-events="all" stroke-dasharray="${set.score > set.threshold ? "none" : "0.8 0.8"}" style="cursor:move;touch-action:none"`);
    part("heat").innerHTML = heat(scores);
    part("curve").innerHTML = lines(found);
    const number = (name, value) => `<b data-number="${name}">${value}</b>`;
    const mine = kept.find((one) => one.own);
    stage.querySelector(".moving-words").innerHTML =
      `${number("kept", kept.length)} boxes, ${number("right", right)} of them right; ${truth.length} digits<br>` +
      `precision ${number("precision", kept.length ? text(right / kept.length) : "–")}, recall ${number("recall", text(right / truth.length))}, ` +
      `average precision ${number("ap", text(found.area))}<br>` +
      `your box: IoU ${number("iou", text(fits))} with the digit that it fits best, ` +
      (set.score <= set.threshold ? "not let in" : !mine ? "suppressed by a better one" : mine.right ? "right" : "wrong");
  }

  const read = ({ target }) => {
    if (!(target.name in set)) return;
    set[target.name] = Number(target.value);
    show();
  };
  stage.addEventListener("change", read);
  stage.addEventListener("input", read);

  // Where the pointer took hold of the box, in pixels of the scene from its corner.
  let hold = null;
  const place = (event) => {
    const { left, top, width } = part("scene").getBoundingClientRect();
    return [((event.clientX - left) * SIZE) / width, ((event.clientY - top) * SIZE) / width];
  };
  part("scene").addEventListener("pointerdown", (event) => {
    if (!event.target.hasAttribute("data-own")) return;
    const [x, y] = place(event);
    hold = [x - set.left, y - set.top];
    part("scene").setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  part("scene").addEventListener("pointermove", (event) => {
    if (!hold) return;
    const inside = (value) => Math.min(SIZE - 4, Math.max(0, Math.round(value)));
    const [x, y] = place(event);
    Object.assign(set, { left: inside(x - hold[0]), top: inside(y - hold[1]) });
    if (set.score === 0) set.score = 1;
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) part("scene").addEventListener(end, () => (hold = null));
  show();
}

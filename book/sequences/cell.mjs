const LETTERS = " abcdefghijklmnopqrstuvwxyz";
const GATES = ["i", "f", "g", "o"];
const LONGEST = 24;

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const text = (x) => x.toFixed(2).replace("-", "−");
const seen = (letter) => (letter === " " ? "␣" : letter);

// One step of the cell for all units; the gates are in torch's order.
function step(net, letter, { h, c }) {
  const units = c.map((_, u) => u);
  const sum = (gate, u) => {
    const row = gate * c.length + u;
    return h.reduce((total, value, k) => total + net.w_hh[row][k] * value, net.w_ih[row][letter] + net.b[row]);
  };
  const gates = GATES.map((name, gate) => units.map((u) => (name === "g" ? Math.tanh : sigmoid)(sum(gate, u))));
  const [i, f, g, o] = gates;
  const kept = units.map((u) => f[u] * c[u] + i[u] * g[u]);
  return { i, f, g, o, before: c, c: kept, h: units.map((u) => o[u] * Math.tanh(kept[u])) };
}

function guess(net, h) {
  const logits = net.out.map((row, k) => row.reduce((total, w, u) => total + w * h[u], net.out_b[k]));
  const top = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - top));
  const all = powers.reduce((a, b) => a + b);
  return powers.map((p, k) => ({ letter: LETTERS[k], p: p / all })).sort((a, b) => b.p - a.p);
}

export function draw(stage) {
  const net = JSON.parse(document.getElementById("sequences-weights").textContent);
  const units = net.w_hh[0].map((_, u) => u);
  const set = { text: net.text, at: net.at, unit: net.unit };
  stage.innerHTML = `
    <div class="moving-controls">
      <label>text <input type="text" name="text" maxlength="${LONGEST}" size="22" spellcheck="false" autocomplete="off"></label>
      <label>letter <input type="range" name="at" min="1" value="1"></label>
      <label>unit <select name="unit">${units.map((u) => `<option>${u + 1}</option>`).join("")}</select></label>
    </div>
    <svg class="moving-cell" viewBox="0 0 640 210" style="width:100%;max-width:40rem" aria-hidden="true"></svg>
    <svg class="moving-line" viewBox="0 0 640 ${62 + 11 * units.length}" style="max-width:40rem" aria-hidden="true"></svg>
    <p class="moving-words" aria-live="polite"></p>`;
  const control = Object.fromEntries([...stage.querySelectorAll("input, select")].map((one) => [one.name, one]));

  const colored = (value, most) =>
    `fill="${value < 0 ? "var(--pst-color-secondary)" : "var(--pst-color-primary)"}" fill-opacity="${Math.min(1, Math.abs(value) / most).toFixed(2)}"`;
  const label = (x, y, words, more = "") => `<text x="${x}" y="${y}" font-size="14" fill="currentColor" text-anchor="middle" ${more}>${words}</text>`;
  const line = (x, y, to, high, more = "") => `<path d="M${x} ${y}L${to} ${high}" stroke="currentColor" stroke-opacity="0.45" fill="none" ${more}/>`;

  // The cell of one unit: the memory goes along the top, the gates stand below it.
  function cell(now, u, letter) {
    const part = (x, name, value, what) =>
      `<rect x="${x - 38}" y="120" width="76" height="44" rx="5" ${colored(value, 1.9)} stroke="currentColor" stroke-opacity="0.5"/>` +
      label(x, 138, name, 'font-style="italic"') + label(x, 156, text(value)) + label(x, 182, what, 'fill-opacity="0.75"');
    const node = (x, y, sign) =>
      `<circle cx="${x}" cy="${y}" r="12" fill="var(--pst-color-background)" stroke="currentColor"/>` + label(x, y + 5, sign);
    return (
      line(60, 45, 590, 45, 'stroke-width="2"') + line(150, 120, 150, 45) + line(270, 120, 270, 85) + line(390, 120, 390, 85) +
      line(270, 85, 390, 85) + line(330, 85, 330, 45) + line(530, 45, 530, 120) +
      node(150, 45, "×") + node(330, 45, "+") + node(330, 85, "×") + node(530, 88, "×") +
      part(150, "f", now.f[u], "forget") + part(270, "i", now.i[u], "input") +
      part(390, "g", now.g[u], "candidate") + part(530, "o", now.o[u], "output") +
      label(60, 30, `c before`) + label(60, 68, text(now.before[u])) +
      label(430, 30, `c`, 'font-style="italic"') + label(430, 68, text(now.c[u])) +
      label(595, 76, "h", 'font-style="italic"') + label(595, 96, text(now.h[u])) + line(542, 88, 578, 88) +
      label(60, 138, "letter") + `<text x="60" y="162" font-size="22" fill="currentColor" text-anchor="middle">${seen(letter)}</text>`
    );
  }

  function show() {
    for (const [name, one] of Object.entries(control)) {
      if (name === "at") one.max = set.text.length || 1;
      if (one.value !== String(set[name])) one.value = set[name];
    }
    const steps = [];
    let state = { h: units.map(() => 0), c: units.map(() => 0) };
    // Where nothing is typed, a space is read.
    const read = set.text || " ";
    for (const letter of read) steps.push((state = step(net, LETTERS.indexOf(letter), state)));
    const u = set.unit - 1;
    const now = steps[set.at - 1];
    stage.querySelector(".moving-cell").innerHTML = cell(now, u, read[set.at - 1]);

    const wide = 560 / read.length;
    const most = Math.max(1, ...steps.flatMap(({ c }) => c.map(Math.abs)));
    const middle = (k) => 70 + (k + 0.5) * wide;
    const squares = steps.map(({ c }, k) =>
      c.map((value, row) => `<rect x="${70 + k * wide}" y="${30 + row * 11}" width="${wide - 1}" height="10" ${colored(value, most)}/>`).join("")).join("");
    stage.querySelector(".moving-line").innerHTML =
      squares + [...read].map((letter, k) => `<text x="${middle(k)}" y="20">${seen(letter)}</text>`).join("") +
      `<text x="34" y="${40 + u * 11}">unit ${set.unit}</text>` +
      `<rect x="70" y="${29.5 + u * 11}" width="560" height="11" fill="none" stroke="currentColor"/>` +
      `<rect x="${70 + (set.at - 1) * wide - 0.5}" y="29" width="${wide}" height="${units.length * 11 + 1}" fill="none" stroke="currentColor" stroke-width="2"/>` +
      `<text x="350" y="${50 + units.length * 11}">all cell states, letter by letter (blue: positive)</text>`;

    const best = guess(net, now.h);
    const number = (name, value) => `<b data-number="${name}">${text(value)}</b>`;
    stage.querySelector(".moving-words").innerHTML =
      `Unit ${set.unit} at letter ${set.at}, “${seen(read[set.at - 1])}”: <i>c</i> = <i>f</i> · <i>c</i> before + <i>i</i> · <i>g</i> = ` +
      `${number("f", now.f[u])} · ${number("before", now.before[u])} + ${number("i", now.i[u])} · ${number("g", now.g[u])} = ${number("c", now.c[u])}, ` +
      `<i>h</i> = <i>o</i> · tanh <i>c</i> = ${number("o", now.o[u])} · tanh ${text(now.c[u])} = ${number("h", now.h[u])}. ` +
      `All units guess the next letter: “${seen(best[0].letter)}” with ${number("p", best[0].p)}, ` +
      `then ${best.slice(1, 4).map(({ letter, p }) => `“${seen(letter)}” ${text(p)}`).join(", ")}.`;
  }

  function change({ target }) {
    if (!(target.name in set)) return;
    if (target.name === "text") {
      // Small letters and single spaces are all that the network has seen.
      const longer = target.value.length > set.text.length;
      set.text = target.value.toLowerCase().replace(/[^a-z]+/g, " ").slice(0, LONGEST);
      set.at = Math.max(1, longer ? set.text.length : Math.min(set.at, set.text.length));
    } else set[target.name] = Math.min(Number(target.value), target.name === "at" ? set.text.length || 1 : units.length);
    show();
  }
  stage.addEventListener("input", change);
  stage.addEventListener("change", change);
  show();
}

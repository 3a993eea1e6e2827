"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const page = document.getElementById("page");
  const SVG = "http://www.w3.org/2000/svg";
  const WIDTH = 960, GREY = "#9a9a9a";
  let context = null, playing = null;

  function add(parent, tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function draw(parent, tag, attributes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent.appendChild(element);
    return element;
  }

  function extent(notes) {
    const start = Math.min(...notes.map(note => note[0])), end = Math.max(...notes.map(note => note[0] + note[1]));
    const low = Math.min(...notes.map(note => note[2])), high = Math.max(...notes.map(note => note[2]));
    return { start, length: Math.max(end - start, 1), low, rows: Math.max(high - low + 1, 8) };
  }

  // Notes as rectangles from a height on; returns for each the middle of its left edge.
  function roll(svg, notes, top, color, drawn) {
    const size = extent(notes), step = 4.5, scale = (WIDTH - 10) / size.length;
    const places = [];
    notes.forEach(note => {
      const x = 5 + (note[0] - size.start) * scale, y = top + (size.low + size.rows - 1 - note[2]) * step;
      const rect = draw(svg, "rect", {
        x, y, width: Math.max(note[1] * scale - 1.5, 3), height: step - 0.5, rx: 1, fill: color,
      });
      drawn.push(rect);
      places.push([x + 2, y + step / 2]);
    });
    return { places, bottom: top + size.rows * step };
  }

  function stop() {
    if (!playing) return;
    playing.nodes.forEach(node => { try { node.stop(); } catch (error) { /* it has ended */ } });
    playing.timers.forEach(clearTimeout);
    playing.button.textContent = "play";
    playing = null;
  }

  function play(snippet, button, drawn) {
    const again = playing && playing.button === button;
    stop();
    if (again) return;
    context = context || new AudioContext();
    context.resume();
    const start = context.currentTime + 0.05, beat = 60 / snippet.qpm;
    const first = Math.min(...snippet.notes.map(note => note[0]));
    const run = { nodes: [], timers: [], button };
    let end = 0;
    snippet.notes.forEach((note, index) => {
      const at = (note[0] - first) * beat, length = Math.max(note[1] * beat, 0.12);
      const tone = context.createOscillator(), gain = context.createGain();
      tone.type = "triangle";
      tone.frequency.value = 440 * Math.pow(2, (note[2] - 69) / 12);
      gain.gain.setValueAtTime(0, start + at);
      gain.gain.linearRampToValueAtTime(0.16, start + at + 0.012);
      gain.gain.exponentialRampToValueAtTime(0.05, start + at + length * 0.8);
      gain.gain.linearRampToValueAtTime(0, start + at + length);
      tone.connect(gain).connect(context.destination);
      tone.start(start + at);
      tone.stop(start + at + length + 0.02);
      run.nodes.push(tone);
      const rect = drawn[index];
      run.timers.push(setTimeout(() => rect.setAttribute("stroke", "#000"), at * 1000 + 50));
      run.timers.push(setTimeout(() => rect.removeAttribute("stroke"), (at + length) * 1000 + 50));
      end = Math.max(end, at + length);
    });
    run.timers.push(setTimeout(stop, end * 1000 + 200));
    button.textContent = "stop";
    playing = run;
  }

  function head(parent, snippet, drawn, name) {
    const line = add(parent, "div", "line");
    const button = add(line, "button", "", "play");
    button.type = "button";
    button.setAttribute("aria-label", "play " + (name || snippet.label));
    button.addEventListener("click", () => play(snippet, button, drawn));
    add(line, "span", "label", snippet.label);
    if (snippet.detail) add(line, "span", "detail", snippet.detail);
    return line;
  }

  document.title = content.title;
  add(page, "h1", "", content.title);
  add(page, "p", "", content.lead);
  content.pictures.forEach(picture => {
    const figure = add(page, "figure");
    const image = add(figure, "img");
    image.src = picture.data;
    image.alt = picture.caption;
    add(figure, "figcaption", "", picture.caption);
  });
  content.groups.forEach(group => {
    const title = add(page, "h2");
    const swatch = draw(title, "svg", { class: "swatch", viewBox: "0 0 14 14" });
    draw(swatch, "rect", { width: 14, height: 14, rx: 2, fill: group.color });
    title.appendChild(document.createTextNode(group.heading));
    if (group.text) add(page, "p", "detail", group.text);
    group.rows.forEach(row => {
      const box = add(page, "article");
      const upper = [], lower = [];
      if (row.upper) head(box, row.upper, upper);
      const line = head(box, row.lower, lower);
      row.facts.forEach(fact => add(line, "span", "fact", fact));
      const svg = draw(box, "svg", { role: "img", "aria-label": row.lower.label });
      let top = 4, above = null;
      if (row.upper) {
        above = roll(svg, row.upper.notes, top, GREY, upper);
        top = above.bottom + 16;
      }
      const below = roll(svg, row.lower.notes, top, group.color, lower);
      row.pairs.forEach(pair => {
        const from = above.places[pair[0]], to = below.places[pair[1]];
        draw(svg, "line", { x1: from[0], y1: from[1], x2: to[0], y2: to[1], stroke: "#bbb", "stroke-width": 0.8 });
      });
      svg.setAttribute("viewBox", `0 0 ${WIDTH} ${below.bottom + 4}`);
    });
  });
})();

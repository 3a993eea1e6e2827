"use strict";
// The screen: shows one trial at a time, plays one piece at a time, saves after every answer.
(() => {
  const $ = (id) => document.getElementById(id);
  const test = JSON.parse($("test").textContent);
  const store = `ritornello-listen-${test.test}`;
  const isPaired = test.mode === "paired";
  let session = null;
  let players = [];
  let isSaved = true;

  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children);
    return element;
  };
  const clock = (seconds) => {
    const whole = Math.floor(Number.isFinite(seconds) ? seconds : 0);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  };
  const trialNow = () => test.trials[session.at];

  function save() {
    isSaved = false;
    // A browser may forbid storage; the test goes on, and only cannot be interrupted.
    try { localStorage.setItem(store, JSON.stringify(session)); } catch { /* answers stay in memory */ }
  }
  function saved() {
    try { return Session.restore(test, localStorage.getItem(store)); } catch { return null; }
  }

  function show(name) {
    for (const id of ["intro", "trial", "end"]) $(id).hidden = id !== name;
    $("progress").hidden = name === "intro";
    $("early").hidden = name !== "trial";
    window.scrollTo(0, 0);
  }

  function showIntro() {
    const count = test.trials.length;
    $("task").textContent = isPaired
      ? `You will hear ${count} pairs of pieces, A and B, and say how you find them. Listen to both as often as you like.`
      : `You will hear ${count} pieces and say how you find each of them. Listen as often as you like.`;
    $("where").textContent = `${count} ${isPaired ? "pairs" : "pieces"}`;
    $("rater").value = "";
    show("intro");
  }

  function player(trial, clip, place) {
    const bytes = Uint8Array.from(atob($(clip).textContent), (letter) => letter.charCodeAt(0));
    const audio = new Audio(URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" })));
    const title = isPaired ? `Piece ${"AB"[place]}` : "The piece";
    const button = make("button", { type: "button", textContent: "Play" });
    button.setAttribute("aria-label", `Play ${title}`);
    button.setAttribute("aria-keyshortcuts", "ab"[place]);
    const seek = make("input", { type: "range", min: 0, max: 1000, value: 0, step: 1 });
    seek.setAttribute("aria-label", `Place in ${title}`);
    const time = make("span", { className: "time", textContent: "0:00" });
    const card = make("article", { className: "piece" },
      make("h3", { textContent: title }), make("div", { className: "player" }, button, seek, time));
    let last = 0;

    const draw = () => {
      const length = Number.isFinite(audio.duration) ? audio.duration : 0;
      if (length) seek.value = Math.round(1000 * audio.currentTime / length);
      seek.setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(length)}`);
      time.textContent = `${clock(audio.currentTime)} / ${clock(length)}`;
    };
    const state = () => {
      const isPlaying = !audio.paused && !audio.ended;
      button.textContent = isPlaying ? "Pause" : "Play";
      button.setAttribute("aria-label", `${button.textContent} ${title}`);
      card.classList.toggle("playing", isPlaying);
    };
    audio.addEventListener("loadedmetadata", () => { draw(); update(); });
    audio.addEventListener("timeupdate", () => {
      const step = audio.currentTime - last;
      // A jump on the slider is not listening.
      if (step > 0 && step < 1.5) { Session.hear(session, trial, place, step); update(); }
      last = audio.currentTime;
      draw();
    });
    for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => { state(); save(); });
    audio.addEventListener("error", () => { time.textContent = "cannot be played here"; });
    seek.addEventListener("input", () => {
      if (Number.isFinite(audio.duration)) audio.currentTime = seek.value / 1000 * audio.duration;
    });
    const toggle = () => {
      if (!audio.paused) { audio.pause(); return; }
      for (const other of players) if (other.audio !== audio) other.audio.pause();
      audio.play().catch(() => { time.textContent = "cannot be played here"; });
    };
    button.addEventListener("click", toggle);
    return { audio, card, toggle };
  }

  function scale(trial, { question, place }) {
    const set = make("fieldset", {}, make("legend", { textContent: question.text }));
    const steps = make("div", { className: question.labels.every(Boolean) ? "scale worded" : "scale" });
    question.labels.forEach((label, index) => {
      const value = index + 1;
      const input = make("input", {
        type: "radio", name: `${question.name}-${place}`, value, checked: Session.answered(session, trial, question, place) === value,
      });
      input.addEventListener("change", () => { Session.answer(session, trial, question, place, value); save(); update(); });
      const step = make("span", { className: "step" }, String(value), make("span", { className: "word", textContent: label }));
      steps.append(make("label", {}, input, step));
    });
    set.append(steps);
    set.dataset.field = `${question.name}-${place}`;
    return set;
  }

  function silence() {
    for (const { audio } of players) { audio.pause(); URL.revokeObjectURL(audio.src); }
    players = [];
  }

  function showTrial() {
    silence();
    if (session.at >= test.trials.length) { showEnd(); return; }
    const trial = trialNow();
    const sets = Session.fields(test, trial).map((field) => ({ ...field, set: scale(trial, field) }));
    players = trial.clips.map((clip, place) => player(trial, clip, place));
    $("pieces").replaceChildren(...players.map(({ card }, place) => {
      card.append(...sets.filter((field) => field.question.about === "piece" && field.place === place).map(({ set }) => set));
      return card;
    }));
    $("pair").replaceChildren(...sets.filter(({ question }) => question.about === "pair").map(({ set }) => set));
    $("trial-title").textContent = `${isPaired ? "Pair" : "Piece"} ${session.at + 1} of ${test.trials.length}`;
    $("next").textContent = session.at + 1 < test.trials.length ? "Next" : "Finish";
    show("trial");
    update();
    $("trial-title").focus({ preventScroll: true });
  }

  const lengths = () => players.map(({ audio }) => audio.duration);

  function update() {
    if (!session || session.at >= test.trials.length) return;
    const trial = trialNow();
    const text = Session.missing(test, session, trial, lengths());
    const open = Session.open(test, session, trial);
    for (const set of document.querySelectorAll("fieldset")) {
      set.classList.toggle("current", open !== null && set.dataset.field === `${open.question.name}-${open.place}`);
    }
    // Changed only when it differs, so that a screen reader says it once.
    if ($("missing").textContent !== text) $("missing").textContent = text;
    $("next").disabled = text !== "";
    $("previous").disabled = session.at === 0;
    const done = Session.countAnswered(test, session);
    $("progress").value = done / test.trials.length;
    $("where").textContent = `${done} of ${test.trials.length} done`;
  }

  function showEnd() {
    silence();
    const done = Session.countAnswered(test, session);
    const isWhole = done === test.trials.length;
    $("end-title").textContent = isWhole ? "Thank you!" : "Saved so far";
    $("thanks").textContent = `${done} of ${test.trials.length} ${isPaired ? "pairs" : "pieces"} are answered. ` +
      "Please download your answers and hand the file in to the person who asked you to listen.";
    $("text").value = JSON.stringify(Session.answersFile(test, session, new Date().toISOString()), null, 1);
    $("progress").value = done / test.trials.length;
    $("where").textContent = `${done} of ${test.trials.length} done`;
    show("end");
    $("end-title").focus({ preventScroll: true });
  }

  function move(steps) {
    session.at = Math.min(Math.max(session.at + steps, 0), test.trials.length);
    save();
    showTrial();
  }

  $("start").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!$("rater").value.trim()) return;
    session = Session.create(test, $("rater").value, new Date().toISOString());
    save();
    showTrial();
  });
  $("next").addEventListener("click", () => move(1));
  $("previous").addEventListener("click", () => move(-1));
  $("early").addEventListener("click", showEnd);
  $("back").addEventListener("click", () => {
    session.at = Math.min(session.at, test.trials.length - 1);
    showTrial();
  });
  $("download").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([$("text").value], { type: "application/json" }));
    make("a", { href: url, download: Session.fileName(session.rater) }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
    isSaved = true;
  });
  $("other").addEventListener("click", () => {
    if (!isSaved && !confirm("These answers have not been downloaded and will be lost. Go on?")) return;
    try { localStorage.removeItem(store); } catch { /* nothing was stored */ }
    session = null;
    isSaved = true;
    showIntro();
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("trial").hidden) return;
    if (event.target.matches("textarea, input:not([type=radio], [type=range])")) return;
    const action = Session.action(event.key);
    if (!action) return;
    event.preventDefault();
    if (action.kind === "play") players[action.place]?.toggle();
    else if (action.kind === "next") { if (!$("next").disabled) move(1); }
    else if (action.kind === "previous") { if (session.at > 0) move(-1); }
    else if (action.kind === "seek") {
      const audio = (players.find((one) => !one.audio.paused) ?? players[0]).audio;
      audio.currentTime = Math.min(Math.max(audio.currentTime + action.seconds, 0), audio.duration || 0);
    } else {
      // The question that has the focus, else the first one that is open.
      const set = event.target.closest("fieldset") ?? document.querySelector("fieldset.current");
      if (!set) return;
      set.querySelectorAll("input")[action.value - 1].click();
      const following = document.querySelector("fieldset.current");
      if (following) following.querySelector("input").focus();
    }
  });

  window.addEventListener("beforeunload", () => { if (session) save(); });
  session = saved();
  if (session) showTrial(); else showIntro();
})();

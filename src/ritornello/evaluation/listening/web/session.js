"use strict";
// What a rater has answered and heard, without the screen: plain data in, plain data out, so that it is tested alone.
const Session = (() => {
  const STEPS = 5;
  const MIN_HEARD_S = 10; // of each piece, before its trial counts as done
  const FORMAT = "ritornello-listening-answers";

  const create = (test, rater, now) => ({
    test: test.test, rater: rater.trim().replace(/\s+/g, " "), started: now, at: 0, answers: {}, heard_s: {},
  });

  // The questions of a trial in the order of the screen: those about A, those about B, those about both.
  const fields = (test, trial) => [
    ...trial.clips.flatMap((_, place) =>
      test.questions.filter((question) => question.about === "piece").map((question) => ({ question, place }))),
    ...test.questions.filter((question) => question.about === "pair").map((question) => ({ question, place: 0 })),
  ];

  const isStep = (value) => Number.isInteger(value) && value >= 1 && value <= STEPS;

  // What was saved in the browser, or null if it is of another test or damaged.
  function restore(test, text) {
    let saved;
    try { saved = JSON.parse(text); } catch { return null; }
    if (!saved || saved.test !== test.test || typeof saved.rater !== "string" || !saved.rater) return null;
    const session = create(test, saved.rater, String(saved.started));
    for (const trial of test.trials) {
      for (const { question, place } of fields(test, trial)) {
        const value = saved.answers?.[trial.id]?.[question.name]?.[place];
        if (isStep(value)) answer(session, trial, question, place, value);
      }
      trial.clips.forEach((_, place) => {
        const seconds = saved.heard_s?.[trial.id]?.[place];
        if (seconds > 0) hear(session, trial, place, seconds);
      });
    }
    session.at = Number.isInteger(saved.at) ? Math.min(Math.max(saved.at, 0), test.trials.length) : 0;
    return session;
  }

  function answer(session, trial, question, place, value) {
    const places = question.about === "pair" ? 1 : trial.clips.length;
    const own = (session.answers[trial.id] ??= {});
    (own[question.name] ??= Array(places).fill(null))[place] = value;
  }

  const answered = (session, trial, question, place) => session.answers[trial.id]?.[question.name]?.[place] ?? null;

  function hear(session, trial, place, seconds) {
    (session.heard_s[trial.id] ??= trial.clips.map(() => 0))[place] += seconds;
  }

  // The first question without an answer, or null.
  const open = (test, session, trial) =>
    fields(test, trial).find(({ question, place }) => answered(session, trial, question, place) === null) ?? null;

  // What is still to be done in a trial, in words; "" if nothing. Lengths are of the clips, in seconds, if known.
  function missing(test, session, trial, lengths = []) {
    const unheard = trial.clips.findIndex((_, place) => {
      const needed = Math.min(MIN_HEARD_S, 0.8 * (lengths[place] || Infinity));
      return (session.heard_s[trial.id]?.[place] ?? 0) < needed;
    });
    if (unheard >= 0) return trial.clips.length > 1 ? `Please listen to piece ${"AB"[unheard]}.` : "Please listen to the piece.";
    return open(test, session, trial) ? "Please answer every question." : "";
  }

  const isAnswered = (test, session, trial) => open(test, session, trial) === null;

  const countAnswered = (test, session) => test.trials.filter((trial) => isAnswered(test, session, trial)).length;

  function answersFile(test, session, now) {
    const heard = Object.fromEntries(
      Object.entries(session.heard_s).map(([id, seconds]) => [id, seconds.map((s) => Math.round(10 * s) / 10)]));
    return {
      format: FORMAT, version: 1, test: session.test, rater: session.rater, started: session.started, saved: now,
      answers: session.answers, heard_s: heard,
    };
  }

  const fileName = (rater) => `answers-${rater.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "rater"}.json`;

  // What a key means, or null.
  function action(key) {
    const small = key.toLowerCase();
    if (small === "a" || small === "b") return { kind: "play", place: small === "a" ? 0 : 1 };
    if (small === "n") return { kind: "next" };
    if (small === "p") return { kind: "previous" };
    if (key === ",") return { kind: "seek", seconds: -5 };
    if (key === ".") return { kind: "seek", seconds: 5 };
    return /^[1-5]$/.test(key) ? { kind: "answer", value: Number(key) } : null;
  }

  return { STEPS, create, restore, fields, answer, answered, hear, open, missing, isAnswered, countAnswered, answersFile, fileName, action };
})();
if (typeof module !== "undefined") module.exports = Session;

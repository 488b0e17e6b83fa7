// An answer as a publisher meets it: status, headers, and the problem with each of its faults.

import { $, code, element } from "./dom.js";

/** Show an answer to a request of `events` events; `goTo(member)` leads to where a fault's member lies. */
export function showAnswer(answer, events, goTo) {
  verdict(
    answer.status === 200,
    `${answer.status} ${answer.reason}`,
    [said(answer, events)],
    `${answer.milliseconds.toFixed(1)} ms`,
  );
  $("answer-details").replaceChildren(
    ...(answer.problem ? problem(answer.problem, goTo) : []),
    element(
      "details",
      { open: answer.status === 200 },
      element("summary", {}, "Headers"),
      element(
        "dl",
        { class: "headers" },
        ...answer.headers.flatMap(([name, value]) => [term(titled(name)), description(value)]),
      ),
    ),
    ...(answer.problem
      ? [element("details", {}, element("summary", {}, "Body"), code(answer.text, "The body of the answer"))]
      : []),
  );
}

/** Say that requests are on their way, or why nothing was sent, or nothing came back. */
export function showState(text, isFault) {
  verdict(isFault ? false : undefined, text);
  $("answer-details").replaceChildren();
}

/** Sum up what came of many requests: answers, errors where there is none, and the first that was refused in full. */
export function showMany(outcomes, times, refused, goTo) {
  const counts = Map.groupBy(outcomes, (outcome) =>
    outcome instanceof Error
      ? "without an answer: may be on the queue or not"
      : `${outcome.status} ${outcome.problem?.title ?? outcome.reason}`,
  );
  verdict(
    outcomes.every(({ status }) => status === 200),
    outcomes.length === times ? `${times} requests` : `${outcomes.length} of ${times} requests`,
    [...counts].map(([what, those]) => `${those.length} × ${what}`),
  );
  $("answer-details").replaceChildren(...(refused ? problem(refused.problem, goTo) : []));
}

function verdict(isGood, headline, texts = [], time = "") {
  const kind = isGood === undefined ? "" : isGood ? " accepted" : " refused";
  $("answer-status").replaceChildren(
    element(
      "p",
      { class: `verdict${kind}` },
      element("strong", {}, headline),
      ...texts.flatMap((text) => [" ", element("span", {}, text)]),
      " ",
      element("span", { class: "time" }, time),
    ),
  );
}

function said({ status, problem, text }, events) {
  if (status === 200) return events === 1 ? "The event is on the queue." : `${events || "No"} events are on the queue.`;
  return problem?.title ?? (text.trim() || "The host refused it, without a word.");
}

function problem(details, goTo) {
  const faults = Object.entries(details.errors ?? {}).map(([member, messages]) =>
    element(
      "li",
      {},
      element("button", { type: "button", class: "member", click: () => goTo(member) }, member),
      ...messages.flatMap((message) => [" ", message]),
    ),
  );
  const kind = details.type.split("/").at(-1);
  return [
    element("p", {}, details.detail),
    ...(faults.length ? [element("ul", { class: "faults", "aria-label": "Faults" }, ...faults)] : []),
    element(
      "p",
      {},
      element("a", { href: details.type, target: "_blank", rel: "noopener" }, `What ${kind} means, and what to do`),
    ),
  ];
}

const term = (text) => element("dt", {}, text);
const description = (text) => element("dd", {}, text);

/** A header's name as it is usually written; browsers give it in lower case. */
const titled = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

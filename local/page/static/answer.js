// An answer as a publisher meets it: status, headers, and the problem with each of its faults.

import { $, element } from "./dom.js";

/** Show an answer; `goTo(member)` leads to where a fault's member lies in the editors. */
export function showAnswer(answer, goTo) {
  const taken = answer.status === 200;
  $("answer-status").replaceChildren(
    element(
      "p",
      { class: taken ? "verdict taken" : "verdict refused" },
      element("strong", {}, `${answer.status} ${answer.reason}`),
      element("span", {}, taken ? "It is on the queue." : (answer.problem?.title ?? "The host refused it.")),
      element("span", { class: "time" }, `${answer.milliseconds.toFixed(1)} ms`),
    ),
  );
  $("answer-details").replaceChildren(
    ...(answer.problem ? problem(answer.problem, goTo) : []),
    element(
      "details",
      { open: taken },
      element("summary", {}, "Headers"),
      element(
        "dl",
        { class: "headers" },
        ...answer.headers.flatMap(([name, value]) => [term(titled(name)), description(value)]),
      ),
    ),
    ...(answer.text
      ? [element("details", {}, element("summary", {}, "Body"), code(answer.text, "The body of the answer"))]
      : []),
  );
}

/** Say why nothing was sent, or nothing came back. */
export function showFailure(message) {
  $("answer-status").replaceChildren(element("p", { class: "verdict refused" }, element("strong", {}, message)));
  $("answer-details").replaceChildren();
}

/** Sum up what came of many requests. */
export function showMany(answers) {
  const counts = Map.groupBy(answers, ({ status, problem }) => `${status}${problem ? ` ${problem.title}` : ""}`);
  const taken = answers.every(({ status }) => status === 200);
  $("answer-status").replaceChildren(
    element(
      "p",
      { class: taken ? "verdict taken" : "verdict refused" },
      element("strong", {}, `${answers.length} requests`),
      ...[...counts].map(([what, those]) => element("span", {}, `${those.length} × ${what}`)),
    ),
  );
  $("answer-details").replaceChildren();
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

/** A header's name as it is usually written; browsers give it in lower case. */
const titled = (name) => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

const term = (text) => element("dt", {}, text);
const description = (text) => element("dd", {}, text);

/** Text as it is, in a box that can be scrolled by keyboard. */
export function code(text, label) {
  return element("pre", { tabindex: "0", role: "group", "aria-label": label }, text);
}

// What this page has sent: how much, how fast, and how long the answers took.

import { $, element } from "./dom.js";

const BOUNDS = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]; // milliseconds; the last class has no upper one
const RATE_SECONDS = 5;

/** Counts, the rate of events, and a histogram. */
export class SentPanel {
  #accepted = 0;
  #refused = 0;
  #peak = 0;
  #recent = []; // of events that were accepted: when, and how many
  #classes = Array(BOUNDS.length + 1).fill(0);
  #waiting = false;

  constructor() {
    this.#show();
    setInterval(() => this.#recent.length && this.#changed(), 1000);
  }

  /** Count the answer to a request of so many events. */
  add({ status, milliseconds }, events) {
    if (status === 200) {
      this.#accepted += events;
      this.#recent.push([performance.now(), events]);
    } else {
      this.#refused += 1;
    }
    const bound = BOUNDS.findIndex((bound) => milliseconds < bound);
    this.#classes[bound < 0 ? BOUNDS.length : bound] += 1;
    this.#changed();
  }

  #changed() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#show();
    });
  }

  #rate() {
    const since = performance.now() - RATE_SECONDS * 1000;
    this.#recent = this.#recent.filter(([when]) => when >= since);
    const rate = this.#recent.reduce((sum, [, events]) => sum + events, 0) / RATE_SECONDS;
    this.#peak = Math.max(this.#peak, rate);
    return rate;
  }

  #show() {
    const rate = this.#rate();
    const figures = {
      "events accepted": this.#accepted,
      "requests not accepted": this.#refused,
      "events a second, now": rate.toFixed(1),
      "most events a second": this.#peak.toFixed(1),
    };
    $("figures").replaceChildren(
      ...Object.entries(figures).map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, String(value))),
      ),
    );
    $("histogram").replaceChildren(...bars(this.#classes));
  }
}

/** The rows of a table: a class of times, a bar, and how many; from the first class that has any to the last. */
function bars(classes) {
  const most = Math.max(...classes);
  const first = classes.findIndex(Boolean);
  const last = classes.findLastIndex(Boolean);
  return classes.slice(Math.max(0, first), last + 1).map((count, offset) => {
    const index = first + offset;
    const bar = element("div", { class: "bar" });
    bar.style.inlineSize = `${(100 * count) / most}%`;
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, index < BOUNDS.length ? `< ${BOUNDS[index]}` : `≥ ${BOUNDS.at(-1)}`),
      element("td", {}, String(count)),
      element("td", { class: "bars", "aria-hidden": "true" }, bar),
    );
  });
}

// What this page has sent: how much, how fast, and how long the answers took.

import { $, element, svg } from "./dom.js";

const BOUNDS = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]; // milliseconds; the last class has no upper one
const RATE_SECONDS = 5;

/** Counts, the rate of events, and a histogram. */
export class SentPanel {
  #requests = 0;
  #accepted = 0;
  #refused = 0;
  #peak = 0;
  #recent = []; // of events that were taken: when, and how many
  #classes = Array(BOUNDS.length + 1).fill(0);
  #waiting = false;

  constructor() {
    this.#show();
    setInterval(() => this.#recent.length && this.#changed(), 1000);
  }

  /** Count a request that had `events` of them. */
  add({ status, milliseconds }, events) {
    this.#requests += 1;
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
    while (this.#recent.length && this.#recent[0][0] < since) this.#recent.shift();
    const rate = this.#recent.reduce((sum, [, events]) => sum + events, 0) / RATE_SECONDS;
    this.#peak = Math.max(this.#peak, rate);
    return rate;
  }

  #show() {
    const rate = this.#rate();
    const figures = {
      "events accepted": this.#accepted,
      "requests refused": this.#refused,
      "events a second, now": rate.toFixed(1),
      "at most": this.#peak.toFixed(1),
    };
    $("figures").replaceChildren(
      ...Object.entries(figures).map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, String(value))),
      ),
    );
    $("histogram").replaceChildren(histogram(this.#classes, this.#requests));
  }
}

function histogram(classes, total) {
  const [width, height, step, text] = [480, 120, 40, 14];
  const most = Math.max(1, ...classes);
  const labels = [...BOUNDS.map((bound) => `<${bound}`), `≥${BOUNDS.at(-1)}`];
  const spoken = labels.flatMap((label, index) => (classes[index] ? [`${label} ms: ${classes[index]}`] : []));
  const bars = classes.flatMap((count, index) => {
    const tall = count ? Math.max(2, (count / most) * height) : 0;
    return [
      svg("rect", { class: "bar", x: index * step + 4, y: text + height - tall, width: step - 8, height: tall }),
      count ? svg("text", { x: (index + 0.5) * step, y: text + height - tall - 3 }, String(count)) : null,
      svg("text", { x: (index + 0.5) * step, y: 2 * text + height }, labels[index]),
    ].filter(Boolean);
  });
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height + 2 * text + 4}`,
      role: "img",
      "aria-label": `Of ${total} answers, ${spoken.join(", ") || "none yet"}`,
    },
    svg("line", { x1: 0, x2: width, y1: text + height, y2: text + height }),
    ...bars,
  );
}

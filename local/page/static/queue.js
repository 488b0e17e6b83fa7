// The queue as it fills, shown as text and never as HTML.

import { $, code, cut, element, say } from "./dom.js";
import { keyOf } from "./request.js";

const SHOWN = 200; // rows; a page of thousands would not stay smooth
const REMEMBERED = 5000; // traces of what this page has published
const PAUSE_MILLISECONDS = 400;
const TELL_MILLISECONDS = 3000; // how often somebody who listens is told

const WATCHING = "Watching: the queue stays as it is. Storage shows the first 32 messages of a queue, and no more.";
const TAKING = "Taking: what comes is shown here and deleted from the queue, as a consumer does.";

/** The list of what lands. */
export class QueuePanel {
  #stack;
  #source;
  #rows = new Map(); // by message id: those in the list, and those that the next frame shows
  #waiting = []; // newest last
  #there = new Set(); // ids of the messages at the heads of the queues
  #count = 0;
  #seen = 0;
  #told = 0;
  #unclaimed = []; // keys and traces of what this page has published, and has not landed yet
  #taking;

  constructor(stack) {
    this.#stack = stack;
    $("take").checked = false; // a browser may remember it
    $("take").addEventListener("change", () => this.#takeWhileChecked());
    $("clear-queue").addEventListener("click", () => this.#clear());
    // Browsers open six connections to one server, over all tabs: one that nobody looks at leaves its own to others.
    document.addEventListener("visibilitychange", () => this.#listen());
    this.#listen();
    this.#about();
    setInterval(() => this.#tell(), TELL_MILLISECONDS);
  }

  /** Show the trace of a request beside the events of these keys; it was sent at `since`, and they may yet land. */
  published(keys, traceId, since) {
    for (const key of keys) {
      const landed = [...this.#rows.values()].find((row) => row.key === key && !row.isOurs && row.landed >= since);
      if (landed) claim(landed, traceId);
      else this.#unclaimed.push({ key, traceId });
    }
    this.#unclaimed.splice(0, this.#unclaimed.length - REMEMBERED);
  }

  #listen() {
    this.#source?.close();
    if (document.hidden) return;
    this.#source = new EventSource("/queue");
    const on = (name, act) => this.#source.addEventListener(name, (event) => act(JSON.parse(event.data)));
    // Another stack on the same port: what is in the editors is kept.
    on("stack", (stack) => JSON.stringify(stack) !== JSON.stringify(this.#stack) && location.reload());
    on("heads", ({ new: messages, there }) => this.#stand(messages, new Set(there)));
    on("count", (count) => this.#counted(count));
    on("fault", (fault) => say($("queue-status"), fault));
    this.#source.addEventListener("error", () =>
      say($("queue-status"), "The page's server does not answer; is make run still running?"),
    );
  }

  // Taking: what is deleted has been shown.

  async #takeWhileChecked() {
    this.#about();
    if (this.#taking) return;
    this.#taking = true;
    while ($("take").checked) {
      const received = (!document.hidden && (await post("/take"))) || [];
      for (const message of received) this.#land(message);
      if (received.length) {
        await shown();
        const receipts = received.map(({ queue, id, receipt }) => ({ queue, id, receipt }));
        const deleted = await post("/delete", receipts);
        for (const { id } of deleted ? received : []) this.#rows.get(id)?.element.classList.add("gone");
      } else {
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      }
    }
    this.#taking = false;
  }

  // The list.

  #stand(messages, there) {
    for (const message of messages) this.#land(message);
    for (const [id, row] of this.#rows) {
      row.watched ||= there.has(id);
      if (row.watched) row.element.classList.toggle("gone", !there.has(id));
    }
    this.#there = there;
  }

  #land(message) {
    if (this.#rows.has(message.id)) return;
    const row = this.#row(message);
    this.#rows.set(message.id, row);
    this.#seen += 1;
    if (!this.#waiting.length) requestAnimationFrame(() => this.#show());
    this.#waiting.push(row);
    if (this.#waiting.length > SHOWN) this.#rows.delete(this.#waiting.shift().id);
  }

  #show() {
    const list = $("messages");
    const isRead = list.scrollTop > 0 || list.querySelector("details[open]");
    const before = list.scrollHeight;
    const rows = this.#waiting.splice(0).reverse();
    list.prepend(...rows.map((row) => row.element));
    if (isRead) list.scrollTop += list.scrollHeight - before; // and stays where it is
    for (const old of [...list.children].slice(SHOWN)) {
      if (!old.querySelector("details[open]") && !old.contains(document.activeElement)) {
        old.remove();
        this.#rows.delete(old.dataset.id);
      }
    }
    this.#state();
  }

  #clear() {
    $("messages").replaceChildren();
    this.#rows.clear();
    this.#waiting = [];
    this.#seen = 0;
    this.#state();
  }

  // What is said.

  #about() {
    say($("queue-about"), `${this.#stack.queues.join(", ")}. ${$("take").checked ? TAKING : WATCHING}`);
  }

  #counted(count) {
    this.#count = count;
    say($("queue-status"), `${count.toLocaleString()} on the queue, ${this.#seen.toLocaleString()} seen by this page`);
    this.#state();
  }

  #state() {
    const behind = this.#count - this.#there.size;
    const older = this.#seen - $("messages").childElementCount - this.#waiting.length;
    const texts = [];
    if (behind > 0 && !$("take").checked) {
      texts.push(
        `${behind.toLocaleString()} more lie behind the first 32 of a queue, or a consumer has them just now. Take events off as they come, and you see all of them.`,
      );
    }
    if (older > 0) texts.push(`${older.toLocaleString()} older ones are not shown.`);
    say($("queue-more"), texts.join(" "));
  }

  #tell() {
    if (this.#seen > this.#told)
      say($("queue-news"), `${this.#seen - this.#told} more landed, ${this.#count} on the queue`);
    this.#told = this.#seen;
  }

  // A row.

  #row({ id, queue, inserted, text }) {
    const body = decoded(text);
    const event = parsed(body);
    const summary = element(
      "summary",
      {},
      element("time", {}, inserted ? new Date(inserted).toLocaleString() : ""),
      " ",
      element("bdi", { class: "type" }, worded(event?.type, "no event")),
      " ",
      element("bdi", { class: "id" }, worded(event?.id, "")),
      " ",
      event?.dataref === undefined
        ? null
        : element(
            "span",
            { class: "badge", title: "Its data lies beside the queue, where its dataref leads" },
            "claim check",
          ),
      this.#stack.queues.length > 1 ? element("span", { class: "badge" }, queue) : null,
      element("span", { class: "badge state" }),
      element("span", { class: "trace", title: "The trace of the request, or of the event's own traceparent" }),
    );
    const details = element("details", {
      toggle: () =>
        details.open && details.childElementCount === 1 && details.append(contents(event, body, text, queue)),
    });
    details.append(summary);
    const traceParent = /^00-([0-9a-f]{32})-/.exec(event?.traceparent)?.[1];
    const row = {
      id,
      key: event && keyOf(event),
      landed: performance.now(),
      element: element("li", { "data-id": id }, details),
    };
    const index = this.#unclaimed.findIndex(({ key }) => key === row.key);
    if (index >= 0) claim(row, this.#unclaimed.splice(index, 1)[0].traceId);
    else if (traceParent) showTrace(row, traceParent);
    return row;
  }
}

/** Of two that are the same event, each has a request of its own. */
function claim(row, traceId) {
  row.isOurs = true;
  showTrace(row, traceId);
}

function showTrace(row, traceId) {
  row.element.querySelector(".trace").textContent = `trace ${traceId}`;
}

function contents(event, body, text, queue) {
  return element(
    "div",
    {},
    element("p", { class: "label" }, `The event, as it lies on ${queue}`),
    code(body, "The event"),
    typeof event?.dataref === "string" ? payload(event.dataref) : null,
    element("p", { class: "label" }, "The message: base64 of the event"),
    code(text, "The message"),
  );
}

function payload(dataref) {
  const place = element("div", {}, element("p", { class: "label" }, "Its data, fetched by dataref …"));
  const show = async () => {
    const answer = await fetch(`/payload?${new URLSearchParams({ dataref })}`);
    const found = new Uint8Array(await answer.arrayBuffer());
    const what = answer.ok
      ? `Its data, fetched by dataref: ${found.length.toLocaleString()} bytes of ${answer.headers.get("Payload-Content-Type")}`
      : `Its data is not to be had (${answer.status})`;
    place.replaceChildren(element("p", { class: "label" }, what), code(asText(found), "The data of the event"));
  };
  show().catch(() => place.replaceChildren(element("p", { class: "label" }, "Its data could not be fetched.")));
  return place;
}

/** The array that came of it; undefined where nothing did, and the stream says why. */
async function post(path, value) {
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(value) });
    return answer.ok ? await answer.json() : undefined;
  } catch {
    return undefined;
  }
}

/** When the next frame has been drawn. */
const shown = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

function decoded(text) {
  try {
    return asText(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    return text; // somebody has put something else than base64 there
  }
}

function asText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What stands in an event for an attribute, whatever it is. */
const worded = (value, otherwise) => cut(typeof value === "string" ? value : (JSON.stringify(value) ?? otherwise), 80);

// The queue as it fills: server-sent events, shown as text and never as HTML.

import { code } from "./answer.js";
import { $, element } from "./dom.js";
import { keyOf } from "./request.js";

const SHOWN = 200; // rows; a page of thousands would not stay smooth
const SHOWN_CHARACTERS = 20_000;

const WATCHING = "Watching: the queue stays as it is. Storage shows the first 32 messages of a queue, and no more.";
const TAKING = "Taking: what comes is shown here and deleted from the queue, as a consumer does.";

/** The list of what lands. */
export class QueuePanel {
  #source;
  #known = new Map(); // by message id: its row, for what is in the list
  #waiting = []; // rows that the next frame shows
  #landed = 0;
  #traceIds = new Map(); // by source and id: the Trace-Id of the answer that took it
  #count = 0;
  #queues;

  constructor(queues) {
    this.#queues = queues;
    $("take").checked = false; // a browser may remember it
    $("take").addEventListener("change", () => this.#listen());
    $("clear-queue").addEventListener("click", () => this.#clear());
    this.#listen();
  }

  /** Remember the trace of what this page has published, to show it beside what lands. */
  published(keys, traceId) {
    for (const key of keys) this.#traceIds.set(key, traceId);
    for (const row of this.#known.values()) this.#showTrace(row);
  }

  #listen() {
    const take = $("take").checked;
    $("queue-about").textContent = `${this.#queues.join(", ")}. ${take ? TAKING : WATCHING}`;
    this.#source?.close();
    this.#source = new EventSource(take ? "/queue?take" : "/queue");
    this.#source.addEventListener("landed", (event) => this.#land(JSON.parse(event.data)));
    this.#source.addEventListener("gone", (event) => this.#leave(JSON.parse(event.data)));
    this.#source.addEventListener("count", (event) => this.#counted(JSON.parse(event.data)));
    this.#source.addEventListener("fault", (event) => this.#say(JSON.parse(event.data)));
    this.#source.addEventListener("error", () =>
      this.#say("The page's server does not answer; is make run still running?"),
    );
  }

  #clear() {
    // Those that are still on the queue are known: they would not be told again.
    $("messages").replaceChildren();
    this.#waiting = [];
    this.#landed = 0;
    this.#more();
  }

  #land(messages) {
    for (const message of messages) {
      const known = this.#known.get(message.id);
      if (known) {
        known.classList.remove("gone");
        continue;
      }
      const row = this.#row(message);
      this.#known.set(message.id, row);
      if (!this.#waiting.length) requestAnimationFrame(() => this.#show());
      this.#waiting.push(row);
      this.#landed += 1;
    }
  }

  #show() {
    const rows = this.#waiting.splice(0).slice(-SHOWN);
    $("messages").prepend(...rows.reverse());
    for (const old of [...$("messages").children].slice(SHOWN)) {
      if (!old.contains(document.activeElement)) old.remove();
    }
    this.#more();
  }

  #leave(ids) {
    for (const id of ids) {
      this.#known.get(id)?.classList.add("gone");
      if ($("take").checked) this.#known.delete(id); // it never comes back
    }
  }

  #counted(count) {
    this.#count = count;
    this.#more();
  }

  #more() {
    const hidden = Math.max(0, this.#landed - $("messages").childElementCount);
    this.#say(`${this.#count} on the queue, ${this.#landed} seen by this page`);
    const behind = !$("take").checked && this.#count > 32;
    $("queue-more").textContent = behind
      ? `More lie behind the first 32 of a queue and cannot be seen from here. Take events off as they come, and you see all of them.`
      : hidden
        ? `${hidden} older ones are not shown.`
        : "";
  }

  #say(text) {
    if ($("queue-status").textContent !== text) $("queue-status").textContent = text;
  }

  #row({ id, queue, inserted, text }) {
    const bytes = decoded(text);
    const event = parsed(bytes);
    const row = element("li", { "data-id": id });
    row.key = event && keyOf(event);
    const details = element("details", {
      toggle: () =>
        details.open && details.childElementCount === 1 && details.append(...this.#contents(event, bytes, text, queue)),
    });
    details.append(
      element(
        "summary",
        {},
        element("time", {}, inserted ? new Date(inserted).toLocaleTimeString() : ""),
        element("span", { class: "type" }, shortened(event?.type ?? "no event")),
        element("span", { class: "id" }, shortened(event?.id ?? "")),
        event?.dataref ? element("span", { class: "badge" }, "claim check") : null,
        this.#queues.length > 1 ? element("span", { class: "badge" }, queue) : null,
        element("span", { class: "badge state" }),
        element("span", { class: "trace" }),
      ),
    );
    row.append(details);
    row.traceParent = typeof event?.traceparent === "string" ? event.traceparent.split("-")[1] : undefined;
    this.#showTrace(row);
    return row;
  }

  #showTrace(row) {
    const traceId = this.#traceIds.get(row.key) ?? row.traceParent;
    if (traceId) row.querySelector(".trace").textContent = `trace ${traceId}`;
  }

  #contents(event, bytes, text, queue) {
    return [
      element("p", { class: "label" }, `The event, as it lies on ${queue}`),
      code(cut(bytes), "The event"),
      ...(event?.dataref ? [this.#payload(String(event.dataref))] : []),
      element("p", { class: "label" }, "The message: base64 of the event"),
      code(cut(text), "The message"),
    ];
  }

  #payload(dataref) {
    const place = element("div", {}, element("p", { class: "label" }, "Its data, fetched by dataref …"));
    fetch(`/payload?${new URLSearchParams({ dataref })}`)
      .then(async (answer) => {
        const found = await answer.arrayBuffer();
        const what = answer.ok
          ? `Its data, fetched by dataref: ${found.byteLength.toLocaleString()} bytes of ${answer.headers.get("Payload-Content-Type")}`
          : `Its data is not to be had (${answer.status})`;
        place.replaceChildren(
          element("p", { class: "label" }, what),
          code(cut(asText(found)), "The data of the event"),
        );
      })
      .catch(() => place.replaceChildren(element("p", { class: "label" }, "Its data could not be fetched.")));
    return place;
  }
}

function decoded(text) {
  try {
    return asText(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    return text; // somebody has put something else than base64 there
  }
}

function asText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return [...new Uint8Array(bytes).subarray(0, SHOWN_CHARACTERS)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join(" ");
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

const shortened = (value) => cut(String(value), 80);

const cut = (text, characters = SHOWN_CHARACTERS) =>
  text.length > characters ? `${text.slice(0, characters)}… (${text.length.toLocaleString()} characters)` : text;

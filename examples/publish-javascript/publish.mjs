// Publish CloudEvents: node publish.mjs FILE…, each with an event as JSON, or an array of them, which goes as a batch.
//
// `Publisher` is for your own code. Exit code 0: all are on the queue. 1: some are not, and it says why. 75: some got no
// good answer in time. They may be on the queue or not, so send the same files again later.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { CloudEvent } from "cloudevents";

import { AccessToken, noAnswer, Refused, request } from "./maskinporten.mjs";

/** There was no good answer in time. The events may be on the queue or not: send the same ones again later. */
export class Unavailable extends Error {}

/** Publishes events, and sends again what may not have arrived; `patience` is how many seconds that may take. */
export class Publisher {
  constructor(token, url, patience = 300) {
    Object.assign(this, { token, url, patience });
  }

  /** Have one event, or a batch of them, on the queue. Throws Refused or Unavailable. */
  async publish(...events) {
    let waiting = events.map((event) => JSON.stringify(event)); // what an SDK makes in structured mode
    const deadline = performance.now() + this.patience * 1000;
    let [pause, renewals, errors] = [1000, 0, 0];
    for (;;) {
      const answer = await this.#send(waiting);
      if (answer.status === 200) return;
      if (answer.status === 401 && /invalid_token/.test(answer.headers.get("www-authenticate")) && !renewals++) {
        this.token.discard(); // it has expired, most likely
        continue;
      }
      if (answer.status !== 503 && (answer.status !== 500 || errors++)) throw new Refused(explain(answer));
      waiting = problem(answer).notEnqueued?.map((index) => waiting[index]) ?? waiting;
      // As long as it says, and by chance longer each time, for all publishers would come back at once.
      const wait = 1000 * (parseInt(answer.headers.get("retry-after"), 10) || 0) + Math.random() * pause;
      if (performance.now() + wait > deadline) {
        const why = `no good answer within ${this.patience} s, at last ${explain(answer)}`;
        throw new Unavailable(`${why}; send it again later`);
      }
      await sleep(wait);
      pause = Math.min(2 * pause, 60_000);
    }
  }

  async #send(events) {
    const token = await this.token.get();
    if (token === undefined) return noAnswer("the issuer is away");
    const [body, type] = events.length === 1 ? [events[0], "cloudevents"] : [`[${events}]`, "cloudevents-batch"];
    const headers = { authorization: `Bearer ${token}`, "content-type": `application/${type}+json` };
    return request(this.url, { method: "POST", headers, body });
  }
}

const problem = ({ headers, text }) =>
  headers.get("content-type")?.startsWith("application/problem+json") ? JSON.parse(text) : {};

const explain = (answer) => {
  const { detail = answer.text, errors = {} } = problem(answer);
  const lines = Object.entries(errors).map(([member, what]) => `  ${member}: ${what.join(" ")}`);
  return [`${answer.status} ${detail}`, ...lines].join("\n");
};

async function main(files) {
  if (files.length === 0) console.error("node publish.mjs FILE…: which files?");
  process.exitCode = files.length === 0 ? 2 : 0;
  const { EVENTS_URL, ISSUER, CLIENT_ID, KEY_FILE, SCOPE, PATIENCE } = {
    EVENTS_URL: "http://127.0.0.1:7071/events/api/v1/events",
    ISSUER: "http://127.0.0.1:7072/", // of Maskinporten: https://maskinporten.no/
    CLIENT_ID: "local-client",
    KEY_FILE: "../../.local/client-key.json",
    SCOPE: "altinn:events.publish",
    PATIENCE: 300,
    ...process.env,
  };
  const key = await readFile(KEY_FILE, "utf8")
    .then(JSON.parse)
    .catch((error) => {
      console.error(`${KEY_FILE} is no JWK: ${error.message}`);
      process.exit(1);
    });
  const publisher = new Publisher(new AccessToken(ISSUER, CLIENT_ID, key, SCOPE), EVENTS_URL, Number(PATIENCE));
  for (const file of files) {
    try {
      const events = [JSON.parse(await readFile(file, "utf8"))].flat();
      // The SDK would make one up, and another one when the file is sent again.
      if (!events.every((event) => event?.id)) throw new Error("An event must be a JSON object with an id.");
      await publisher.publish(...events.map((event) => new CloudEvent(event)));
      console.log(`${file}: published`);
    } catch (error) {
      console.error(`${file}: ${error.message}`);
      process.exitCode = error instanceof Unavailable ? 75 : 1;
      if (error instanceof Unavailable) return;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));

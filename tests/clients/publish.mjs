// node publish.mjs MODE URL: publishes the events on standard input, JSON, one a line, with the CloudEvents SDK and
// fetch, as `structured`, `binary` or `batch`. TOKEN holds the bearer token. Prints each answer as a line of JSON.
import { text } from "node:stream/consumers";

import { CloudEvent, HTTP } from "cloudevents";

const [mode, url] = process.argv.slice(2);

async function publish(message) {
  const headers = { ...message.headers, authorization: `Bearer ${process.env.TOKEN}` };
  const answer = await fetch(url, { method: "POST", headers, body: message.body });
  return { status: answer.status, body: await answer.text() };
}

async function outcome(makeMessage) {
  try {
    return await publish(makeMessage());
  } catch (error) {
    return { error: error.message };
  }
}

const lines = (await text(process.stdin)).split("\n").filter(Boolean);
const events = lines.map((line) => () => new CloudEvent(JSON.parse(line)));
const messages =
  mode === "batch" // of which the SDK makes no message itself
    ? [
        () => ({
          headers: { "content-type": "application/cloudevents-batch+json" },
          body: JSON.stringify(events.map((make) => make())),
        }),
      ]
    : events.map((make) => () => HTTP[mode](make()));
for (const makeMessage of messages) console.log(JSON.stringify(await outcome(makeMessage)));

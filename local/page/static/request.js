// A request as it stands in the editors, and how it is sent.

import { withIds } from "./members.js";

const PATH = "/events/api/v1/events";

/** The headers in a text of lines, as pairs; throws an Error that says which line is none. */
export function parseHeaders(text) {
  return text
    .split("\n")
    .filter((line) => line.trim())
    .map((line) => {
      const [, name, value] = /^\s*([!#$%&'*+.^_`|~\w-]+)\s*:\s*(.*?)\s*$/.exec(line) ?? [];
      if (!name) throw new Error(`“${line.trim()}” is no header; write it as Name: value.`);
      return [name, value];
    });
}

/** The same request with an id of its own for each of its events. */
export function withNewIds({ headers, body }) {
  const newId = () => crypto.randomUUID();
  return {
    headers: headers.map(([name, value]) => [name, name.toLowerCase() === "ce-id" ? newId() : value]),
    body: withIds(body, newId),
  };
}

/** Which attribute names, in which mode, a request's faults go by. */
export function isBinary({ headers }) {
  return headers.some(([name]) => name.toLowerCase() === "ce-specversion");
}

/** `source` and `id` of each event of a request that was taken, as one string each. */
export function keysOf({ headers, body }) {
  if (isBinary({ headers })) {
    const of = (attribute) => headers.find(([name]) => name.toLowerCase() === `ce-${attribute}`)?.[1];
    return [keyOf({ source: of("source"), id: of("id") })];
  }
  return [JSON.parse(body)].flat().map(keyOf);
}

export const keyOf = ({ source, id }) => JSON.stringify([source, id]);

/** Send a request; its answer, with the time that it took in milliseconds. Throws what `fetch` throws. */
export async function send({ headers, body }, token) {
  const sent = new Headers(headers);
  if (token) sent.set("Authorization", `Bearer ${token}`);
  const content = body ? new TextEncoder().encode(body) : undefined; // of bytes the browser makes up no Content-Type
  const start = performance.now();
  const answer = await fetch(PATH, { method: "POST", headers: sent, body: content, cache: "no-store" });
  const text = await answer.text();
  return {
    status: answer.status,
    reason: answer.statusText,
    headers: [...answer.headers],
    traceId: answer.headers.get("Trace-Id"),
    problem: answer.headers.get("Content-Type")?.startsWith("application/problem+json") ? JSON.parse(text) : null,
    text,
    milliseconds: performance.now() - start,
  };
}

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

/** Throws an Error where a request cannot be sent as it is written. */
export function check({ headers, body }, token) {
  if (!body.isWellFormed())
    throw new Error("The body holds half a character (a lone surrogate): UTF-8 has no such bytes.");
  const unfit = [...headers, ["Authorization", token]].find(([, value]) => !/^[\t\x20-\x7e\x80-\xff]*$/.test(value));
  if (unfit) throw new Error(`${unfit[0]} holds a character that no header may hold; percent-encode it.`);
}

/** The headers that a browser does not let a page send. */
export function leftOut(headers) {
  const kept = new Request(PATH, {
    method: "POST",
    headers: headers.filter(([, value]) => /^[\t\x20-\xff]*$/.test(value)),
  });
  return headers.map(([name]) => name).filter((name) => !kept.headers.has(name));
}

/** The same request with an id of its own for each of its events. */
export function withNewIds({ headers, body }) {
  const newId = () => crypto.randomUUID();
  return {
    headers: headers.map(([name, value]) => [name, name.toLowerCase() === "ce-id" ? newId() : value]),
    body: withIds(body, newId),
  };
}

/** Whether headers, as pairs, make a request one of binary mode; with faults, too. */
export function isBinary(headers) {
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  return !/^application\/cloudevents/i.test(type) && headers.some(([name]) => /^ce-/i.test(name));
}

/** `source` and `id` of each event of a request that was accepted, as one string each. */
export function keysOf({ headers, body }) {
  if (!isBinary(headers)) return [JSON.parse(body)].flat().map(keyOf);
  const of = (attribute) => headers.find(([name]) => name.toLowerCase() === `ce-${attribute}`)?.[1] ?? "";
  return [keyOf({ source: decodeURIComponent(of("source")), id: decodeURIComponent(of("id")) })];
}

export const keyOf = ({ source, id }) => JSON.stringify([source, id]);

/** Send a request; its answer, with the time that it took in milliseconds. Throws what `fetch` throws. */
export async function send({ headers, body }, token, signal) {
  const sent = new Headers(headers);
  if (token && !sent.has("Authorization")) sent.set("Authorization", `Bearer ${token}`);
  const content = body ? new TextEncoder().encode(body) : undefined; // of bytes the browser makes up no Content-Type
  const start = performance.now();
  const answer = await fetch(PATH, { method: "POST", headers: sent, body: content, cache: "no-store", signal });
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

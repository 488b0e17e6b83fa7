// Where the members of an event lie in a text: in the JSON of a body, and in the headers of binary mode.

import { parser } from "@lezer/json";

const BATCH_MEMBER = /^\[(\d+)\](?:\.(.*))?$/s;

/** The position in a JSON text of what a problem calls `member`: `id`, `[2].source`, `[2]`, or `$`. */
export function inBody(text, member) {
  const root = parser.parse(text).topNode.firstChild;
  const [, index, name = member] = BATCH_MEMBER.exec(member) ?? [];
  const event = index === undefined ? root : root?.name === "Array" && valuesOf(root)[Number(index)];
  if (!event) return 0;
  if (event.name !== "Object") return event.from;
  const found = event.getChildren("Property").filter((property) => nameOf(text, property) === name);
  return found.at(-1)?.from ?? event.from;
}

/** The position in the text of headers of the one that holds an attribute; undefined where there is none. */
export function inHeaders(text, member) {
  const name = member === "datacontenttype" ? "content-type" : `ce-${member}`;
  let position = 0;
  for (const line of text.split("\n")) {
    if (line.split(":")[0].trim().toLowerCase() === name) return position;
    position += line.length + 1;
  }
  return undefined;
}

/** A JSON text in which each event has an id of `newId`; as it was where there is no event to be found. */
export function withIds(text, newId) {
  const root = parser.parse(text).topNode.firstChild;
  const events = root?.name === "Array" ? valuesOf(root) : [root];
  const ids = events
    .filter((event) => event?.name === "Object")
    .flatMap((event) => event.getChildren("Property").filter((property) => nameOf(text, property) === "id"))
    .map((property) => property.lastChild);
  return ids.reduceRight(
    (changed, { from, to }) => changed.slice(0, from) + JSON.stringify(newId()) + changed.slice(to),
    text,
  );
}

function valuesOf(array) {
  const values = [];
  for (let child = array.firstChild; child; child = child.nextSibling) {
    if (!["[", "]", ",", "⚠"].includes(child.name)) values.push(child);
  }
  return values;
}

function nameOf(text, property) {
  const node = property.getChild("PropertyName");
  try {
    return JSON.parse(text.slice(node.from, node.to));
  } catch {
    return undefined; // not written to its end yet
  }
}

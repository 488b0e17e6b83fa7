// What a consumer that uses the CloudEvents SDK sees. Each line on standard input is a queue message (base64), or an HTTP
// message as JSON: {"headers": …, "body": base64}. Prints for each a line of JSON: what the SDK makes of it.
import { createInterface } from "node:readline";

import { HTTP } from "cloudevents";

const STRUCTURED = { "content-type": "application/cloudevents+json" };

function messageOf(line) {
  const { headers, body } = line.startsWith("{") ? JSON.parse(line) : { headers: STRUCTURED, body: line };
  const bytes = Buffer.from(body, "base64");
  const isText = /^(text\/|application\/(\S+\+)?json)/i.test(headers["content-type"] ?? "");
  return { headers, body: bytes.length === 0 ? undefined : isText ? bytes.toString() : bytes };
}

function read(line) {
  try {
    const { data, data_base64, ...attributes } = HTTP.toEvent(messageOf(line));
    const isBytes = ArrayBuffer.isView(data);
    return {
      readable: true,
      attributes,
      data: isBytes ? Buffer.from(data).toString("base64") : data,
      dataType: isBytes ? "bytes" : typeof data,
    };
  } catch (error) {
    return { readable: false, error: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(read(line)));

// What there is to try: events that are taken, and faulty ones to learn from.

export const STRUCTURED = "Content-Type: application/cloudevents+json";
const BATCH = "Content-Type: application/cloudevents-batch+json";

const minimal = (changes = {}) => ({
  specversion: "1.0",
  id: crypto.randomUUID(),
  type: "no.example.order.created",
  source: "https://example.no/orders",
  resource: "urn:altinn:resource:orders.example",
  ...changes,
});

const pretty = (value) => JSON.stringify(value, null, 2);

const sample = () =>
  pretty({
    specversion: "1.0",
    id: crypto.randomUUID(),
    type: "no.altinn.events.digitalt-dodsbo.opprettet",
    source: "https://api.domstol.no/dodsbo-api/v1/dodsbo/91f2388f-bd8c-4647-8684-fd9f68af5b14",
    resource: "urn:altinn:resource:dodsbo.domstoladmin.api",
    resourceinstance: "91f2388f-bd8c-4647-8684-fd9f68af5b14",
    time: new Date().toISOString(),
    data: { amount: 1.5, currency: "NOK" },
  });

const traceParent = () => {
  const hex = crypto.randomUUID().replaceAll("-", "");
  return `00-${hex}-${hex.slice(0, 16)}-01`;
};

/** Each: its group, its name, what to look for, and the request as headers and body. */
export const EXAMPLES = [
  {
    group: "Accepted",
    name: "Sample event",
    about: "One event in structured mode. It lands on the queue byte for byte as you write it.",
    request: () => ({ headers: STRUCTURED, body: sample() }),
  },
  {
    group: "Accepted",
    name: "Minimal event",
    about: "The five attributes that an event must have, and nothing more.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal()) }),
  },
  {
    group: "Accepted",
    name: "Event with a trace",
    about:
      "The event's own traceparent travels with it to consumers; the header's is the one that the answer's Trace-Id repeats.",
    request: () => {
      const trace = traceParent();
      return { headers: `${STRUCTURED}\ntraceparent: ${trace}`, body: pretty(minimal({ traceparent: trace })) };
    },
  },
  {
    group: "Accepted",
    name: "Batch of three",
    about: "A JSON array: all are valid, or none is enqueued. Each becomes a message of its own.",
    request: () => ({
      headers: BATCH,
      body: pretty([minimal({ subject: "first" }), minimal({ subject: "second" }), minimal({ subject: "third" })]),
    }),
  },
  {
    group: "Accepted",
    name: "Binary mode",
    about:
      "Attributes in ce- headers, percent-encoded; the body is the data alone. On the queue it is JSON like any other.",
    request: () => ({
      headers: [
        "Content-Type: text/plain",
        "ce-specversion: 1.0",
        `ce-id: ${crypto.randomUUID()}`,
        "ce-type: no.example.greeting",
        "ce-source: /greetings",
        "ce-resource: urn:altinn:resource:greetings.example",
        "ce-subject: K%C3%A5re%20Sm%C3%B8rv%C3%A5g",
      ].join("\n"),
      body: "Hello from binary mode",
    }),
  },
  {
    group: "Accepted",
    name: "Event of 100 KiB",
    about:
      "More than a message holds. Where the stack was started with MAX_EVENT_BYTES=1000000 make run, its data travels by claim check; else the answer is 413.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal({ data: "x".repeat(100 * 1024) })) }),
  },
  {
    group: "Refused",
    name: "No id, and a time that is none",
    about: "All faults are told at once, each beside its member.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal({ id: undefined, time: "yesterday" })) }),
  },
  {
    group: "Refused",
    name: "A wrong resource",
    about: "An Altinn rule: every event is about a resource, named by a URN.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal({ resource: "orders" })) }),
  },
  {
    group: "Refused",
    name: "A member that is there twice",
    about: "One reader would take the first, another the last: so neither is taken.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal()).replace('"type"', '"id": "2",\n  "type"') }),
  },
  {
    group: "Refused",
    name: "Not JSON",
    about: "A comma too many. $ is the body as a whole.",
    request: () => ({ headers: STRUCTURED, body: pretty(minimal()).replace(/\n}$/, ",\n}") }),
  },
  {
    group: "Refused",
    name: "A batch with one bad event",
    about: "The fault says which event it is in; nothing is enqueued.",
    request: () => ({ headers: BATCH, body: pretty([minimal(), minimal({ source: "a b" }), minimal()]) }),
  },
  {
    group: "Refused",
    name: "Binary mode, badly encoded",
    about: "A percent sign in a header is sent as %25. Faults have the attribute's name, without ce-.",
    request: () => ({
      headers: [
        "Content-Type: application/json",
        "ce-specversion: 1.0",
        `ce-id: ${crypto.randomUUID()}`,
        "ce-type: no.example.discount",
        "ce-source: /discounts",
        "ce-resource: urn:altinn:resource:discounts.example",
        "ce-subject: 100%",
      ].join("\n"),
      body: "not quoted",
    }),
  },
  {
    group: "Refused",
    name: "Another content type",
    about: "415, and Accept-Post says what is taken.",
    request: () => ({ headers: "Content-Type: application/xml", body: "<event/>" }),
  },
];

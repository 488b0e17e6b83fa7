// The page: what is in the editors goes to the endpoint; what comes back, and what lands, is shown beside it.

import { showAnswer, showMany, showState } from "./answer.js";
import { $, choices, cut, element, say } from "./dom.js";
import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { inBody, inHeaders, withIds } from "./members.js";
import { QueuePanel } from "./queue.js";
import { check, isBinary, keysOf, leftOut, parseHeaders, send, withNewIds } from "./request.js";
import { SentPanel } from "./sent.js";
import { ABOUT, LANGUAGES, snippet } from "./snippets.js";
import { TokenPanel } from "./token.js";

const AT_ONCE = 5; // browsers open six connections to one server; the queue's stream has one
const SNIPPET_CHARACTERS = 20_000;

const stack = await (await fetch("/stack")).json();

const edited = { changed, submit: () => void publish() };
const headers = new Editor($("headers"), "headers-label", edited);
const body = new Editor($("body"), "body-label", { ...edited, isJson: true });
const queue = new QueuePanel(stack);
const sent = new SentPanel();
const token = new TokenPanel(stack, showCode);

function written() {
  return { headers: parseHeaders(headers.text), body: body.text };
}

function changed() {
  const kept = { example: $("example").value, headers: headers.text, body: body.text };
  sessionStorage.setItem("request", JSON.stringify(kept)); // for a reload
  showCode();
}

function write(request) {
  headers.text = request.headers;
  body.text = request.body;
}

// What there is to try.

const groups = Map.groupBy(EXAMPLES, ({ group }) => group);
$("example").append(
  ...[...groups].map(([label, examples]) =>
    element(
      "optgroup",
      { label },
      ...examples.map((example) => element("option", { value: EXAMPLES.indexOf(example) }, example.name)),
    ),
  ),
);
$("example").addEventListener("change", takeExample);

function takeExample() {
  const example = EXAMPLES[$("example").value];
  write(example.request());
  say($("example-about"), example.about);
}

$("new-ids").addEventListener("click", () => {
  const id = crypto.randomUUID();
  write({
    headers: headers.text.replace(/^(ce-id[ \t]*:[ \t]*).*$/im, `$1${id}`),
    body: withIds(body.text, () => crypto.randomUUID()),
  });
});

// Publishing.

let stop; // what ends what is being sent

$("publish").addEventListener("click", () => (stop ? stop() : publish()));

async function publish() {
  if (stop) return;
  const times = Math.min(1000, Math.max(1, Math.round($("times").valueAsNumber || 1)));
  $("times").value = times;
  const stopping = new AbortController();
  stop = () => stopping.abort();
  say($("publish"), "Stop");
  for (const editor of [headers, body]) editor.show([]);
  showState("Sent, waiting for the answer …");
  try {
    const bearer = await token.get();
    const request = written();
    check(request, bearer);
    if (times === 1) await publishOnce(request, bearer, stopping.signal);
    else await publishMany(request, bearer, times, stopping.signal);
  } catch (error) {
    showState(stopping.signal.aborted ? "Stopped waiting: the event may be on the queue or not." : error.message, true);
  }
  stop = undefined;
  say($("publish"), "Publish");
}

async function publishOnce(request, bearer, signal) {
  const { answer, events } = await counted(request, bearer, signal);
  showFaults(answer);
  showAnswer(answer, events, goTo);
}

/** Beside their members. */
function showFaults({ problem }) {
  const faults = Object.entries(problem?.errors ?? {}).map(([member, messages]) => ({
    member,
    messages,
    ...placeOf(member),
  }));
  for (const editor of [headers, body]) editor.show(faults.filter((fault) => fault.editor === editor));
}

function goTo(member) {
  const { editor, at } = placeOf(member);
  editor.goTo(at);
}

/** Each with ids of its own; who stops it lets what is on its way come to its end. */
async function publishMany(request, bearer, times, signal) {
  const outcomes = [];
  let left = times;
  const some = async () => {
    while (left-- > 0 && !signal.aborted) {
      outcomes.push(
        await counted(withNewIds(request), bearer).then(
          ({ answer }) => answer,
          (error) => error,
        ),
      );
      showMany(outcomes, times);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  const refused = outcomes.find(({ problem }) => problem);
  if (refused) showFaults(refused);
  showMany(outcomes, times, refused, goTo);
}

async function counted(request, bearer, signal) {
  const since = performance.now();
  const answer = await send(request, bearer, signal).catch((error) => {
    throw new Error(`Nothing was sent, or nothing came back: ${error.message}`, { cause: error });
  });
  const keys = answer.status === 200 ? keysOf(request) : [];
  sent.add(answer, keys.length);
  queue.published(keys, answer.traceId, since);
  return { answer, events: keys.length };
}

/** The editor that a faulty member is in, and where. */
function placeOf(member) {
  const lines = headers.text
    .split("\n")
    .map((line) => [line.split(":")[0].trim(), line.split(":").slice(1).join(":").trim()]);
  if (!isBinary(lines)) return { editor: body, at: inBody(body.text, member) };
  const at = member === "data" || member === "$" ? undefined : (inHeaders(headers.text, member) ?? 0);
  return at === undefined ? { editor: body, at: 0 } : { editor: headers, at };
}

// The same request elsewhere.

let language = "curl";
let wholeSnippet;
const pressLanguage = choices($("languages"), LANGUAGES, (chosen) => {
  language = chosen;
  showCode();
});

function showCode() {
  pressLanguage(language);
  say($("code-about"), ABOUT[language]);
  say($("copied"), "");
  try {
    const request = written();
    const dropped = leftOut(request.headers);
    say(
      $("headers-about"),
      dropped.length ? `The browser leaves out ${dropped.join(", ")}; the code below does not.` : "",
    );
    wholeSnippet = snippet(language, stack.events, request, token.shown);
    say($("snippet"), cut(wholeSnippet, SNIPPET_CHARACTERS));
  } catch (error) {
    wholeSnippet = undefined;
    say($("snippet"), error.message);
  }
}

$("copy").addEventListener("click", async () => {
  if (wholeSnippet === undefined) return say($("copied"), "There is nothing to copy: put the headers right first.");
  try {
    await navigator.clipboard.writeText(wholeSnippet);
    say($("copied"), token.shown ? "Copied. It holds the token: keep it to this machine." : "Copied.");
  } catch {
    say($("copied"), "The browser did not let it be copied; mark the text instead.");
  }
});

const before = performance.getEntriesByType("navigation")[0]?.type === "reload" && sessionStorage.getItem("request");
$("example").value = before ? JSON.parse(before).example : "0";
takeExample();
if (before) write(JSON.parse(before));
await token.choose("good");

// The page: what is in the editors goes to the endpoint; what comes back, and what lands, is shown beside it.

import { showAnswer, showFailure, showMany } from "./answer.js";
import { $, choices, element } from "./dom.js";
import { Editor } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { inBody, inHeaders } from "./members.js";
import { QueuePanel } from "./queue.js";
import { isBinary, keysOf, parseHeaders, send, withNewIds } from "./request.js";
import { SentPanel } from "./sent.js";
import { ABOUT, LANGUAGES, snippet } from "./snippets.js";
import { TokenPanel } from "./token.js";

const AT_ONCE = 6; // what browsers open to one server; the queue's stream has one of them

const stack = await (await fetch("/stack")).json();

const edited = { changed, submit: () => void publish() };
const headers = new Editor($("headers"), "headers-label", edited);
const body = new Editor($("body"), "body-label", { ...edited, isJson: true });
const queue = new QueuePanel(stack.queues);
const sent = new SentPanel();
const token = new TokenPanel(stack.scope, showCode);

function changed() {
  $("body").classList.toggle("empty", !body.text);
  showCode();
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
  const request = example.request();
  headers.text = request.headers;
  body.text = request.body;
  $("example-about").textContent = example.about;
}

// Publishing.

$("publish").addEventListener("click", () => publish());

async function publish() {
  if ($("publish").disabled) return;
  headers.show([]);
  body.show([]);
  let request;
  try {
    request = { headers: parseHeaders(headers.text), body: body.text };
  } catch (error) {
    return showFailure(error.message);
  }
  const times = Math.min(1000, Math.max(1, Math.round($("times").valueAsNumber || 1)));
  $("times").value = times;
  $("publish").disabled = true;
  try {
    if (times === 1) await publishOnce(request);
    else await publishMany(request, times);
  } catch (error) {
    showFailure(`Nothing was sent, or nothing came back: ${error.message}`);
  } finally {
    $("publish").disabled = false;
  }
}

async function publishOnce(request) {
  const answer = await counted(request);
  const faults = Object.entries(answer.problem?.errors ?? {}).map(([member, messages]) => ({
    member,
    messages,
    ...placeOf(member, request),
  }));
  for (const editor of [headers, body]) editor.show(faults.filter((fault) => fault.editor === editor));
  showAnswer(answer, (member) => {
    const { editor, at } = placeOf(member, { headers: parseHeaders(headers.text) });
    editor.goTo(at);
  });
}

async function publishMany(request, times) {
  const answers = [];
  let left = times;
  const one = async () => {
    while (left-- > 0) answers.push(await counted(withNewIds(request)));
  };
  await Promise.all(Array.from({ length: AT_ONCE - 1 }, one));
  showMany(answers);
}

async function counted(request) {
  const answer = await send(request, token.token);
  const keys = answer.status === 200 ? keysOf(request) : [];
  sent.add(answer, keys.length);
  queue.published(keys, answer.traceId);
  return answer;
}

/** The editor that a faulty member is in, and where. */
function placeOf(member, request) {
  const inHeader = isBinary(request) && member !== "$" ? inHeaders(headers.text, member) : undefined;
  if (isBinary(request) && member !== "data") return { editor: headers, at: inHeader ?? 0 };
  return { editor: body, at: isBinary(request) ? 0 : inBody(body.text, member) };
}

// The same request elsewhere.

let language = "curl";
const pressLanguage = choices($("languages"), LANGUAGES, (chosen) => {
  language = chosen;
  showCode();
});

function showCode() {
  pressLanguage(language);
  $("code-about").textContent = ABOUT[language];
  try {
    const request = { headers: parseHeaders(headers.text), body: body.text };
    $("snippet").textContent = snippet(language, stack.events, request, token.token);
  } catch (error) {
    $("snippet").textContent = error.message;
  }
}

$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("snippet").textContent);
  $("code-about").textContent = "Copied. It holds the token: keep it to this machine.";
});

$("example").value = "0";
takeExample();
await token.choose("good");

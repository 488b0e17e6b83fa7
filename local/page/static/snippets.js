// A request in other languages, to be pasted and run as it is.

export const LANGUAGES = { curl: "curl", python: "Python", javascript: "JavaScript" };

export const ABOUT = {
  curl: "Paste it into a shell.",
  python: "Needs httpx: pip install httpx, or .venv/bin/python of this project.",
  javascript: "Runs as it is in Node.js 20: node request.mjs",
};

/** Code that sends `request` with `token` to `url`. */
export function snippet(language, url, { headers, body }, token) {
  const has = (wanted) => headers.some(([name]) => name.toLowerCase() === wanted);
  const all = token && !has("authorization") ? [...headers, ["Authorization", `Bearer ${token}`]] : headers;
  return { curl, python, javascript }[language](url, all, body, has("content-type"));
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(url, headers, body, hasType) {
  const given = headers.map(([name, value]) => `-H ${quoted(value ? `${name}: ${value}` : `${name};`)}`);
  if (!hasType) given.push("-H 'Content-Type:'"); // or curl makes one up
  return [`curl -i -X POST ${quoted(url)}`, ...given, `--data-raw ${quoted(body)}`].join(" \\\n  ");
}

function python(url, headers, body) {
  return `import httpx

answer = httpx.post(
    ${literal(url)},
    headers=[
${headers.map(([name, value]) => `        (${literal(name)}, ${literal(value)}),`).join("\n")}
    ],
    content=${literal(body)}.encode(),
)
print(answer.status_code, answer.text)
`;
}

function javascript(url, headers, body) {
  return `const answer = await fetch(${literal(url)}, {
  method: "POST",
  headers: [
${headers.map(([name, value]) => `    [${literal(name)}, ${literal(value)}],`).join("\n")}
  ],
  body: new TextEncoder().encode(${literal(body)}),
});
console.log(answer.status, await answer.text());
`;
}

/** A string as Python and JavaScript both read it. */
const literal = (text) => JSON.stringify(text);

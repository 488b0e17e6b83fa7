// The token that requests are sent with.

import { $, choices } from "./dom.js";

const PRESETS = {
  good: { label: "Good", about: "A token with the scope to publish, good for an hour.", lifetime: 3600 },
  expired: {
    label: "Expired",
    about: "It ended a minute ago; the endpoint allows clocks to differ by 30 s. The answer is 401.",
    lifetime: -60,
  },
  "wrong-scope": {
    label: "Wrong scope",
    about: "A good token of somebody who may do something else. The answer is 403.",
    lifetime: 3600,
    scope: "altinn:events.subscribe",
  },
  "unknown-issuer": {
    label: "Unknown issuer",
    about: "Well made, by an issuer that the endpoint does not trust. The answer is 401.",
    lifetime: 3600,
    unknown_issuer: true,
  },
  none: { label: "None", about: "No Authorization header at all. The answer is 401." },
};

const CONSUMER = "991825827";

/** The panel of the token; `changed` is called when it is another. */
export class TokenPanel {
  #press;
  #scope;
  #changed;

  constructor(scope, changed) {
    this.#scope = scope;
    this.#changed = changed;
    const labels = Object.fromEntries(Object.entries(PRESETS).map(([name, { label }]) => [name, label]));
    this.#press = choices($("presets"), labels, (name) => this.choose(name));
    $("make-token").addEventListener("click", () => this.#make("A token as you wrote it."));
    $("token-text").addEventListener("input", () => {
      this.#press(null);
      $("token-about").textContent = "A token of your own.";
      this.#shown();
    });
  }

  get token() {
    return $("token-text").value.trim();
  }

  /** Take a preset. */
  async choose(name) {
    const { about, scope = this.#scope, lifetime = 3600, unknown_issuer = false } = PRESETS[name];
    $("scope").value = scope;
    $("consumer").value = CONSUMER;
    $("lifetime").value = lifetime;
    this.#press(name);
    if (name === "none") {
      $("token-about").textContent = about;
      $("token-text").value = "";
      this.#shown();
    } else {
      await this.#make(about, unknown_issuer, name);
    }
  }

  async #make(about, unknown_issuer = false, preset = null) {
    this.#press(preset);
    const wanted = {
      scope: $("scope").value,
      consumer: $("consumer").value,
      lifetime: Math.round($("lifetime").valueAsNumber),
      unknown_issuer,
    };
    const answer = await fetch("/token", { method: "POST", body: JSON.stringify(wanted) });
    const text = await answer.text();
    $("token-text").value = answer.ok ? JSON.parse(text).token : "";
    $("token-about").textContent = answer.ok ? about : `No token: ${text}`;
    this.#shown();
  }

  #shown() {
    const [header, claims] = this.token.split(".").map(decoded);
    $("token-header").textContent = header ?? "";
    $("claims").textContent = claims ?? "";
    this.#changed();
  }
}

/** A part of a token as JSON with line breaks, and times beside their seconds. */
function decoded(part) {
  try {
    const base64 = part.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return JSON.stringify(JSON.parse(new TextDecoder().decode(bytes)), null, 2).replace(
      /^( {2}"(?:exp|iat|nbf)": (\d+),?)$/gm,
      (line, _, seconds) => `${line}    ${new Date(seconds * 1000).toLocaleTimeString()}`,
    );
  } catch {
    return undefined;
  }
}

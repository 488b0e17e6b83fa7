// The token that requests are sent with.

import { $, choices } from "./dom.js";

const PRESETS = {
  good: { label: "Good", about: "A token with the scope to publish, good for an hour." },
  expired: {
    label: "Expired",
    about: "It ended a minute ago; the endpoint allows clocks to differ by 30 s. The answer is 401.",
    lifetime: -60,
  },
  "wrong-scope": {
    label: "Wrong scope",
    about: "A good token of somebody who may do something else. The answer is 403.",
    scope: "altinn:events.subscribe",
  },
  "unknown-issuer": {
    label: "Unknown issuer",
    about: "Well made, by an issuer that the endpoint does not trust. The answer is 401.",
    unknown_issuer: true,
  },
  none: { label: "None", about: "No Authorization header at all. The answer is 401." },
};

const RENEW_SECONDS = 60; // before it expires

/** The panel of the token; `changed` is called when it is another. */
export class TokenPanel {
  #press;
  #stack;
  #changed;
  #preset;
  #newest = Promise.resolve();

  constructor(stack, changed) {
    this.#stack = stack;
    this.#changed = changed;
    const labels = Object.fromEntries(Object.entries(PRESETS).map(([name, { label }]) => [name, label]));
    this.#press = choices($("presets"), labels, (name) => this.choose(name));
    $("make-token").addEventListener("click", () => this.#make("A token as you wrote it."));
    $("token-text").addEventListener("input", () => {
      this.#newest = Promise.resolve(); // what is still on its way is not wanted any more
      this.#show(null, "A token of your own.", $("token-text").value);
    });
  }

  /** The token that is shown, or will be in a moment. */
  async get() {
    await this.#newest;
    if (this.#preset === "good" && (this.#claims?.exp ?? 0) < Date.now() / 1000 + RENEW_SECONDS)
      await this.choose("good");
    return this.shown;
  }

  /** The token that is shown. */
  get shown() {
    return $("token-text").value.trim();
  }

  /** Take a preset. */
  choose(name) {
    const { about, scope = this.#stack.scope, lifetime = 3600, unknown_issuer = false } = PRESETS[name];
    $("scope").value = scope;
    $("consumer").value = this.#stack.consumer;
    $("lifetime").value = lifetime;
    this.#press(name);
    if (name !== "none") return this.#make(about, unknown_issuer, name);
    this.#newest = Promise.resolve();
    return this.#show(name, about, "");
  }

  #make(about, unknown_issuer = false, preset = null) {
    const wanted = {
      scope: $("scope").value,
      consumer: $("consumer").value,
      lifetime: Math.round($("lifetime").valueAsNumber),
      unknown_issuer,
    };
    const made = this.#fetch(wanted).then(
      (token) => made === this.#newest && this.#show(preset, about, token),
      (error) => made === this.#newest && this.#show(null, `No token: ${error.message}`, ""),
    );
    this.#newest = made;
    return made;
  }

  async #fetch(wanted) {
    const answer = await fetch("/token", { method: "POST", body: JSON.stringify(wanted) }).catch(() => {
      throw new Error("the page's server does not answer; is make run still running?");
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return JSON.parse(text).token;
  }

  #show(preset, about, token) {
    this.#preset = preset;
    this.#press(preset);
    $("token-about").textContent = about;
    if ($("token-text").value !== token) $("token-text").value = token;
    $("token-header").textContent = pretty(this.#part(0));
    $("claims").textContent = pretty(this.#claims);
    this.#changed();
  }

  get #claims() {
    return this.#part(1);
  }

  /** A part of the token as an object; undefined where it is none. */
  #part(index) {
    try {
      const base64 = this.shown.split(".")[index].replaceAll("-", "+").replaceAll("_", "/");
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const value = JSON.parse(new TextDecoder().decode(bytes));
      return value && typeof value === "object" ? value : undefined;
    } catch {
      return undefined;
    }
  }
}

/** JSON with line breaks, and times beside their seconds. */
function pretty(value) {
  const text = value === undefined ? "" : JSON.stringify(value, null, 2);
  return text.replace(/^ {2}"(?:exp|iat|nbf)": (\d{1,11}),?$/gm, (line, seconds) => {
    return `${line}    ${new Date(seconds * 1000).toLocaleString()}`;
  });
}

// An access token by the JWT-bearer grant (RFC 7523), as Maskinporten gives it.
import { createPrivateKey, randomUUID, sign } from "node:crypto";

/** It will be refused as often as it is sent: put right what this says. */
export class Refused extends Error {}

/** No answer counts as a 503 that does not say for how long. */
export const noAnswer = (why) => ({ status: 503, headers: new Headers(), text: `for want of an answer (${why})` });

/** The answer to a request, or none, with the reason. */
export const request = async (url, options) => {
  try {
    const answer = await fetch(url, { ...options, signal: AbortSignal.timeout(30_000) });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  } catch (error) {
    const failed = error instanceof TypeError && error.cause && error.cause.code !== "ERR_INVALID_URL";
    if (error.name !== "TimeoutError" && !failed) throw error;
    return noAnswer(error.cause?.message || error.cause?.code || error.message);
  }
};

/** A token, kept until shortly before it expires. */
export class AccessToken {
  #token;
  #renewAt = 0;

  /** `key` is a JWK with its `kid`. */
  constructor(issuer, clientId, key, scope) {
    Object.assign(this, { issuer, clientId, key, scope });
  }

  /** The token, or undefined where the issuer is away. */
  async get() {
    return performance.now() < this.#renewAt ? this.#token : this.#renew();
  }

  /** Have a new one fetched: this one was refused. */
  discard() {
    this.#renewAt = 0;
  }

  async #renew() {
    const metadata = await request(`${this.issuer.replace(/\/$/, "")}/.well-known/oauth-authorization-server`);
    if (metadata.status >= 500) return undefined;
    if (metadata.status !== 200) throw new Refused(`${this.issuer} is no issuer: ${metadata.status}`);
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: this.#grant(),
    });
    const answer = await request(JSON.parse(metadata.text).token_endpoint, { method: "POST", body });
    if (answer.status >= 500) return undefined;
    if (answer.status !== 200) throw new Refused(`The issuer gives no token: ${answer.status} ${answer.text}`);
    const { access_token: token, expires_in: lifetime } = JSON.parse(answer.text);
    this.#renewAt = performance.now() + (lifetime - 30) * 1000;
    this.#token = token;
    return token;
  }

  #grant() {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: this.clientId, aud: this.issuer, scope: this.scope, iat, exp: iat + 100, jti: randomUUID() };
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const unsigned = `${part({ alg: "RS256", kid: this.key.kid })}.${part(claims)}`;
    const key = createPrivateKey({ key: this.key, format: "jwk" });
    return `${unsigned}.${sign("RSA-SHA256", unsigned, key).toString("base64url")}`;
  }
}

// Swagger UI over the description that the running endpoint gives of itself, with a token that is good for it.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

const ui = SwaggerUIBundle({
  url: "/events/api/v1/openapi.json",
  domNode: document.getElementById("openapi"),
  deepLinking: true,
  defaultModelsExpandDepth: 0, // their patterns are for machines
  validatorUrl: null, // it would send the description to a server elsewhere
  onComplete: authorise,
});

async function authorise() {
  const { scope, consumer } = await (await fetch("/stack")).json();
  const wanted = { scope, consumer, lifetime: 3600 };
  const { token } = await (await fetch("/token", { method: "POST", body: JSON.stringify(wanted) })).json();
  const [name] = Object.keys(ui.specSelectors.specJson().getIn(["components", "securitySchemes"]).toJS());
  ui.preauthorizeApiKey(name, token);
}

// Draws the pictures of a page, where it has any, in the colours that its reader has chosen.
const pictures = [...document.querySelectorAll("pre.mermaid")];
const sources = pictures.map((picture) => picture.textContent);
const system = matchMedia("(prefers-color-scheme: dark)");

async function draw() {
  const chosen = document.body.dataset.theme;
  const dark = chosen === "dark" || (chosen !== "light" && system.matches);
  mermaid.initialize({
    startOnLoad: false,
    theme: dark ? "dark" : "neutral",
    themeVariables: dark ? {} : { noteBkgColor: "#fff8e1", noteBorderColor: "#999", noteTextColor: "#333" },
  });
  pictures.forEach((picture, index) => {
    picture.removeAttribute("data-processed");
    picture.textContent = sources[index];
  });
  await mermaid.run({ nodes: pictures });
}

if (pictures.length) {
  const script = document.createElement("script");
  script.src = new URL("mermaid.tiny.js", document.currentScript.src);
  script.onload = () => {
    draw();
    system.addEventListener("change", draw);
    new MutationObserver(draw).observe(document.body, { attributeFilter: ["data-theme"] });
  };
  document.head.append(script);
}

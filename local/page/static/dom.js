// Elements made of names and text: nothing here, or in what uses it, is ever parsed as HTML.

export const $ = (id) => document.getElementById(id);

/** An element with attributes (a function is an event's listener) and children (strings become text). */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(attribute, value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value != null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Buttons of which one is chosen; `choose` is called with the value of the one that is pressed. */
export function choices(group, values, choose) {
  const buttons = Object.entries(values).map(([value, label]) =>
    element(
      "button",
      { type: "button", "data-value": value, "aria-pressed": "false", click: () => choose(value) },
      label,
    ),
  );
  group.replaceChildren(...buttons);
  return (chosen) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.value === chosen));
  };
}

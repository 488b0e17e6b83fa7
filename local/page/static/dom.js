// Elements made of names and text: nothing here, or in what uses it, is ever parsed as HTML.

const SHOWN_CHARACTERS = 20_000;

// What is not there to be seen: control and format characters but tabs, line breaks and the joiner of emoji.
const INVISIBLE = /([^\P{C}\t\n\r\u200d]|[\u2028\u2029])/u;

export const $ = (id) => document.getElementById(id);

/** An element with attributes (a function is an event's listener) and children (strings become text). */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(attribute, value);
    else if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value != null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Text as it is, in a box that can be scrolled by keyboard; what cannot be seen is named. */
export function code(text, label) {
  const parts = cut(text, SHOWN_CHARACTERS).split(INVISIBLE);
  const shown = parts.map((part, index) => (index % 2 ? element("span", { class: "invisible" }, named(part)) : part));
  return element("pre", { tabindex: "0", role: "group", "aria-label": label }, ...shown);
}

/** Text, and where it is long, its beginning and how long it is. */
export const cut = (text, characters) =>
  text.length > characters ? `${text.slice(0, characters)}… (${text.length.toLocaleString()} characters)` : text;

const named = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

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

/** Have an element say a text, and say nothing where it says that already. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The editors of the request: CodeMirror, with faults shown under the lines that they are about.

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, RangeSet, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  drawSelection,
  EditorView,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  WidgetType,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { element } from "./dom.js";

const nonce = document.getElementById("page").nonce;

const colours = HighlightStyle.define([
  { tag: tags.propertyName, class: "property" },
  { tag: tags.string, class: "string" },
  { tag: [tags.number, tags.bool, tags.null], class: "value" },
]);

const setFaults = StateEffect.define();

const faultsField = StateField.define({
  create: () => RangeSet.empty,
  update(faults, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setFaults)) return decorated(transaction.state, effect.value);
    return faults.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

class Fault extends WidgetType {
  constructor(member, messages) {
    super();
    this.member = member;
    this.messages = messages;
  }

  eq(other) {
    return this.member === other.member && this.messages.join() === other.messages.join();
  }

  toDOM() {
    const lines = this.messages.map((message) => element("div", {}, element("strong", {}, this.member), ` ${message}`));
    return element("div", { class: "fault" }, ...lines);
  }
}

function decorated(state, faults) {
  const decorations = faults.flatMap(({ at, member, messages }) => {
    const line = state.doc.lineAt(Math.min(at, state.doc.length));
    return [
      Decoration.line({ class: "faulty" }).range(line.from),
      Decoration.widget({ widget: new Fault(member, messages), block: true, side: 1 }).range(line.to),
    ];
  });
  return Decoration.set(decorations, true);
}

/** An editor in `parent`; `changed` is called when its text is another, `submit` on Ctrl+Enter. */
export class Editor {
  constructor(parent, labelledBy, { isJson = false, changed, submit }) {
    const extensions = [
      EditorView.cspNonce.of(nonce),
      EditorView.contentAttributes.of({
        "aria-labelledby": labelledBy,
        "aria-multiline": "true",
        spellcheck: "false",
        tabindex: "0",
      }),
      EditorView.lineWrapping,
      EditorState.lineSeparator.of("\n"),
      drawSelection(),
      highlightSpecialChars(),
      history(),
      bracketMatching(),
      syntaxHighlighting(colours),
      faultsField,
      keymap.of([{ key: "Mod-Enter", run: () => submit() || true }, ...defaultKeymap, ...historyKeymap]),
      EditorView.updateListener.of((update) => update.docChanged && changed()),
      ...(isJson ? [json(), lineNumbers()] : []),
    ];
    this.extensions = extensions;
    this.changed = changed;
    this.view = new EditorView({ parent, state: EditorState.create({ extensions }) });
  }

  get text() {
    return this.view.state.doc.toString();
  }

  /** Another text altogether: what was before it cannot be had back by undoing. */
  set text(text) {
    this.view.setState(EditorState.create({ doc: text, extensions: this.extensions }));
    this.changed();
  }

  /** Show faults, each of `member` with its `messages` under the line of position `at`. */
  show(faults) {
    this.view.dispatch({ effects: setFaults.of(faults) });
  }

  /** Go to a position. */
  goTo(at) {
    this.view.dispatch({ selection: { anchor: Math.min(at, this.view.state.doc.length) }, scrollIntoView: true });
    this.view.focus();
  }
}

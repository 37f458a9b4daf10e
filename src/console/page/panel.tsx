import { type ComponentChildren, h } from "preact";
import { useEffect } from "preact/hooks";
import { Store, useStore } from "./store.ts";
import { t } from "./words.ts";

/** One form at a time, beside the page. The browser keeps the focus in it, and gives it back at its end. */

interface Shown {
  readonly title: string;
  readonly children: ComponentChildren;
}

const shown = new Store<Shown | null>(null);
const dialog: { current: HTMLDialogElement | null } = { current: null };

export function openPanel(title: string, children: ComponentChildren): void {
  shown.set({ title, children });
}

/** At once: the focus is back before the caller may want it elsewhere. */
export function closePanel(): void {
  dialog.current?.close();
  shown.set(null);
}

export function Panel() {
  const now = useStore(shown);
  useEffect(() => {
    if (now !== null && dialog.current?.open === false) dialog.current.showModal();
  }, [now]);
  return (
    <dialog
      class="panel"
      aria-labelledby="panel-title"
      ref={dialog}
      onClose={() => {
        // Told late: by then another form may be open.
        if (dialog.current?.open === false) closePanel();
      }}
      onMouseDown={(event) => {
        // The dialog itself is what is around its content.
        if (event.target === dialog.current) closePanel();
      }}
    >
      {now !== null && (
        <div class="panel-inside">
          <header class="panel-head">
            <h2 id="panel-title">{now.title}</h2>
            <button type="button" class="close" aria-label={t("form.close")} onClick={closePanel}>
              <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d="M3.5 3.5l9 9M12.5 3.5l-9 9" />
              </svg>
            </button>
          </header>
          {now.children}
        </div>
      )}
    </dialog>
  );
}
